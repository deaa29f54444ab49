"""Loads an extract into an empty database of a station. All questions can then be asked there, with the same audit."""

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.extract.writing import FORMAT, TABLES, VERSION

_LINES_PER_TRANSACTION = 20_000
_UNKNOWN_TIME = "1970-01-01T00:00:00.000+00:00"


class ExtractError(Exception):
    """The extract cannot be loaded. The text says why."""


def load_extract(lines: Iterable[bytes], database: str) -> tuple[int, int]:
    """Load all lines into a new SQLite file. Returns the number of the case and of its passages.

    A file that was loaded in part is not to be used. Raises ExtractError, LedgerError, and what the lines raise.
    """
    prepare_tracing(database)
    parsed = _parsed(lines)
    case = _header(next(parsed, None))
    with open_query(database) as query:
        if query("SELECT 1 AS n FROM trace_case LIMIT 1") or query("SELECT 1 AS n FROM event LIMIT 1"):
            raise ExtractError("the database of the station is not empty: name a new file for each extract")
    loader, ended = _Loader(), None
    while some := list(islice(parsed, _LINES_PER_TRANSACTION)):
        with open_query(database) as query:
            for kind, *content in some:
                if ended is not None:
                    raise ExtractError("something follows the end of the extract")
                ended = loader.load(query, kind, content)
    if ended is None or ended != loader.passages:
        raise ExtractError("the extract is not whole: write it again")
    return case, loader.passages


def _parsed(lines: Iterable[bytes]) -> Iterator[list[Any]]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise ExtractError("this is no extract of a case") from error
        if not isinstance(found, list) or not found:
            raise ExtractError("this is no extract of a case")
        yield found


def _header(found: list[Any] | None) -> int:
    match found:
        case ["header", {"format": str(name), "version": int(version), "case": int(case)}] if name == FORMAT:
            if version != VERSION:
                raise ExtractError(f"the extract has version {version}, this release reads version {VERSION}")
            return case
    raise ExtractError("this is no extract of a case")


class _Loader:
    """Keeps the numbers that gates get in the database of the station."""

    def __init__(self) -> None:
        self.passages = 0
        self._gates: dict[str, tuple[int, int]] = {}

    def load(self, query: Query, kind: str, content: list[Any]) -> int | None:
        """Load one line. Returns the number of the last line, which says how many passages there are."""
        try:
            if kind == "row" and content[0] in TABLES:
                self._row(query, content[0], content[1])
            elif kind == "passage":
                self._passage(query, *content)
            elif kind == "end":
                return int(content[0])
            else:
                raise ExtractError(f"the extract has a line of an unknown kind: {kind!r}")
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise ExtractError("the extract has a line that cannot be read") from error
        return None

    def _row(self, query: Query, table: str, row: Mapping[str, Any]) -> None:
        known = {one["name"] for one in query(f"SELECT name FROM pragma_table_info('{table}')")}  # noqa: S608 - a constant
        if not set(row) <= known:
            raise ExtractError(f"the extract is of a newer release: {table} has other columns")
        names, places = ", ".join(row), ", ".join("?" * len(row))
        query(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))  # noqa: S608 - columns are known

    def _passage(
        self,
        query: Query,
        gate: str,
        id_hex: str,
        at: str | None,
        received_at: str,
        *rest: Any,
    ) -> None:
        direction, result, reason, is_annulled, has_exact_time, kind, sealed = rest
        self.passages += 1
        if gate not in self._gates:
            self._gates[gate] = self._add_gate(query, gate, received_at)
        device, stream = self._gates[gate]
        id_ = UUID(hex=id_hex).bytes
        clock = "unset" if at is None else "synchronised" if has_exact_time else "free-running"
        values = [device, id_, stream, self.passages, at or _UNKNOWN_TIME, clock, result, reason, direction, kind]
        query(
            "INSERT INTO event (device, id, stream, seq, occurred_at, clock_quality, outcome, reason, direction, kind, "
            "sealed, received_at, monotonic_s, boot_id, pseudonym, code_bytes) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', 0)",
            [*values, b64decode(sealed, validate=True), received_at],
        )
        if is_annulled:
            query("INSERT INTO annulment VALUES (?, ?, 0) ON CONFLICT (device, id) DO NOTHING", [device, id_])

    def _add_gate(self, query: Query, wire_name: str, seen_at: str) -> tuple[int, int]:
        site, _, device = wire_name.partition("/")
        number = query(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES ('extract', ?, ?, ?) RETURNING number",
            [site, device, seen_at],
        )[0]["number"]
        stream = query("INSERT INTO stream (device, epoch) VALUES (?, 'extract') RETURNING number", [number])
        return int(number), int(stream[0]["number"])
