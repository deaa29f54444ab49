"""A gate before a scene that a test sets: who shows a code and when, and what happened in which order."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kiosk.core import rules
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import AccessEvent, ClockReading, DecodedCode, DecodeResult, DeviceState, Outcome, StoredEvent
from kiosk.core.ports import Decoder, EventStore, Signal, StoreError
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.subject_sealing import Pseudonymizer, Seal
from kiosk.core.visits import VisitTracker
from tests.fakes.data.people import centre_key, dispatcher, moment

PRIVATE, PUBLIC = centre_key()
FRAME = Frame(np.zeros((4, 4), np.uint8), 1, 0.0)


@dataclass
class Scene:
    """What the camera sees, what time it is, whether the disk takes records, and what happened in which order."""

    codes: tuple[bytes, ...] = ()
    now: ClockReading = field(default_factory=moment)
    disk_is_full: bool = False
    happened: list[str] = field(default_factory=list)
    records: list[AccessEvent] = field(default_factory=list)
    lights: list[Outcome] = field(default_factory=list)

    def decode(self, frame: Frame) -> DecodeResult:
        return DecodeResult(tuple(DecodedCode(code, "scene") for code in self.codes))

    def commit(self, passage: AccessEvent) -> StoredEvent:
        if self.disk_is_full:
            raise StoreError("the disk is full")
        self.happened.append("record")
        self.records.append(passage)
        return StoredEvent("epoch", len(self.records), "boot", passage)

    def show(self, outcome: Outcome) -> None:
        self.happened.append("light")
        self.lights.append(outcome)

    def set_idle_state(self, state: DeviceState) -> None:
        self.happened.append(f"rest {state}")

    def close(self) -> None:
        self.happened.append("close")

    def gate(self, policy: rules.AccessPolicy | None = None) -> Gate:
        """A gate that remembers nobody yet."""
        return gate_before(self, self, VisitTracker(window_s=8), LastAccessEvent(30, boot_id="boot"), policy)


class Watched(Decoder, Signal, Protocol):
    """What a gate has before it: who shows a code, which lights are seen, and the time of it."""

    now: ClockReading


@dataclass
class SetClock:
    """The time that is set in what it watches."""

    watched: Watched

    def now(self) -> ClockReading:
        return self.watched.now


def gate_before(
    watched: Watched,
    store: EventStore,
    visits: VisitTracker,
    last: LastAccessEvent,
    policy: rules.AccessPolicy | None = None,
) -> Gate:
    """A gate that knows the sample world and seals to PUBLIC."""
    return Gate(
        decoder=watched,
        verifier=dispatcher(),
        visits=visits,
        policy=policy or rules.AccessPolicy(),
        pseudonymizer=Pseudonymizer(b"k" * 32),
        seal=Seal(PUBLIC),
        event_store=store,
        signal=watched,
        clock=SetClock(watched),
        last_event=last,
    )
