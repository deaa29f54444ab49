"""What answers need, and how they unseal and write."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.accounts.audit import take_turn
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerFullError
from mqtt.centre.schema_parts import is_postgres
from mqtt.centre.sqlite.reserved_space import release_space
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.cases import CaseError
from mqtt.centre.tracing.core.model import SealedPassage, StayRules, UnsealedPassage
from mqtt.centre.tracing.search.person_search import SearchProgress
from mqtt.centre.tracing.search.sources import PassageSource
from mqtt.centre.tracing.search.unsealing_pool import UnsealingPool

MAX_UNSEALED = 1_000_000
"""Passages of one answer in memory at the same time, about 1 kB each."""
Windows = Mapping[str, list[tuple[datetime, datetime]]]
"""Periods by site. They do not overlap."""
Written = TypeVar("Written")


def _no_report(_progress: SearchProgress) -> None:
    """For those who do not watch."""


@dataclass(frozen=True)
class Answering:
    """Database of the cases, keys of the cases, the passages, the private sealing keys."""

    database: str
    case_keys: CaseKeys
    source: PassageSource
    private_keys: Collection[X25519PrivateKey] = field(repr=False)
    clock: Callable[[], datetime]
    report: Callable[[SearchProgress], None] = _no_report
    processes: int | None = None

    @property
    def rules(self) -> Mapping[str, StayRules]:
        """How missing ways are filled in, by site."""
        return {name: site.rules(self.source.zone) for name, site in self.source.sites.items()}

    def write(self, act: Callable[[Query], Written]) -> Written:
        """One transaction, see `write`."""
        return write(self.database, act)

    def unseal_all(self, windows: Windows) -> tuple[list[UnsealedPassage], int]:
        """Everyone at these sites and times, and how many could not be unsealed.

        Raises CaseError where it is too much, LedgerError and UnsealingError.
        """
        found: list[UnsealedPassage] = []
        unreadable = 0
        with UnsealingPool(self.private_keys, processes=self.processes) as pool:
            for result in pool.unseal(self._read(windows)):
                found += result.unsealed
                unreadable += result.unreadable
                if len(found) > MAX_UNSEALED:
                    raise CaseError("too-much", f"more than {MAX_UNSEALED} passages: ask for a shorter period")
        return found, unreadable

    def _read(self, windows: Windows) -> Iterator[list[SealedPassage]]:
        for site, periods in windows.items():
            for since_at, until_at in periods:
                yield from self.source.read(frozenset({site}), since_at, until_at)


def write(database: str, act: Callable[[Query], Written]) -> Written:
    """One transaction. On a full disk an SQLite database gives back the space that is reserved for audit rows.

    Raises LedgerError.
    """
    try:
        return _write(database, act)
    except LedgerFullError:
        if is_postgres(database) or not release_space(Path(database)):
            raise
    return _write(database, act)


def _write(database: str, act: Callable[[Query], Written]) -> Written:
    with open_query(database) as query:
        take_turn(query)
        return act(query)
