"""The daemon's status snapshot as a JSON file in its run directory, which is in memory and not on the SD card."""

import contextlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk.core.status import STATUS_FORMAT, StatusSnapshot
from kiosk.system import atomic_files

STATUS_FILE = "status.json"
MAX_AGE_S = 5.0
"""The daemon publishes once a second. On a busy board one may be late."""
MAX_CLOCK_AHEAD_S = 2.0


def publish_status(status: StatusSnapshot, run_dir: Path) -> None:
    """Write the snapshot atomically: a reader sees the old or the new one. No fsync, because the file is in memory."""
    content = json.dumps(asdict(status), ensure_ascii=False).encode()
    atomic_files.write_file(run_dir / STATUS_FILE, content, durable=False)


def probe_writable(run_dir: Path) -> None:
    """Write and delete a small file as a snapshot is written. Raises OSError."""
    atomic_files.write_file(run_dir / ".probe", b"{}" * 2048, durable=False)
    (run_dir / ".probe").unlink(missing_ok=True)


def remove_status(run_dir: Path) -> None:
    """Delete the snapshot at a clean stop. Readers then show "not running" at once."""
    with contextlib.suppress(OSError):  # a read-only folder: readers judge the age of the snapshot
        (run_dir / STATUS_FILE).unlink(missing_ok=True)


def status_age_s(run_dir: Path, found: Mapping[str, Any]) -> float:
    """Age of a snapshot of `read_status` by the wall clock. Negative where the clock was set back since."""
    now_s = time.time()
    ages = []
    with contextlib.suppress(OSError):
        ages.append(now_s - (run_dir / STATUS_FILE).stat().st_mtime)
    with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
        ages.append(now_s - datetime.fromisoformat(found["now_at"]).timestamp())
    return max(ages, key=abs, default=math.inf)


def read_fresh_status(run_dir: Path) -> dict[str, Any] | None:
    """The daemon's snapshot, if it describes the present. None if there is none, or it is invalid or old."""
    found = read_status(run_dir)
    return None if found is None or is_stale(status_age_s(run_dir, found)) else found


def is_stale(age_s: float) -> bool:
    """Whether a snapshot of this age describes the past: the daemon was killed, hangs, or the clock was set."""
    return not -MAX_CLOCK_AHEAD_S <= age_s <= MAX_AGE_S


def read_status(run_dir: Path) -> dict[str, Any] | None:
    """Read the daemon's last snapshot as plain JSON values. None if there is none or it is invalid."""
    found = atomic_files.read_json(run_dir / STATUS_FILE)
    return found if found and found.get("format") == STATUS_FORMAT else None
