"""Reads sealed passages of gates and times from the centre's database, of either kind. Nothing here unseals.

An event with a right clock is found by the index of device and time, in PostgreSQL within the partitions of its days. All others
are few, and have an index of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.tree import Registry
from mqtt.centre.schema_parts import is_postgres
from mqtt.centre.tracing.core.model import SealedPassage

SQLITE_UNDATED = "(clock_quality <> 'synchronised' OR occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01')"
POSTGRES_UNDATED = (
    "(clock_quality <> 'synchronised' OR (occurred_at AT TIME ZONE 'UTC')::date - day NOT BETWEEN -1 AND 1 "
    "OR occurred_at NOT BETWEEN '1970-01-01 00:00:00+00' AND '2200-01-01 00:00:00+00')"
)
"""The conditions of the index `event_undated`."""
_COLUMNS = (
    "id, device, occurred_at, corrected_at, received_at, clock_quality, direction, outcome, reason, kind, sealed, "
    "EXISTS (SELECT 1 FROM annulment WHERE annulment.device = passage.device AND annulment.id = passage.id) AS is_annulled"
)
DEVICES_PER_QUERY = 50
"""A day of so many gates fits into memory, also of the busiest ones."""


@dataclass(frozen=True, slots=True)
class GatePeriod:
    """A gate while it belonged to a site. `number`: key in the table `device`."""

    number: int
    wire_name: str
    site: str
    since_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class PassageReader:
    """Reads within one transaction. `is_postgres`: which kind of database."""

    query: Query
    is_postgres: bool

    @classmethod
    def of(cls, query: Query, database: str) -> "PassageReader":
        """The reader of that database."""
        return cls(query, is_postgres(database))

    def gates(
        self, registry: Registry, sites: frozenset[str], since_at: datetime, until_at: datetime, zone: tzinfo
    ) -> list[GatePeriod]:
        """The gates of these sites in a period, by name. A gate that moved stands there once for each of its sites.

        `zone`: that of the registry's days.
        """
        first, end = since_at.astimezone(zone).date(), until_at.astimezone(zone).date() + timedelta(days=1)
        found = []
        for row in self.query("SELECT number, site, device FROM device ORDER BY site, device"):
            wire_name = f"{row['site']}/{row['device']}"
            for site, since, until in registry.sites_of_device(wire_name, first, end):
                if site in sites:
                    begin = max(since_at, midnight(since, zone))
                    finish = min(until_at, midnight(until, zone))
                    found.append(GatePeriod(row["number"], wire_name, site, begin, finish))
        return found

    def read(
        self, gates: Sequence[GatePeriod], since_at: datetime, until_at: datetime
    ) -> Iterator[list[SealedPassage]]:
        """The passages of these gates from `since_at` until before `until_at`. Reversals are no passages.

        Each list holds those of some gates. Raises LedgerError.
        """
        for start in range(0, len(gates), DEVICES_PER_QUERY):
            yield list(self._read_some(gates[start : start + DEVICES_PER_QUERY], since_at, until_at))

    def _read_some(
        self, gates: Sequence[GatePeriod], since_at: datetime, until_at: datetime
    ) -> Iterator[SealedPassage]:
        periods: dict[int, list[GatePeriod]] = {}
        for gate in gates:
            periods.setdefault(gate.number, []).append(gate)
        undated = POSTGRES_UNDATED if self.is_postgres else SQLITE_UNDATED
        places = ", ".join("?" * len(periods))
        days = "AND day BETWEEN ? AND ?" if self.is_postgres else ""
        day_values = [_day_text(since_at, -1), _day_text(until_at, 1)] if self.is_postgres else []
        period = [_iso_text(since_at), _iso_text(until_at)]
        statement = (
            f"SELECT {_COLUMNS}, 1 AS is_dated FROM event_with_corrected_time AS passage "  # noqa: S608 - only constants and question marks
            f"WHERE device IN ({places}) AND annuls IS NULL {days} AND occurred_at >= ? AND occurred_at < ? AND NOT {undated} "
            f"UNION ALL SELECT {_COLUMNS}, 0 AS is_dated FROM event_with_corrected_time AS passage "
            f"WHERE device IN ({places}) AND annuls IS NULL AND {undated} "
            "AND coalesce(corrected_at, received_at) >= ? AND coalesce(corrected_at, received_at) < ?"
        )
        for row in self.query(statement, [*periods, *day_values, *period, *periods, *period]):
            passage = _passage(row)
            at = passage.at or passage.received_at
            for gate in periods[row["device"]]:
                if gate.since_at <= at < gate.until_at:
                    yield replace(passage, site=gate.site, gate=gate.wire_name)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The beginning of a local day, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _passage(row: Mapping[str, Any]) -> SealedPassage:
    corrected = row["corrected_at"]
    at = _time(row["occurred_at"] if row["is_dated"] else corrected)
    has_exact_time = bool(row["is_dated"]) or (corrected is not None and corrected != row["occurred_at"])
    received_at = _time(row["received_at"])
    assert received_at is not None
    id_ = row["id"]
    return SealedPassage(
        id_ if isinstance(id_, UUID) else UUID(bytes=bytes(id_)),
        "",
        "",
        at,
        received_at,
        row["direction"],
        row["outcome"],
        row["reason"],
        bool(row["is_annulled"]),
        has_exact_time,
        row["kind"],
        bytes(row["sealed"]),
    )


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at.astimezone(UTC)


def _day_text(at: datetime, days: int) -> str:
    """The day so many days later, within the days that databases know."""
    day = at.astimezone(UTC).date().toordinal() + days
    return date.fromordinal(min(max(day, date.min.toordinal()), date.max.toordinal())).isoformat()


def _iso_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
