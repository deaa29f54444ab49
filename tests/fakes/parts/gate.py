"""A gate before a scene that a test sets: who shows a code and when, and what happened in which order."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kiosk.core import rules
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import Moment, Outcome, Passage, Reading, Sight, State, Stored
from kiosk.core.ports import Decoder, Signal, Store, StoreTrouble
from kiosk.core.reversal import LastPassage
from kiosk.core.subject_sealing import Pseudonyms, Seal
from kiosk.core.visits import Visits
from tests.fakes.data.people import centre_key, dispatcher, moment

PRIVATE, PUBLIC = centre_key()
FRAME = Frame(np.zeros((4, 4), np.uint8), 1, 0.0)


@dataclass
class Scene:
    """What the camera sees, what time it is, whether the disk takes records, and what happened in which order."""

    codes: tuple[bytes, ...] = ()
    now: Moment = field(default_factory=moment)
    disk_is_full: bool = False
    happened: list[str] = field(default_factory=list)
    records: list[Passage] = field(default_factory=list)
    lights: list[Outcome] = field(default_factory=list)

    def read(self, frame: Frame) -> Sight:
        return Sight(tuple(Reading(code, "scene") for code in self.codes))

    def commit(self, passage: Passage) -> Stored:
        if self.disk_is_full:
            raise StoreTrouble("the disk is full")
        self.happened.append("record")
        self.records.append(passage)
        return Stored("epoch", len(self.records), "boot", passage)

    def show(self, outcome: Outcome) -> None:
        self.happened.append("light")
        self.lights.append(outcome)

    def rest(self, state: State) -> None:
        self.happened.append(f"rest {state}")

    def close(self) -> None:
        self.happened.append("close")

    def gate(self, policy: rules.Policy | None = None) -> Gate:
        """A gate that remembers nobody yet."""
        return gate_before(self, self, Visits(window_s=8), LastPassage(30, boot_id="boot"), policy)


class Watched(Decoder, Signal, Protocol):
    """What a gate has before it: who shows a code, which lights are seen, and the time of it."""

    now: Moment


@dataclass
class SetClock:
    """The time that is set in what it watches."""

    watched: Watched

    def now(self) -> Moment:
        return self.watched.now


def gate_before(
    watched: Watched, store: Store, visits: Visits, last: LastPassage, policy: rules.Policy | None = None
) -> Gate:
    """A gate that knows the sample world and seals to PUBLIC."""
    return Gate(
        decoder=watched,
        verifier=dispatcher(),
        visits=visits,
        policy=policy or rules.Policy(),
        pseudonyms=Pseudonyms(b"k" * 32),
        seal=Seal(PUBLIC),
        store=store,
        signal=watched,
        clock=SetClock(watched),
        last=last,
    )
