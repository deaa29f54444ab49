"""What an answer holds, as plain lists for its encrypted form: people, passages, stays and contacts. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mqtt.centre.tracing.core.model import Contact, Grade, PassageState, Stay, UnsealedPassage


@dataclass(frozen=True, slots=True)
class AnswerPerson:
    """A person with all identifiers that their codes showed."""

    identifiers: tuple[tuple[str, str], ...] = field(repr=False)
    name: str = field(repr=False)
    born: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnswerPassage:
    """One passage. `person` is a place in `people`, or None with a `problem`."""

    at: datetime | None
    received_at: datetime
    site: str
    gate: str
    direction: str | None
    state: PassageState
    reason: str
    person: int | None
    problem: str
    id: str
    """Of the event, for its erasure."""


@dataclass(frozen=True, slots=True)
class AnswerStay:
    """One stay."""

    person: int
    site: str
    since_at: datetime
    until_at: datetime
    grade: Grade


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer. Persons are places in `people`."""

    people: tuple[AnswerPerson, ...] = ()
    passages: tuple[AnswerPassage, ...] = ()
    stays: tuple[AnswerStay, ...] = ()
    contacts: tuple[Contact, ...] = ()
    at_site_that_day: int = 0
    """Passages at the site on the days of the question, whatever their hour."""
    unreadable: int = 0
    """Passages whose subject could not be unsealed: the key of their week is not here any more, or they are damaged."""

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "people": [[list(map(list, one.identifiers)), one.name, one.born] for one in self.people],
            "passages": [
                [
                    *(_text(p.at), _text(p.received_at), p.site, p.gate, p.direction, p.state.value, p.reason),
                    *(p.person, p.problem, p.id),
                ]
                for p in self.passages
            ],
            "stays": [[s.person, s.site, _text(s.since_at), _text(s.until_at), s.grade.value] for s in self.stays],
            "contacts": [
                [c.person, c.other, c.site, _text(c.since_at), _text(c.until_at), c.grade.value, c.degree]
                for c in self.contacts
            ],
            "at_site_that_day": self.at_site_that_day,
            "unreadable": self.unreadable,
        }

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> "Answer":
        """The answer of `content()`."""
        return cls(
            tuple(
                AnswerPerson(tuple((scheme, value) for scheme, value in ids), name, born)
                for ids, name, born in content["people"]
            ),
            tuple(
                AnswerPassage(
                    _time(at) if at else None, _time(received), site, gate, way, PassageState(state), reason, *rest
                )
                for at, received, site, gate, way, state, reason, *rest in content["passages"]
            ),
            tuple(
                AnswerStay(person, site, _time(since), _time(until), Grade(grade))
                for person, site, since, until, grade in content["stays"]
            ),
            tuple(
                Contact(person, other, site, _time(since), _time(until), Grade(grade), degree)
                for person, other, site, since, until, grade, degree in content["contacts"]
            ),
            content["at_site_that_day"],
            content["unreadable"],
        )


def make_answer(
    people: Mapping[int, Sequence[UnsealedPassage]],
    passages: Iterable[UnsealedPassage],
    stays: Iterable[Stay],
    contacts: Iterable[Contact] = (),
    *,
    at_site_that_day: int = 0,
    unreadable: int = 0,
) -> Answer:
    """An answer with only those people whom its passages, stays and contacts name. `people`: see `group_people`."""
    passages, stays, contacts = list(passages), list(stays), list(contacts)
    owner = {one.passage.id: person for person, found in people.items() for one in found}
    named = [owner[one.passage.id] for one in passages if one.passage.id in owner]
    named += [one.person for one in stays] + [person for one in contacts for person in (one.person, one.other)]
    place = {person: number for number, person in enumerate(dict.fromkeys(named))}
    return Answer(
        tuple(_person(people[person]) for person in place),
        tuple(
            _passage(one, place.get(owner.get(one.passage.id, -1)))
            for one in sorted(passages, key=lambda one: (one.passage.at or one.passage.received_at, one.passage.id))
        ),
        tuple(
            AnswerStay(place[one.person], one.site, one.since_at, one.until_at, one.grade)
            for one in sorted(stays, key=lambda one: (one.since_at, one.until_at))
        ),
        tuple(
            Contact(place[c.person], place[c.other], c.site, c.since_at, c.until_at, c.grade, c.degree)
            for c in contacts
        ),
        at_site_that_day,
        unreadable,
    )


def _person(unsealed: Sequence[UnsealedPassage]) -> AnswerPerson:
    subjects = [one.subject for one in unsealed if one.subject is not None]
    identifiers = dict.fromkeys(identifier for subject in subjects for identifier in subject.identifiers)
    name = next((subject.name for subject in subjects if subject.name), "")
    return AnswerPerson(tuple(identifiers), name, next((subject.born for subject in subjects if subject.born), ""))


def _passage(one: UnsealedPassage, person: int | None) -> AnswerPassage:
    found = one.passage
    return AnswerPassage(
        found.at,
        found.received_at,
        found.site,
        found.gate,
        found.direction,
        found.state,
        found.reason,
        person,
        one.problem,
        str(found.id),
    )


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at is not None else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
