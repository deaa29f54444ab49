"""Compares the tables of a database with those of the migrations, and repairs what holds no data: numbers, views and indexes.

SQLite has no checksums, so a flipped bit in a name, a view or a number of the header is found by nothing else.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.schema import APPLICATION_ID, OLDEST_WRITER_SCHEMA, SCHEMA_BITS

log = logging.getLogger(__name__)

_Tables = dict[str, frozenset[tuple[str, str, int]]]
"""Columns by table: name, type and whether NOT NULL."""

# https://sqlite.org/fileformat2.html section 1.3: what never differs in a database of ours.
_HEADER_CONSTANTS: tuple[tuple[int, bytes], ...] = (
    (0, b"SQLite format 3\0"),
    (20, bytes((0, 64, 32, 32))),
    (44, (4).to_bytes(4, "big")),
    (56, (1).to_bytes(4, "big")),
)
HEADER_BYTES = 100
_COUNT_SHARED_ROOTS = "SELECT count(*) - count(DISTINCT rootpage) FROM sqlite_schema WHERE rootpage > 0"


class _Schema(NamedTuple):
    tables: _Tables
    others: dict[str, tuple[str, str]]
    """Type and text of each view and index by its name."""


def differs_in_one_byte(one: int, other: int) -> bool:
    """Whether two numbers of four bytes differ in at most one of them."""
    return sum(a != b for a, b in zip(one.to_bytes(4, "big"), other.to_bytes(4, "big"), strict=True)) <= 1


def repair_header(path: Path) -> None:
    """Write the constants of the file's header again where a byte of them is damaged. Raises OSError."""
    with path.open("rb") as file:
        header = bytearray(file.read(HEADER_BYTES))
    if (
        len(header) < HEADER_BYTES
        or not any(header)
        or not differs_in_one_byte(_application_id(header), APPLICATION_ID)
    ):
        return
    sound = bytearray(header)
    for offset, constant in _HEADER_CONSTANTS:
        sound[offset : offset + len(constant)] = constant
    for offset in (18, 19):  # the versions of the file format: 2 is WAL
        sound[offset] = header[offset] if header[offset] in {1, 2} else 2
    if sound != header and sum(a != b for a, b in zip(sound, header, strict=True)) <= 1:
        log.error("%s: a damaged byte of its header was repaired", path)
        with path.open("r+b") as file:
            file.write(sound)


def _application_id(header: bytearray) -> int:
    return int.from_bytes(header[68:72], "big")


def repair_schema(database: DatabaseConnection, migrations: Sequence[str]) -> None:
    """Repair numbers, views and indexes. Raises sqlite3.DatabaseError where a table is damaged."""
    if database.execute(_COUNT_SHARED_ROOTS).fetchone()[0]:
        raise sqlite3.DatabaseError("two of its tables begin at one page")
    found = _read_schema(database.conn)
    steps = next((step for step in range(len(migrations), 0, -1) if _contains(found, tuple(migrations[:step]))), 0)
    owner, user_version = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    version = user_version & ((1 << SCHEMA_BITS) - 1)
    if steps < version <= len(migrations) or (not steps and owner == APPLICATION_ID and version == 0):
        raise sqlite3.DatabaseError("its tables are damaged")
    if not steps:
        return
    expected = _expected_schema(tuple(migrations[:steps]))
    sound_version = steps | min(OLDEST_WRITER_SCHEMA, steps) << SCHEMA_BITS
    if owner != APPLICATION_ID and differs_in_one_byte(owner & 0xFFFFFFFF, APPLICATION_ID):
        log.error("a damaged application id was repaired")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if user_version != sound_version and differs_in_one_byte(user_version & 0xFFFFFFFF, sound_version):
        if found.tables != expected.tables or _is_before_migration(version, migrations[:steps]):
            return  # of a newer release, or before a migration
        log.error("a damaged schema version was repaired")
        database.execute(f"PRAGMA user_version = {sound_version}")
        version = steps
    if version == steps:
        _repair_others(database, found, expected)


def _is_before_migration(version: int, migrations: Sequence[str]) -> bool:
    """Whether the steps after this version add no table and no column, so that they may not have been taken."""
    return 0 < version < len(migrations) and _contains(_expected_schema(tuple(migrations[:version])), tuple(migrations))


def _repair_others(database: DatabaseConnection, found: _Schema, expected: _Schema) -> None:
    for name, (kind, sql) in expected.others.items():
        there = found.others.get(name)
        if there is not None and _plain(there[1]) == _plain(sql):
            continue
        log.error("the damaged %s %s was made again", kind, name)
        database.execute(f"DROP {kind} IF EXISTS {name}")
        database.execute(sql)


def _contains(found: _Schema, migrations: tuple[str, ...]) -> bool:
    expected = _expected_schema(migrations).tables
    return all(columns <= found.tables.get(table, frozenset()) for table, columns in expected.items())


@cache
def _expected_schema(migrations: tuple[str, ...]) -> _Schema:
    with closing(sqlite3.connect(":memory:")) as database:
        for script in migrations:
            for statement in filter(str.strip, script.split(";")):
                database.execute(statement)
        return _read_schema(database)


def _read_schema(database: sqlite3.Connection) -> _Schema:
    try:
        objects = database.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        tables: _Tables = {}
        for kind, name, _ in objects:
            if kind == "table":
                columns = database.execute('SELECT name, type, "notnull" FROM pragma_table_xinfo(?)', [name])
                tables[name] = frozenset(columns.fetchall())
    except (UnicodeDecodeError, sqlite3.OperationalError) as error:
        raise sqlite3.DatabaseError("its schema is damaged") from error
    return _Schema(tables, {name: (kind, sql) for kind, name, sql in objects if kind in {"view", "index"}})


def _plain(sql: str) -> str:
    return "".join(sql.split()).lower()
