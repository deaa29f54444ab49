"""The tables of a centre in PostgreSQL, in one transaction. Rows go in with COPY."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from mqtt.centre.backup.records import CopyError, Row, TableSum, Value, row_line
from mqtt.centre.backup.tables import LEFT_OUT, SINGLETONS, CopiedTable, in_order, prepare_all
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.postgres.address import connection_options
from mqtt.centre.postgres.partitions import DayPartitions
from mqtt.centre.postgres.rows import event_date
from mqtt.centre.postgres.schema import MIGRATIONS

DERIVED = {"event": ("day",)}
"""Columns that follow from others."""
_BATCH_ROWS = 5000
_SELECT_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') "
    "AND NOT relispartition"
)
_SELECT_REFERENCES = (
    "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' "
    "AND connamespace = current_schema()::regnamespace"
)
_SELECT_COLUMNS = (
    "SELECT attname, format_type(atttypid, NULL), attidentity FROM pg_attribute "
    "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = str.maketrans(_ESCAPES)
Convert = Callable[[Any], Any]


class PostgresTables:
    """One connection in one transaction. One thread."""

    kind = "postgresql"
    schema = len(MIGRATIONS)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        rows = connection.execute("SELECT part, version FROM schema_part").fetchall()
        self.parts: Mapping[str, int] = {str(part): int(version) for part, version in rows}
        self._types: dict[str, dict[str, str]] = {}
        self._identities: dict[str, list[str]] = {}

    def tables(self) -> Sequence[CopiedTable]:
        """The tables, referenced ones first."""
        names = {str(name) for (name,) in self._connection.execute(_SELECT_TABLES)} - LEFT_OUT
        references: dict[str, frozenset[str]] = dict.fromkeys(names, frozenset())
        for name, other in self._connection.execute(_SELECT_REFERENCES).fetchall():
            if name in references:
                references[name] |= {other}
        return [CopiedTable(name, self._columns(name)) for name in in_order(references)]

    def _columns(self, name: str) -> tuple[str, ...]:
        found = self._connection.execute(_SELECT_COLUMNS, [name]).fetchall()
        kept = [row for row in found if row[0] not in DERIVED.get(name, ())]
        self._types[name] = {column: kind for column, kind, _ in kept}
        self._identities[name] = [column for column, _, identity in kept if identity]
        return tuple(self._types[name])

    def count(self, table: CopiedTable) -> int:
        """Its number of rows."""
        return self.number(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name)))

    def rows(self, table: CopiedTable) -> Iterator[Row]:
        """Its rows, in any order."""
        types = self._types[table.name]
        converters = [_READ.get(types[column]) for column in table.columns]
        with self._connection.cursor(f"copy_{table.name}") as cursor:
            cursor.itersize = _BATCH_ROWS
            cursor.execute(_select(table))
            for row in cursor:
                yield [
                    value if convert is None or value is None else convert(value)
                    for value, convert in zip(row, converters, strict=True)
                ]

    def number(self, statement: str | sql.Composed) -> int:
        """The number that a statement gives."""
        return int(self._one(statement))

    def text(self, statement: str) -> str:
        """The text that a statement gives."""
        return str(self._one(statement))

    def _one(self, statement: str | sql.Composed) -> Any:
        query = statement if isinstance(statement, sql.Composed) else statement.encode()
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row[0]

    def write(self, table: CopiedTable, rows: Iterable[Row]) -> TableSum:
        """Write all rows of a table. Times are counted as this database will give them back."""
        types = self._types[table.name]
        extra = DERIVED.get(table.name, ())
        target = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, (*table.columns, *extra)))
        )
        self._connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        read_back = [_NORMALISE.get(types[column]) for column in table.columns]
        texts = [_WRITE.get(types[column], _text) for column in table.columns]
        partitions = DayPartitions(self._connection)
        found = TableSum()
        remaining = iter(rows)
        while batch := list(islice(remaining, _BATCH_ROWS)):
            if extra:
                ids = [_uuid(row[table.columns.index("id")]) for row in batch]
                partitions.create_for(ids)
                days = [f"\t{event_date(each).isoformat()}" for each in ids]
            else:
                days = [""] * len(batch)
            lines = []
            for row, day in zip(batch, days, strict=True):
                values = _all(read_back, row)
                found.add(row_line(values))
                lines.append("\t".join(_copy_texts(texts, values)) + day + "\n")
            with self._connection.cursor().copy(target) as copy:
                copy.write("".join(lines))
        self._go_on_counting(table)
        return found

    def _go_on_counting(self, table: CopiedTable) -> None:
        """A column that counts by itself goes on after the highest number."""
        for column in self._identities[table.name]:
            self._connection.execute(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({name}, {text}), max({column})) FROM {table} HAVING count(*) > 0"
                ).format(
                    name=sql.Literal(table.name),
                    text=sql.Literal(column),
                    column=sql.Identifier(column),
                    table=sql.Identifier(table.name),
                )
            )


def _all(converters: Sequence[Convert | None], row: Row) -> list[Value]:
    return [
        value if convert is None or value is None else convert(value)
        for value, convert in zip(row, converters, strict=True)
    ]


def _copy_texts(texts: Sequence[Convert], values: Row) -> Iterator[str]:
    for value, text in zip(values, texts, strict=True):
        yield r"\N" if value is None else text(value)


def _select(table: CopiedTable) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(table.name)
    )


def time_text(at: datetime) -> str:
    """UTC in milliseconds, as SQLite has it. Microseconds only where they are not zero."""
    precision = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).isoformat(timespec=precision)


def _normal_time(value: Value) -> str:
    if not isinstance(value, str):
        raise CopyError("a time of the copy is damaged.")
    try:
        return time_text(datetime.fromisoformat(value))
    except (ValueError, OverflowError) as error:
        raise CopyError(f"{value[:40]!r} of the copy is not a time.") from error


def _uuid(value: Value) -> UUID:
    if not isinstance(value, bytes) or len(value) != 16:
        raise CopyError("an id of the copy is damaged.")
    return UUID(bytes=value)


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    return str(value).translate(_ESCAPED)


_READ: Mapping[str, Convert] = {
    "uuid": lambda value: value.bytes,
    "timestamp with time zone": time_text,
    "boolean": int,
    "bytea": bytes,
}
"""Type -> what it becomes in a row."""
_NORMALISE: Mapping[str, Convert] = {
    "timestamp with time zone": _normal_time,
    "double precision": float,
    "boolean": lambda value: int(bool(value)),
}
_WRITE: Mapping[str, Convert] = {
    "uuid": lambda value: str(_uuid(value)),
    "boolean": lambda value: "t" if value else "f",
}
"""Type -> its text for COPY."""


@contextmanager
def read_postgres(database: str) -> Iterator[PostgresTables]:
    """All tables at one moment. Raises LedgerError."""
    prepare_all(database)
    try:
        with psycopg.connect(**connection_options(database, "entrance centre backup")) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield PostgresTables(connection)
            connection.rollback()
    except (psycopg.Error, OSError) as error:
        raise LedgerError(f"the centre's PostgreSQL cannot be read: {str(error).strip()}") from error


@contextmanager
def write_postgres(database: str) -> Iterator[PostgresTables]:
    """Into a database whose tables have no rows. Raises LedgerError and CopyError."""
    prepare_all(database)
    try:
        with psycopg.connect(**connection_options(database, "entrance centre restore")) as connection:
            tables = PostgresTables(connection)
            full = [table.name for table in tables.tables() if table.name not in SINGLETONS and tables.count(table) > 0]
            if full:
                raise CopyError(f"the database is not empty: it has rows in {', '.join(full)}. Nothing was changed.")
            yield tables
    except (psycopg.Error, OSError) as error:
        raise LedgerError(f"PostgreSQL cannot be written: {str(error).strip()}") from error
