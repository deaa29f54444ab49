"""Reads what the installer notes about releases: a trial, and a release that was taken back until a person acknowledges it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.system import atomic_files

PROGRAM_DIR = Path("/opt/entrance-kiosk")
"""Where the packages install releases. The files in it are those of kiosk/installer/layout.py."""
NOTICE_KINDS = frozenset({"returned", "refused", "neither-works"})
DEFAULT_TRIAL_S = 1800.0


@dataclass(frozen=True, slots=True)
class ReleaseNotice:
    """What people should know about the releases of this device."""

    kind: str | None = None
    """`returned`, `refused` or `neither-works`: a release is not in use. Empty: nothing to say. None: no packages here."""
    detail: str = ""
    """`0.9.3 -> 0.9.2: not ready`: the release that failed, the one that runs, and why."""
    trial_remaining_s: float | None = None
    """How long the running release is still on trial. None: it is not."""


class ReleaseNotices:
    """Reads the notes of the installer. `acknowledge`: any thread. Never raises for a file that cannot be read."""

    def __init__(self, program_dir: Path, acknowledged_file: Path) -> None:
        """`acknowledged_file`: in the folder of the daemon, which may not write in `program_dir`."""
        self._notice_file = program_dir / "notice.json"
        self._trial_file = program_dir / "trial.json"
        self._acknowledged_file = acknowledged_file

    def read(self) -> ReleaseNotice:
        """What is noted now."""
        if not self._notice_file.parent.is_dir():
            return ReleaseNotice()
        found = _read(self._notice_file)
        kind = str(found.get("kind", ""))
        if kind not in NOTICE_KINDS or found == _read(self._acknowledged_file):
            return ReleaseNotice("", trial_remaining_s=self._trial_remaining_s())
        text = {name: " ".join(str(found.get(name, "?")).split()) for name in ("failed", "runs", "reason")}
        detail = f"{text['failed']} -> {text['runs']}: {text['reason']}"
        return ReleaseNotice(kind, detail, self._trial_remaining_s())

    def acknowledge(self) -> bool:
        """An administrator has read the notice of this moment. False if there is none. Raises OSError."""
        found = _read(self._notice_file)
        if found:
            atomic_files.write_json(self._acknowledged_file, found)
        return bool(found)

    def _trial_remaining_s(self) -> float | None:
        trial = _read(self._trial_file)
        if not trial or trial.get("good") is not False:
            return None
        try:
            return max(0.0, float(trial.get("trial_s", DEFAULT_TRIAL_S)) - float(trial.get("elapsed_s", 0.0)))
        except (TypeError, ValueError):
            return None


def _read(path: Path) -> Mapping[str, Any]:
    with contextlib.suppress(OSError, RecursionError):
        return atomic_files.read_json(path) or {}
    return {}
