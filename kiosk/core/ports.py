"""The interfaces of the device (one protocol per port) and the errors that their drivers raise.

KioskError
+-- CameraError   no frame from the camera; the driver may be opened again
+-- ScannerError  the scanner is absent or was unplugged; it may be opened again
+-- SignalError   the pins of lamps, buzzer or relay are not available, or driving them failed
+-- StoreError    an event could not be committed; no green light is shown
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from kiosk.core.model import AccessEvent, Claim, ClockReading, DecodeResult, DeviceState, Outcome, Refusal, StoredEvent

if TYPE_CHECKING:  # the web UI needs these errors and must not import numpy
    from kiosk.core.frame import Frame


class KioskError(Exception):
    """Base class of the errors that this product raises on purpose."""


class CameraError(KioskError):
    """The camera is absent, hangs or was unplugged."""


class ScannerError(KioskError):
    """The scanner is absent, was unplugged or is used by another program."""


class SignalError(KioskError):
    """The pins are not available (no GPIO here, or used by another process), or driving them failed."""


class StoreError(KioskError):
    """An event could not be committed: disk full, read-only or damaged."""


class Camera(Protocol):
    """A source of frames. One thread owns it. `close` may be called from any thread."""

    def open(self) -> None:
        """Start the sensor. Raises CameraError. May be called again after `close`."""

    def capture(self, timeout_s: float) -> "Frame":
        """Wait for the next frame. Raises CameraError if none arrives in time."""

    def close(self) -> None:
        """Stop the sensor. Does nothing if it is closed already."""


class CodeScanner(Protocol):
    """A device that reads codes itself and sends their text. One thread owns it."""

    def open(self) -> None:
        """Raises ScannerError. May be called again, for example after it was plugged in again."""

    def read(self, timeout_s: float) -> bytes | None:
        """The next code. None if none began within the time. Raises ScannerError, and then `open` is to be called again."""

    def close(self) -> None:
        """Does nothing if it is closed already."""


class Decoder(Protocol):
    """Reads codes from frames. Never raises, whatever the image."""

    def decode(self, frame: "Frame") -> DecodeResult:
        """All distinct codes in the frame, found within the decoder's time budget."""


class Verifier(Protocol):
    """Checks codes. Never raises, whatever the bytes, and keeps no copy of them."""

    def verify(self, data: bytes, now: ClockReading) -> Claim | Refusal:
        """Check the form and the signature of a code. The rules check its validity in time."""


class Signal(Protocol):
    """Lamps, buzzer and relay. Calls return at once: the driver's own thread plays the patterns."""

    def show(self, outcome: Outcome) -> None:
        """Play the pattern of an outcome, then return to the idle state. A newer call replaces it."""

    def set_idle_state(self, state: DeviceState) -> None:
        """Set what is shown between visitors."""

    def close(self) -> None:
        """Switch all outputs off and release the pins."""


class EventStore(Protocol):
    """Durable storage of access events. Only the gate's thread calls `commit`."""

    def commit(self, event: AccessEvent) -> StoredEvent:
        """Write and fsync. The event survives a power cut once this returns. Raises StoreError."""

    def add_counted_refusals(self, count: int, at: datetime) -> None:
        """Declare refusals of a flood that got no event of their own, in a notice. Only the gate's thread. Raises StoreError."""


class NoticeLike(Protocol):
    """A notice: something that the store did to its records."""

    @property
    def number(self) -> int:
        """1, 2, 3 ... within the epoch."""

    @property
    def kind(self) -> str:
        """Wire value."""

    @property
    def at(self) -> str:
        """ISO 8601."""

    @property
    def first_seq(self) -> int | None:
        """First record concerned."""

    @property
    def last_seq(self) -> int | None:
        """Last record concerned."""

    @property
    def count(self) -> int:
        """Number of records."""

    @property
    def detail(self) -> str:
        """Details as text."""


class Outbox(Protocol):
    """What delivery needs of the store. Safe to call from the delivery thread."""

    @property
    def epoch(self) -> str:
        """Identifies one life of the database."""

    @property
    def base_seq(self) -> int:
        """Events up to this seq belong to earlier epochs. On the wire, an event has its seq minus this."""

    def bind_source(self, source: str, board: str = "") -> None:
        """The device's name on the wire, and the board. A database of another device or board starts a new epoch.

        `board`: empty if this machine cannot tell. Raises StoreError.
        """

    def start_new_epoch(self, reason: str) -> None:
        """Give all undelivered events a new epoch, in which they are sent again. Raises StoreError."""

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""

    @property
    def boot_ids(self) -> Mapping[int, str]:
        """The boot ids by the numbers that stand in rows."""

    @property
    def newest_seq(self) -> int:
        """Of the last committed event; 0 if there is none."""

    def pending_rows(self, after_seq: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Undelivered events with seq > after_seq, oldest first, at most `limit`: rows of EVENT_COLUMNS, for EventEncoder."""

    def event_ids(self, first_seq: int, last_seq: int) -> Mapping[int, bytes]:
        """The ids of these events by seq. Raises StoreError."""

    def quarantine_unreadable(self, reasons: Mapping[int, str]) -> None:
        """Put pending events aside that cannot be understood, each with its reason. Raises StoreError."""

    def settle_missing_rows(self) -> None:
        """Let nothing wait for pending events whose rows are gone. Raises StoreError."""

    def backlog_size(self) -> int:
        """Number of events that are not acknowledged."""

    def acknowledge(
        self, up_to_seq: int, ranges: Sequence[tuple[int, int]] = (), rejected: Sequence[tuple[int, str]] = ()
    ) -> None:
        """The centre has 1..up_to_seq and `ranges`. It rejects (seq, reason). Raises StoreError."""

    def purged_count(self) -> int:
        """Number of records deleted by retention and limits. Raises StoreError."""

    def notices(self, limit: int, before_number: int = ...) -> Sequence["NoticeLike"]:
        """Deletions, redactions and quarantined files, newest first, numbers below `before_number`. Raises StoreError."""

    def run_maintenance(self, now: ClockReading) -> int:
        """Apply the retention limits. Returns the number of deleted records. Raises StoreError."""

    def release_quarantine(self, only_seq: int | None = None, retry: "QuarantineSelection | None" = None) -> int:
        """Make rejected events (one, or those of a selection) pending again. Returns their number. Raises StoreError."""

    def quarantined_count(self) -> int:
        """Number of events that the centre rejected and has not accepted since."""


@dataclass(frozen=True, slots=True)
class QuarantineSelection:
    """Some of the events in quarantine."""

    reasons: frozenset[str]
    occurred_since_at: datetime


class Clock(Protocol):
    """Source of time, replaceable in tests."""

    def now(self) -> ClockReading:
        """Both clocks, read together."""
