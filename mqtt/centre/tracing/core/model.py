"""Values of tracing: passages, people, stays and contacts. Immutable. Times are UTC."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from uuid import UUID

Identifier = tuple[str, str]
"""Scheme and value, for example `("document", "046190000001")`."""


class Grade(StrEnum):
    """How well the records show a stay or a contact."""

    PAIRED = "paired"
    """The way in and the way out were both recorded, with a right clock."""
    ASSUMED = "assumed"
    """One of the two is missing, or a clock was not synchronised."""


class PassageState(StrEnum):
    """Whether a passage counts as a step of a stay."""

    COUNTED = "counted"
    REFUSED = "refused"
    ANNULLED = "annulled"
    CLOCK_UNSET = "clock-unset"
    """Its time is not known, also not from later events of the same start of the device."""


@dataclass(frozen=True, slots=True)
class SealedPassage:
    """One event of a gate, as the centre or an extract has it."""

    id: UUID
    site: str
    gate: str
    """SITE/DEVICE on the wire."""
    at: datetime | None
    """None: the clock was unset, and nothing corrects it."""
    received_at: datetime
    direction: str | None
    result: str
    """`pass`, `fail` or `check-again`."""
    reason: str
    is_annulled: bool
    has_exact_time: bool
    """False: the clock ran freely, so the time may be some minutes off."""
    kind: str | None
    sealed: bytes = field(repr=False)

    @property
    def state(self) -> PassageState:
        """Whether it counts, or why not."""
        if self.is_annulled:
            return PassageState.ANNULLED
        if self.result != "pass":
            return PassageState.REFUSED
        return PassageState.COUNTED if self.at is not None else PassageState.CLOCK_UNSET


@dataclass(frozen=True, slots=True)
class TracedSubject:
    """A person as one code names them. It is kept in the results of a case only."""

    identifiers: tuple[Identifier, ...] = field(repr=False)
    name: str = field(default="", repr=False)
    born: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class UnsealedPassage:
    """A passage with its subject. `problem` is why there is none: a code, empty where there is one."""

    passage: SealedPassage
    subject: TracedSubject | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StayRules:
    """How a missing way in or out is filled in at one site."""

    usual_stay: timedelta
    """The longest usual stay at such a place."""
    reset_at: time | None
    """Hour of the city at which all people count as gone. None: people stay over night."""
    zone: tzinfo
    clock_margin: timedelta = timedelta(minutes=5)
    """How far a clock that is not synchronised may be off."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One person at one site, from the way in to the way out."""

    person: int
    site: str
    since_at: datetime
    until_at: datetime
    grade: Grade
    entry: UUID | None = None
    """Passage of the way in. None: it is missing."""
    exit: UUID | None = None
    """Passage of the way out. None: it is missing."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Two people at the same site at the same time. `person` asked, `other` was there too."""

    person: int
    other: int
    site: str
    since_at: datetime
    until_at: datetime
    grade: Grade
    degree: int = 1

    @property
    def minutes(self) -> int:
        """Length of the overlap in whole minutes."""
        return int((self.until_at - self.since_at).total_seconds() // 60)
