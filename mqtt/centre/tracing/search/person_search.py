"""Finds all passages of people in a source: part by part, over several processes, and on from where it was stopped."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.tracing.core.model import Identifier, SealedPassage, TracedSubject, UnsealedPassage
from mqtt.centre.tracing.search.sources import PassageSource
from mqtt.centre.tracing.search.unsealing_pool import UnsealingPool

MAX_ROUNDS = 4
"""A found code may show another identifier of the person, which is then searched for too."""


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is. `left_s` is None until the first part is done."""

    done: int
    total: int
    searched: int
    left_s: float | None


@dataclass(frozen=True)
class PersonSearch:
    """A search. `kept`: parts that an earlier run has saved. `keep` saves one, and `report` is called after each."""

    source: PassageSource
    keys: Collection[X25519PrivateKey]
    since_at: datetime
    until_at: datetime
    kept: Mapping[str, Any]
    keep: Callable[[str, Any], None]
    report: Callable[[SearchProgress], None]
    processes: int | None = None

    def find(self, identifiers: Iterable[Identifier]) -> tuple[list[UnsealedPassage], int]:
        """The passages of people with one of these identifiers, also under other codes of theirs.

        And how many passages could not be unsealed. Raises UnsealingError, and what the source raises.
        """
        known: set[Identifier] = set()
        new = set(identifiers)
        found: dict[UUID, UnsealedPassage] = {}
        unreadable = 0
        for number in range(MAX_ROUNDS):
            known |= new
            matches, unreadable = self._round(number, new)
            for one in matches:
                found.setdefault(one.passage.id, one)
            named = {each for one in found.values() if one.subject for each in one.subject.identifiers}
            new = named - known
            if not new:
                break
        return list(found.values()), unreadable

    def _round(self, number: int, wanted: Collection[Identifier]) -> tuple[list[UnsealedPassage], int]:
        units = self.source.units(self.since_at, self.until_at)
        parts = [self.kept[f"{number}/{unit}"] for unit in units if f"{number}/{unit}" in self.kept]
        open_units = [unit for unit in units if f"{number}/{unit}" not in self.kept]
        searched, began_s, earlier = 0, time.monotonic(), len(parts)
        if open_units:
            with UnsealingPool(self.keys, wanted=wanted, processes=self.processes) as pool:
                for done, unit in enumerate(open_units, 1):
                    part, count = self._search(pool, unit)
                    searched += count
                    self.keep(f"{number}/{unit}", part)
                    parts.append(part)
                    left_s = (time.monotonic() - began_s) / done * (len(open_units) - done)
                    self.report(SearchProgress(earlier + done, len(units), searched, left_s))
        return [_parse(one) for part in parts for one in part["found"]], sum(part["unreadable"] for part in parts)

    def _search(self, pool: UnsealingPool, unit: str) -> tuple[dict[str, Any], int]:
        """What one part of the search found, and how many passages it has."""
        found: list[Any] = []
        searched = unreadable = 0
        for result in pool.unseal(self.source.read_unit(unit, self.since_at, self.until_at)):
            searched += result.searched
            unreadable += result.unreadable
            found += [_content(one) for one in result.unsealed]
        return {"found": found, "unreadable": unreadable}, searched


def _content(one: UnsealedPassage) -> list[Any]:
    passage, subject = one.passage, one.subject
    at = passage.at.isoformat() if passage.at else None
    shown = [list(map(list, subject.identifiers)), subject.name, subject.born] if subject else None
    return [
        str(passage.id),
        passage.site,
        passage.gate,
        at,
        passage.received_at.isoformat(),
        passage.direction,
        passage.result,
        passage.reason,
        passage.is_annulled,
        passage.has_exact_time,
        passage.kind,
        shown,
        one.problem,
    ]


def _parse(content: list[Any]) -> UnsealedPassage:
    id_, site, gate, at, received_at, direction, result, reason, is_annulled, has_exact_time, kind, shown, problem = (
        content
    )
    passage = SealedPassage(
        UUID(id_),
        site,
        gate,
        datetime.fromisoformat(at) if at else None,
        datetime.fromisoformat(received_at),
        direction,
        result,
        reason,
        is_annulled,
        has_exact_time,
        kind,
        b"",
    )
    subject = None
    if shown is not None:
        identifiers = tuple((scheme, value) for scheme, value in shown[0])
        subject = TracedSubject(identifiers, shown[1], shown[2])
    return UnsealedPassage(passage, subject, problem)
