"""The audit: one row for each act and each look at people, chained by hashes, so that a changed or missing row is found."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mqtt.centre.ingest.database import Query

MAX_TEXT_LENGTH = 1000
WHOLE_CITY = 0
"""Area number of an act that concerns more than one area."""
_PAGE_ROWS = 2000


@dataclass(frozen=True, slots=True)
class CentreAuditEntry:
    """Who did what, about what, in which area, and why. It names no person who passed a gate."""

    who: str
    """Name of the account, or `cli:NAME`."""
    what: str
    """A code, for example `view-site`."""
    about: str = ""
    why: str = ""
    area: int = WHOLE_CITY


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A stored entry."""

    number: int
    at: datetime
    entry: CentreAuditEntry
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest row. A person who writes it down elsewhere can prove later that no row was cut off the end."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """A row that is missing or was changed. `number`: where."""

    number: int
    text: str


def take_turn(query: Query) -> None:
    """First statement of a transaction that reads before it writes. SQLite waits for other writers at the first write only."""
    query("UPDATE audit_head SET number = number WHERE singleton = 1")


def append_audit(query: Query, entry: CentreAuditEntry, now: datetime) -> int:
    """Write an entry in the present transaction, before the act. Returns its number. Other writers wait until the commit."""
    at = now.astimezone(UTC).isoformat(timespec="milliseconds")
    texts = [text[:MAX_TEXT_LENGTH] for text in (entry.who, entry.what, entry.about, entry.why)]
    who, what, about, why = (text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd") for text in texts)
    head = query("UPDATE audit_head SET number = number + 1 WHERE singleton = 1 RETURNING number, hash")[0]
    number, previous = int(head["number"]), str(head["hash"])
    values = [number, at, who, what, about, entry.area, why, previous]
    digest = _digest(values)
    query("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*values, digest])
    query("UPDATE audit_head SET hash = ? WHERE singleton = 1", [digest])
    return number


def read_audit(
    query: Query, *, before: int | None = None, limit: int = 100, areas: Collection[int] | None = None
) -> list[AuditRow]:
    """The newest rows with a number below `before`, newest first. `areas`: only those of these areas. None: all."""
    if areas is not None and not areas:
        return []
    where = f"AND area IN ({', '.join('?' * len(areas))})" if areas is not None else ""
    rows = query(
        f"SELECT * FROM audit WHERE number < ? {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - only question marks
        [before or 2**31 - 1, *(areas or ()), limit],
    )
    return [_row(row) for row in rows]


def read_head(query: Query) -> AuditHead:
    """The newest row of the chain."""
    row = query("SELECT number, hash FROM audit_head WHERE singleton = 1")[0]
    return AuditHead(int(row["number"]), str(row["hash"]))


def verify_audit(query: Query, expected: AuditHead | None = None) -> Iterator[AuditProblem]:
    """Every problem of the chain, in order. `expected`: a head that was written down earlier."""
    number, previous = 0, ""
    at_expected = ""
    while rows := query("SELECT * FROM audit WHERE number > ? ORDER BY number LIMIT ?", [number, _PAGE_ROWS]):
        for row in rows:
            if row["number"] != number + 1:
                yield AuditProblem(number + 1, f"rows {number + 1} to {row['number'] - 1} are missing")
            elif row["previous_hash"] != previous:
                yield AuditProblem(row["number"], "the row before it was changed or replaced")
            if _digest(_values(row)) != row["hash"]:
                yield AuditProblem(row["number"], "the row was changed")
            number, previous = int(row["number"]), str(row["hash"])
            if expected and number == expected.number:
                at_expected = previous
    head = read_head(query)
    if (head.number, head.hash) != (number, previous):
        yield AuditProblem(head.number, f"the newest row is {number}, it should be {head.number}")
    if expected and expected.number and at_expected != expected.hash:
        yield AuditProblem(expected.number, "the row is not the one that was written down")


def _values(row: Mapping[str, Any]) -> list[Any]:
    return [row[name] for name in ("number", "at", "who", "what", "about", "area", "why", "previous_hash")]


def _digest(values: list[Any]) -> str:
    """SHA-256 of the values as JSON. They stand in a list, so that no two different rows give one text."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _row(row: Mapping[str, Any]) -> AuditRow:
    entry = CentreAuditEntry(row["who"], row["what"], row["about"], row["why"], row["area"])
    return AuditRow(row["number"], datetime.fromisoformat(row["at"]), entry, row["previous_hash"], row["hash"])
