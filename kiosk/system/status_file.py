"""The daemon's status snapshot as a JSON file in its run directory, which is in memory and not on the SD card."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kiosk.core.status import STATUS_FORMAT, StatusSnapshot
from kiosk.system import atomic_files

STATUS_FILE = "status.json"


def publish_status(status: StatusSnapshot, run_dir: Path) -> None:
    """Write the snapshot atomically: a reader sees the old or the new one. No fsync, because the file is in memory."""
    content = json.dumps(asdict(status), ensure_ascii=False).encode()
    atomic_files.write_file(run_dir / STATUS_FILE, content, durable=False)


def remove_status(run_dir: Path) -> None:
    """Delete the snapshot at a clean stop. Readers then show "not running" at once."""
    (run_dir / STATUS_FILE).unlink(missing_ok=True)


def read_status(run_dir: Path) -> dict[str, Any] | None:
    """Read the daemon's last snapshot as plain JSON values. None if there is none or it is invalid."""
    found = atomic_files.read_json(run_dir / STATUS_FILE)
    return found if found and found.get("format") == STATUS_FORMAT else None
