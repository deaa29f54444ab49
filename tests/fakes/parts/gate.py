"""A gate with a scripted scene: which codes are shown and when, and the order of its actions."""

from dataclasses import dataclass, field
from datetime import datetime
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
    """Fake decoder, store, signal and clock in one. `happened` has all actions in their order."""

    codes: tuple[bytes, ...] = ()
    now: ClockReading = field(default_factory=moment)
    disk_is_full: bool = False
    happened: list[str] = field(default_factory=list)
    records: list[AccessEvent] = field(default_factory=list)
    lights: list[Outcome] = field(default_factory=list)
    counted_refusals: int = 0

    def decode(self, frame: Frame) -> DecodeResult:
        return DecodeResult(tuple(DecodedCode(code, "scene") for code in self.codes))

    def commit(self, event: AccessEvent) -> StoredEvent:
        if self.disk_is_full:
            raise StoreError("the disk is full")
        self.happened.append("record")
        self.records.append(event)
        return StoredEvent("epoch", len(self.records), "boot", event)

    def add_counted_refusals(self, count: int, at: datetime) -> None:
        if self.disk_is_full:
            raise StoreError("the disk is full")
        self.counted_refusals += count

    def show(self, outcome: Outcome) -> None:
        self.happened.append("light")
        self.lights.append(outcome)

    def set_idle_state(self, state: DeviceState) -> None:
        self.happened.append(f"rest {state}")

    def close(self) -> None:
        self.happened.append("close")

    def gate(self, policy: rules.AccessPolicy | None = None) -> Gate:
        """A gate without earlier visits."""
        return make_gate(self, self, VisitTracker(window_s=8), LastAccessEvent(30, boot_id="boot"), policy)


class Watched(Decoder, Signal, Protocol):
    """Fake decoder and signal with a clock."""

    now: ClockReading


@dataclass
class SetClock:
    """A clock that reads the time set in the scene."""

    watched: Watched

    def now(self) -> ClockReading:
        return self.watched.now


def make_gate(
    watched: Watched,
    store: EventStore,
    visits: VisitTracker,
    last: LastAccessEvent,
    policy: rules.AccessPolicy | None = None,
) -> Gate:
    """A gate with the lists of the sample world. It seals to PUBLIC."""
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
