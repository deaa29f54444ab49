"""Where the world plugs in: one protocol per port, and the errors that its drivers raise.

KioskError
+-- CameraTrouble   the camera gave no picture; the driver may be opened again
+-- SignalTrouble   the pins of lamps, buzzer or relay cannot be had, or no longer obey
+-- StoreTrouble    the disk did not take a record; nobody gets green
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from kiosk.core.model import Claim, Moment, Outcome, Passage, Refusal, DecodeResult, State, Stored

if TYPE_CHECKING:  # the page knows the ports' errors, and has no use for numpy
    from kiosk.core.frame import Frame


class KioskError(Exception):
    """Root of the errors that this product raises on purpose."""


class CameraTrouble(KioskError):
    """The camera is absent, hangs or was unplugged."""


class SignalTrouble(KioskError):
    """The pins cannot be had (no pins here, taken by another program), or driving them failed."""


class StoreTrouble(KioskError):
    """A record could not be committed: disk full, read-only, damaged."""


class Camera(Protocol):
    """A source of frames. One thread owns it; only `close` may come from another."""

    def open(self) -> None:
        """Start the sensor. Raises CameraTrouble. May be called again after `close`."""

    def capture(self, timeout_s: float) -> "Frame":
        """Wait for the next frame. Raises CameraTrouble when none comes in time."""

    def close(self) -> None:
        """Stop the sensor; harmless when it is closed already."""


class Decoder(Protocol):
    """Luma in, code bytes out. Never raises on any picture."""

    def read(self, frame: "Frame") -> DecodeResult:
        """All distinct codes in the frame, within the decoder's time budget."""


class Verifier(Protocol):
    """Code bytes in, claim or refusal out. Never raises on any bytes; keeps no copy of them."""

    def verify(self, data: bytes, now: Moment) -> Claim | Refusal:
        """Judge the code itself (form, signature); validity in time is for the rules."""


class Signal(Protocol):
    """Lamps and buzzer. Calls return at once; a pattern player of the driver's own does the timing."""

    def show(self, outcome: Outcome) -> None:
        """Play an outcome's pattern, then fall back to the resting state; a newer call cuts in."""

    def rest(self, state: State) -> None:
        """What to show between people."""

    def close(self) -> None:
        """All lamps off, pins released."""


class Store(Protocol):
    """The passages on disk. `commit` is called by the gate's thread alone."""

    def commit(self, event: Passage) -> Stored:
        """Write and fsync; when this returns the record survives a power cut. Raises StoreTrouble."""


class NoticeLike(Protocol):
    """Something that the store did to its records."""

    @property
    def number(self) -> int:
        """1, 2, 3 ... within the epoch."""

    @property
    def kind(self) -> str:
        """A word of the wire."""

    @property
    def at(self) -> str:
        """ISO 8601."""

    @property
    def first_seq(self) -> int | None:
        """Of the records that it is about."""

    @property
    def last_seq(self) -> int | None:
        """Of the same."""

    @property
    def count(self) -> int:
        """How many records."""

    @property
    def detail(self) -> str:
        """More, in words."""


class Outbox(Protocol):
    """What the courier needs of the store; safe from the courier's thread."""

    @property
    def epoch(self) -> str:
        """Which life of the database this is."""

    @property
    def boot_id(self) -> str:
        """The kernel's name for this boot."""

    @property
    def newest_seq(self) -> int:
        """Of the last committed passage; 0 where there is none."""

    def waiting(self, after_seq: int, limit: int) -> Sequence[Stored]:
        """Undelivered passages with seq > after_seq, oldest first, at most `limit`."""

    def events(self, source: str, after_seq: int, limit: int) -> Sequence[tuple[int, str]]:
        """The same as seq and CloudEvent (JSON text) of the device that `source` names."""

    def depth(self) -> int:
        """How many passages the centre has not confirmed."""

    def settle(
        self, up_to_seq: int, ranges: Sequence[tuple[int, int]] = (), rejected: Sequence[tuple[int, str]] = ()
    ) -> None:
        """The centre has 1..up_to_seq and the ranges `beyond`, it refuses (seq, reason). Raises StoreTrouble."""

    def purged(self) -> int:
        """How many records retention and limits deleted. Raises StoreTrouble."""

    def notices(self, limit: int, before_number: int = ...) -> Sequence["NoticeLike"]:
        """What was deleted, thinned or set aside, newest first, numbers below `before`. Raises StoreTrouble."""

    def tend(self, now: Moment) -> int:
        """Let go what the limits say; how many records. Raises StoreTrouble."""

    def release_quarantine(self) -> int:
        """Put what the centre refused back among the waiting; how many. Raises StoreTrouble."""

    def quarantined(self) -> int:
        """How many passages the centre refused and has not taken since."""


class Clock(Protocol):
    """Time, injectable."""

    def now(self) -> Moment:
        """Both clocks, read together."""
