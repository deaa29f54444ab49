"""Finds who was at the same sites at the same time as a person, and on request their contacts too."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mqtt.centre.tracing.cases.questions import Question
from mqtt.centre.tracing.core.answers import Answer, make_answer
from mqtt.centre.tracing.core.contacts import find_contacts, find_second_degree
from mqtt.centre.tracing.core.model import Contact, Identifier, Stay, UnsealedPassage
from mqtt.centre.tracing.core.stays import group_people, pair_people
from mqtt.centre.tracing.search.context import Answering, Windows
from mqtt.centre.tracing.search.person_search import PersonSearch

People = Mapping[int, Collection[UnsealedPassage]]


@dataclass(frozen=True)
class ContactSearch:
    """The contacts of the person whose passages were found."""

    answering: Answering
    question: Question
    own: list[UnsealedPassage] = field(repr=False)

    @property
    def _overlap(self) -> timedelta:
        return timedelta(minutes=self.question.min_overlap)

    def answer(self, unreadable: int) -> Answer:
        """All who were there are paired as a whole. `unreadable`: of the search. Raises as Answering.unseal_all."""
        windows = self._windows(self._stays(group_people(self.own)))
        unsealed, missing = self.answering.unseal_all(windows)
        unsealed = _joined(self.own, unsealed)
        people, asked, stays, contacts = self._contacts(unsealed)
        second: list[Contact] = []
        if self.question.degree == 2 and contacts:
            others = _identifiers(one for person in {one.other for one in contacts} for one in people[person])
            unsealed = _joined(unsealed, self._around(others, contacts[0].since_at))
            people, asked, stays, contacts = self._contacts(unsealed)
            second = find_second_degree(asked, contacts, stays, self._overlap)
        return make_answer(
            {person: list(found) for person, found in people.items()},
            [one for person in asked for one in people[person]],
            [one for one in stays if one.person in asked],
            [*contacts, *second],
            unreadable=unreadable + missing,
        )

    def _contacts(
        self, unsealed: Collection[UnsealedPassage]
    ) -> tuple[People, Collection[int], list[Stay], list[Contact]]:
        people = group_people(unsealed)
        asked = _people_with(people, _identifiers(self.own))
        stays = self._stays(people)
        return people, asked, stays, find_contacts(asked, stays, self._overlap)

    def _around(self, identifiers: Collection[Identifier], since_at: datetime) -> list[UnsealedPassage]:
        """The ways of these people from then on, and everyone who was at the same sites."""
        search = PersonSearch(
            self.answering.source,
            self.answering.private_keys,
            since_at,
            self.question.until_at,
            {},
            lambda _part, _content: None,
            self.answering.report,
            self.answering.processes,
        )
        theirs, _ = search.find(identifiers)
        around, _ = self.answering.unseal_all(self._windows(self._stays(group_people(theirs))))
        return _joined(theirs, around)

    def _stays(self, people: People) -> list[Stay]:
        return pair_people({person: list(found) for person, found in people.items()}, self.answering.rules)

    def _windows(self, stays: Collection[Stay]) -> Windows:
        """The times at each site that must be known to pair all who were there during these stays."""
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for stay in sorted(stays, key=lambda one: one.since_at):
            around = self.answering.rules[stay.site].usual_stay
            windows = found.setdefault(stay.site, [])
            begin, end = stay.since_at - around, stay.until_at + around
            if windows and begin <= windows[-1][1]:
                windows[-1] = (windows[-1][0], max(windows[-1][1], end))
            else:
                windows.append((begin, end))
        return found


def _joined(first: Collection[UnsealedPassage], second: Collection[UnsealedPassage]) -> list[UnsealedPassage]:
    """Each passage once."""
    return list({one.passage.id: one for one in (*first, *second)}.values())


def _identifiers(unsealed: Iterable[UnsealedPassage]) -> set[Identifier]:
    return {each for one in unsealed if one.subject for each in one.subject.identifiers}


def _people_with(people: People, identifiers: Collection[Identifier]) -> set[int]:
    wanted = set(identifiers)
    return {
        person
        for person, found in people.items()
        if any(one.subject and not wanted.isdisjoint(one.subject.identifiers) for one in found)
    }
