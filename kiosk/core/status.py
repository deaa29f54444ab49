"""The status snapshot of the device. Page, terminal, wire and lamp show the same.

The daemon publishes it as a JSON file in the run directory (in memory, not on the SD card). Other processes read that file. It
holds outcomes and reasons, never a name, a pseudonym or a code.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from kiosk.core.model import DeviceState

STATUS_FORMAT = 1


class CheckStatus(StrEnum):
    """Result of a health check. WARN makes the device degraded, FAIL puts it out of order."""

    PASS = "ok"
    WARN = "warn"
    FAIL = "broken"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Result of one health check, with its text."""

    name: str
    status: CheckStatus
    value: str
    """Measured value with its unit, or an empty string."""
    vi: str
    en: str
    """What was found and, if it is bad, what to do."""


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
    """Number of the frame that was decided on; 0 for manual actions."""
    latency_ms: float
    """From the capture of the frame (or the guard's command) to the signal, including the commit."""
    annulled: bool = False
    """A guard undid it later."""
    annuls_seq: int | None = None
    """It is the undo of that event."""


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
class UplinkStatus:
    """Connection to the centre."""

    broker: str = ""
    """`host:port`, never a password."""
    connected: bool = False
    last_receipt_at: str | None = None
    error: str = ""
    acknowledge_by: str = "centre"
    certificate_time_error: bool = False
    """The broker's certificate is not valid by this device's clock. Either the clock or the certificate is wrong."""


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
    """Frames given up because decoding took too long."""


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
    """None if nothing can be undone."""
    outbox: OutboxStatus = field(default_factory=OutboxStatus)
    uplink: UplinkStatus = field(default_factory=UplinkStatus)
    camera: CameraStatus = field(default_factory=CameraStatus)
    clock_quality: str = ""
    lists: dict[str, str] = field(default_factory=dict)
    """Trust list and denylist: version and date, as text."""
    format: int = STATUS_FORMAT
