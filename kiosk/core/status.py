"""The status snapshot of the device. Page, terminal, wire and lamp show the same.

The daemon publishes it as a JSON file in the run directory (in memory, not on the SD card). Other processes read that file. It
holds outcomes and reasons, never a name, a pseudonym or a code.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from kiosk.core.model import DeviceState

STATUS_FORMAT = 2


class CheckStatus(StrEnum):
    """Result of a health check. WARN makes the device degraded, FAIL puts it out of order."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Result of one health check in codes and numbers. The words are in the catalogues (kiosk/system/messages.py)."""

    code: str
    status: CheckStatus
    value: float | None = None
    """What was measured. None: this check has no number."""
    unit: str = ""
    """Of the value: `s`, `MB`, `°C` or `events`."""
    reason: str = ""
    """Which of the findings of this check it is, such as `frozen`. Empty if there is only one."""
    detail: str = ""
    """A technical text in English, such as a driver's error, or a name. Shown in brackets behind the sentence."""

    def __str__(self) -> str:
        """For the log: `camera: no-frames, 5 s (no such device)`."""
        measured = "" if self.value is None else f", {self.value:g} {self.unit}".rstrip()
        return f"{self.code}: {self.reason or self.status}{measured}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class RecentDecision:
    """One decision as shown at the gate."""

    number: int
    """Counts decisions since the daemon started."""
    at: str
    outcome: str
    reason: str
    direction: str | None
    kind: str | None
    seq: int
    frame_number: int
    """Number of the frame that was decided on; 0 for manual actions and for codes of a scanner."""
    latency_ms: float
    """From the capture of the frame (or the guard's command) to the signal, including the commit."""
    annulled: bool = False
    """A guard undid it later."""
    annuls_seq: int | None = None
    """It is the undo of that event."""


class PauseReason(StrEnum):
    """Why an administrator paused the gate (wire value). A fixed word, so that it names no person."""

    CLEANING = "cleaning"
    BREAK = "break"
    CROWD = "crowd"
    """Many people at once, such as an event: the guard lets them in by hand."""
    REPAIR = "repair"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PauseStatus:
    """A pause of the gate."""

    since_at: str
    reason: str = ""
    """A PauseReason. Empty if none was given, as by the centre."""
    until_at: str | None = None
    """When it ends by itself. None: a person ends it."""


@dataclass(frozen=True, slots=True)
class UndoStatus:
    """The event that a guard can still undo."""

    seq: int
    at: str
    direction: str
    reason: str
    kind: str | None
    remaining_s: float
    """Remaining time to undo it, at the time of the snapshot."""


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Events waiting for delivery."""

    backlog_size: int = 0
    oldest_at: str | None = None
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class ListStatus:
    """A signed list that is in use."""

    number: int
    issued_at: str


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """Connection to the centre."""

    broker: str = ""
    """`host:port`, never a password."""
    connected: bool = False
    last_receipt_at: str | None = None
    error: str = ""
    acknowledge_by: str = "centre"
    certificate_time_error: bool = False
    """The broker's certificate is not valid yet by this device's clock. Either the clock or the certificate is wrong."""
    refused: bool = False
    """The broker refuses this device, what it sends or what it subscribes to, or TLS with it fails. `error` says why."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """Measurements of the camera."""

    source: str = ""
    frame_number: int = 0
    frame_age_s: float | None = None
    """Since the last frame was captured."""
    mean_luma: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    module_px: float | None = None
    """Of the last code read."""
    timed_out_frames: int = 0


@dataclass(frozen=True, slots=True)
class EnrolmentStatus:
    """How far the enrolment of a kiosk is that has no name yet."""

    stage: str
    """`no-code`, `joining-wifi`, `no-network`, `waiting`, `installing`, `done` or `failed`."""
    reason: str = ""
    """Why it failed or cannot go on, as a code."""
    name: str = ""
    """SITE/DEVICE of the code that was shown."""
    words: dict[str, str] = field(default_factory=dict)
    """By language: four words of the key of this device. The centre shows the same."""
    expires_at: str | None = None
    """End of the code."""


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """The state of the whole device at one moment."""

    version: str
    site: str
    device: str
    pid: int
    started_at: str
    now_at: str
    state: DeviceState
    epoch: str
    seq: int
    """Of the newest event."""
    checks: tuple[HealthCheck, ...] = ()
    recent_decisions: tuple[RecentDecision, ...] = ()
    """Newest last, at most 20."""
    counters: dict[str, int] = field(default_factory=dict)
    """Decisions since the daemon started, by outcome. `annulled` counts undone ones, which are counted under their outcome too."""
    occupancy: int = 0
    capacity: int | None = None
    """Maximum number of people inside. None: no limit."""
    undo: UndoStatus | None = None
    pause: PauseStatus | None = None
    """None: the gate is not paused."""
    outbox: OutboxStatus = field(default_factory=OutboxStatus)
    uplink: UplinkStatus = field(default_factory=UplinkStatus)
    camera: CameraStatus = field(default_factory=CameraStatus)
    clock_quality: str = ""
    lists: dict[str, ListStatus] = field(default_factory=dict)
    """`trust` and, if there is one, `denylist`."""
    enrolment: EnrolmentStatus | None = None
    """None: this device has a name."""
    format: int = STATUS_FORMAT
