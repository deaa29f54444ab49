"""Reads the state of the operating system's security updates, which `kiosk os-updates` writes."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from kiosk.system import atomic_files

STATE_FILE = Path("/var/lib/entrance-kiosk-os-updates/state.json")
RESTART_MARK = Path("/run/reboot-required")
"""Written by packages whose update takes effect after a restart (Debian Policy has no rule; update-notifier and others)."""


@dataclass(frozen=True, slots=True)
class OsUpdates:
    """State of the updates. All defaults: not configured on this machine."""

    succeeded_at_s: float | None = None
    """Wall clock of the last attempt that reached its end, seconds since 1970."""
    pending: int = 0
    error: str = ""
    """Why the last attempt failed. Empty if it succeeded."""
    restart_needed: bool = False


def read_os_updates(state_file: Path = STATE_FILE, restart_mark: Path = RESTART_MARK) -> OsUpdates:
    """What is known now. Never raises for a file that cannot be read."""
    with contextlib.suppress(OSError, RecursionError, TypeError, ValueError, OverflowError):
        found = atomic_files.read_json(state_file)
        if found is not None:
            return OsUpdates(
                float(found["succeeded_at_s"]) if "succeeded_at_s" in found else None,
                max(0, int(found.get("pending", 0))),
                " ".join(str(found.get("error", "")).split())[:200],
                restart_mark.exists(),
            )
    return OsUpdates()
