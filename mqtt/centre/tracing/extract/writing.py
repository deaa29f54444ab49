"""Writes the extract of a case as lines of JSON: sites, officer, and the sealed passages of a period. Nothing is unsealed."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases.cases import TraceCase, iso_text
from mqtt.centre.tracing.core.model import SealedPassage
from mqtt.centre.tracing.search.sources import LedgerSource

FORMAT, VERSION = "entrance-kiosk tracing extract", 1
TABLES = ("area", "site", "registered_device", "account", "account_role", "trace_case")
"""Written whole or in part, in this order."""


@dataclass(slots=True)
class ExtractCounts:
    """What was written so far."""

    passages: int = 0


def extract_lines(
    source: LedgerSource, case: TraceCase, since_at: datetime, until_at: datetime, counts: ExtractCounts
) -> Iterator[bytes]:
    """The lines, the last one says how many passages there are. Raises LedgerError."""
    yield _line(["header", {"format": FORMAT, "version": VERSION, "case": case.number}])
    with open_query(source.database) as query:
        for table in TABLES:
            where, values = _selection(table, case)
            for row in query(f"SELECT * FROM {table} {where}", values):  # noqa: S608 - constants
                yield _line(["row", table, _plain(row)])
    for unit in source.units(since_at, until_at):
        for passages in source.read_unit(unit, since_at, until_at):
            for one in passages:
                counts.passages += 1
                yield _line(["passage", *_passage(one)])
    yield _line(["end", counts.passages])


def _selection(table: str, case: TraceCase) -> tuple[str, list[object]]:
    """Only the officer who opened the case can work on the station, and only with this case."""
    if table == "account":
        return "WHERE name = ?", [case.opened_by]
    if table == "account_role":
        return "WHERE account = ?", [case.opened_by]
    return ("WHERE number = ?", [case.number]) if table == "trace_case" else ("", [])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row)


def _passage(one: SealedPassage) -> list[Any]:
    return [
        one.gate,
        one.id.hex,
        iso_text(one.at) if one.at else None,
        iso_text(one.received_at),
        one.direction,
        one.result,
        one.reason,
        one.is_annulled,
        one.has_exact_time,
        one.kind,
        b64encode(one.sealed).decode(),
    ]


def _line(content: list[Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
