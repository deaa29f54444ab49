"""The tables of a centre's database, read and written row by row in the same form for SQLite and PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mqtt.centre.alerts.store import prepare_alerts
from mqtt.centre.backup.records import Row, TableSum
from mqtt.centre.ingest.session_memory import prepare_memory
from mqtt.centre.schema_parts import is_postgres

LEFT_OUT = frozenset({"schema_version", "schema_part", "web_session", "sign_in_step"})
"""Versions stand in the header. Sessions of browsers end with the machine."""
SINGLETONS = frozenset({"registry_version", "audit_head", "alert_check"})
"""Tables with one row from the beginning."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """One table. A column that a database derives from others is left out."""

    name: str
    columns: tuple[str, ...]


class TableReader(Protocol):
    """All tables at one moment."""

    kind: str
    schema: int
    parts: Mapping[str, int]

    def tables(self) -> Sequence[CopiedTable]:
        """The tables, referenced ones first."""

    def count(self, table: CopiedTable) -> int:
        """Its number of rows."""

    def rows(self, table: CopiedTable) -> Iterator[Row]:
        """Its rows, in any order."""

    def number(self, statement: str) -> int:
        """The number that a statement gives."""

    def text(self, statement: str) -> str:
        """The text that a statement gives."""


class TableWriter(Protocol):
    """Writes into an empty database. Either everything is there at the end, or nothing."""

    kind: str
    schema: int
    parts: Mapping[str, int]

    def tables(self) -> Sequence[CopiedTable]:
        """The tables that can be written."""

    def write(self, table: CopiedTable, rows: Iterable[Row]) -> TableSum:
        """Write all rows of a table. Returns the sum that a reader of this database must find."""


def prepare_all(database: str) -> None:
    """Make all tables of this release. Raises LedgerError."""
    prepare_alerts(database)
    prepare_memory(database)
    for prepare in further_parts():
        prepare(database)


def further_parts() -> tuple["Prepare", ...]:
    """Parts whose tables are made when they are first used."""
    from mqtt.centre.configuration.schema import prepare_configuration  # noqa: PLC0415
    from mqtt.centre.enrolment.schema import prepare_enrolment  # noqa: PLC0415  its libraries are for enrolment
    from mqtt.centre.tracing.cases.schema import prepare_tracing  # noqa: PLC0415

    return (prepare_enrolment, prepare_configuration, prepare_tracing)


class Prepare(Protocol):
    """Makes the tables of a part."""

    def __call__(self, database: str, /) -> None:
        """Raises LedgerError."""


def open_reader(database: str) -> AbstractContextManager[TableReader]:
    """Read all tables at one moment, beside a running centre. Raises LedgerError."""
    if is_postgres(database):
        from mqtt.centre.backup.postgres_tables import read_postgres  # noqa: PLC0415  an extra

        return read_postgres(database)
    from mqtt.centre.backup.sqlite_tables import read_sqlite  # noqa: PLC0415  imports this module

    return read_sqlite(database)


def open_writer(database: str) -> AbstractContextManager[TableWriter]:
    """Write into an empty database. Raises LedgerError, and CopyError where it is not empty."""
    if is_postgres(database):
        from mqtt.centre.backup.postgres_tables import write_postgres  # noqa: PLC0415

        return write_postgres(database)
    from mqtt.centre.backup.sqlite_tables import write_sqlite  # noqa: PLC0415

    return write_sqlite(database)


def in_order(references: Mapping[str, frozenset[str]]) -> list[str]:
    """Names such that each comes after those that it refers to. Otherwise by name."""
    done: list[str] = []

    def visit(name: str, path: frozenset[str]) -> None:
        if name in done or name in path or name not in references:
            return
        for other in sorted(references[name]):
            visit(other, path | {name})
        done.append(name)

    for name in sorted(references):
        visit(name, frozenset())
    return done
