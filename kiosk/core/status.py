"""One snapshot of the truth about the device, the same for page, terminal, wire and lamp.

The daemon publishes it as a JSON file in the run directory (memory, not the SD card); every other process reads that file.
Nobody's data is in it: outcomes and reasons, never a name, a pseudonym or a code.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from kiosk.core.model import State

STATUS_FILE = "status.json"
FORMAT = 1


class Grade(StrEnum):
    """How bad a fact is. WARN makes the device degraded, BROKEN puts it out of order."""

    OK = "ok"
    WARN = "warn"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the self-check knows, with the sentence a person reads."""

    name: str
    grade: Grade
    value: str
    """The measured value with its unit, or an empty string."""
    vi: str
    en: str
    """What is so, and where it is bad what to do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One decision as people saw and heard it."""

    number: int
    """Counts decisions since the daemon started."""
    at: str
    outcome: str
    reason: str
    direction: str | None
    kind: str | None
    seq: int
    frame: int
    """Number of the frame that was decided on; 0 where a guard acted by hand."""
    took_ms: float
    """From the frame's capture (or the guard's order) to the signal, the commit included."""
    annulled: bool = False
    """A guard undid it afterwards."""
    annuls_seq: int | None = None
    """It is the undoing of that record."""


@dataclass(frozen=True, slots=True)
class UndoStatus:
    """The passage that a guard can still undo."""

    seq: int
    at: str
    direction: str
    reason: str
    kind: str | None
    left_s: float
    """For so much longer, at the time of the snapshot."""


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What waits for the centre."""

    depth: int = 0
    oldest_at: str | None = None
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """The way to the centre."""

    broker: str = ""
    """`host:port`, never a password."""
    connected: bool = False
    last_receipt_at: str | None = None
    trouble: str = ""
    delivery: str = "centre"
    clock: bool = False
    """The broker's certificate is not valid by this device's clock: one of the two will mend it."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What the camera sees, in numbers."""

    source: str = ""
    frame: int = 0
    age_s: float | None = None
    """Since the last frame was captured."""
    mean_luma: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    module_px: float | None = None
    """Of the last code read."""
    overruns: int = 0
    """Frames that were given up because reading them took too long."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything, at one moment."""

    version: str
    site: str
    device: str
    pid: int
    started_at: str
    now_at: str
    state: State
    epoch: str
    seq: int
    """Of the newest record."""
    facts: tuple[Fact, ...] = ()
    shown: tuple[Shown, ...] = ()
    """The last decisions, newest last, at most 20."""
    counters: dict[str, int] = field(default_factory=dict)
    """Decisions since the daemon started, by outcome; `annulled` for those that a guard undid, which are counted as passes too."""
    inside: int = 0
    capacity: int | None = None
    """The most people inside; None: no limit."""
    undo: UndoStatus | None = None
    """None while there is nothing that could be undone."""
    outbox: OutboxStatus = field(default_factory=OutboxStatus)
    uplink: UplinkStatus = field(default_factory=UplinkStatus)
    camera: CameraStatus = field(default_factory=CameraStatus)
    clock: str = ""
    lists: dict[str, str] = field(default_factory=dict)
    """Trust list and denylist: version and date, as text."""
    format: int = FORMAT


def publish(status: Status, run_dir: Path) -> None:
    """Write the snapshot so that a reader sees the old or the new one, never a half. No fsync: it lives in memory."""
    target = run_dir / STATUS_FILE
    draft = run_dir / f".{STATUS_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(status), ensure_ascii=False), encoding="utf-8")
    draft.replace(target)


def withdraw(run_dir: Path) -> None:
    """Take the snapshot away at a clean stop: a reader then says "not running" at once."""
    with contextlib.suppress(FileNotFoundError):
        (run_dir / STATUS_FILE).unlink()


def load(run_dir: Path) -> dict[str, Any] | None:
    """Read the daemon's last snapshot as plain JSON values, or None where there is none (or it is not one)."""
    try:
        found = json.loads((run_dir / STATUS_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None
