"""The registry in the centre's database: read it, and import files, all of them or nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.checks import check_rows, merge_rows
from mqtt.centre.registry.csv_format import Mistake, ParsedFile, parse_file
from mqtt.centre.registry.model import Area, RegisteredDevice, RegistryRows, Site
from mqtt.centre.schema_parts import prepare_part

PART = "registry"
STEPS = (
    """
    CREATE TABLE area (
        number {identity}, code TEXT NOT NULL, parent TEXT NOT NULL, kind TEXT NOT NULL, name_vi TEXT NOT NULL,
        name_en TEXT NOT NULL, since TEXT NOT NULL, until TEXT, merged_into TEXT NOT NULL, UNIQUE (code, since)
    );
    CREATE TABLE site (
        site TEXT NOT NULL, title TEXT NOT NULL, area TEXT NOT NULL, kind TEXT NOT NULL, opening_hours TEXT NOT NULL,
        capacity INTEGER, contact TEXT NOT NULL, since TEXT NOT NULL, until TEXT, PRIMARY KEY (site, since)
    );
    CREATE TABLE registered_device (
        wire_name TEXT NOT NULL, site TEXT NOT NULL, title TEXT NOT NULL, since TEXT NOT NULL, until TEXT,
        PRIMARY KEY (wire_name, since)
    );
    CREATE TABLE registry_version (singleton INTEGER PRIMARY KEY, version INTEGER NOT NULL);
    INSERT INTO registry_version VALUES (1, 1)
    """,
)


class RegistryFileError(Exception):
    """Nothing was imported. `mistakes` says why, all at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import changed."""

    added: int
    changed: int
    unchanged: int


def prepare_registry(database: str) -> None:
    """Make the tables where they are missing. Raises LedgerError."""
    prepare_part(database, PART, STEPS)


def read_version(query: Query) -> int:
    """A number that changes with each import. A reader keeps its rows until it does."""
    return int(query("SELECT version FROM registry_version")[0]["version"])


def read_rows(query: Query) -> RegistryRows:
    """All rows, by name and time."""
    return RegistryRows(
        tuple(
            Area(
                row["code"],
                row["parent"],
                row["kind"],
                row["name_vi"],
                row["name_en"],
                date.fromisoformat(row["since"]),
                _day(row["until"]),
                row["merged_into"],
                row["number"],
            )
            for row in query("SELECT * FROM area ORDER BY code, since")
        ),
        tuple(
            Site(
                row["site"],
                row["title"],
                row["area"],
                row["kind"],
                tuple(json.loads(row["opening_hours"])),
                row["capacity"],
                row["contact"],
                date.fromisoformat(row["since"]),
                _day(row["until"]),
            )
            for row in query("SELECT * FROM site ORDER BY site, since")
        ),
        tuple(
            RegisteredDevice(
                row["wire_name"], row["site"], row["title"], date.fromisoformat(row["since"]), _day(row["until"])
            )
            for row in query("SELECT * FROM registered_device ORDER BY wire_name, since")
        ),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an import would write."""

    added: tuple[Area | Site | RegisteredDevice, ...]
    changed: tuple[Area | Site | RegisteredDevice, ...]
    result: ImportResult


def check_files(query: Query, files: Sequence[tuple[str, bytes]], check_hours: Callable[[str], object]) -> ImportResult:
    """What `import_files` would do. Changes nothing. Raises RegistryFileError with every mistake of all files."""
    return _plan(query, files, check_hours).result


def import_files(
    query: Query, files: Sequence[tuple[str, bytes]], check_hours: Callable[[str], object]
) -> ImportResult:
    """Import files of any kind together. Rows that are not in the files stay as they are.

    `files`: name and content. `check_hours` raises ValueError for wrong opening hours. The caller commits.
    Raises RegistryFileError with every mistake of all files.
    """
    query("UPDATE registry_version SET version = version + 1")  # first, so that two imports run one after the other
    plan = _plan(query, files, check_hours)
    for row in (*plan.added, *plan.changed):
        _save(query, row)
    return plan.result


def _plan(query: Query, files: Sequence[tuple[str, bytes]], check_hours: Callable[[str], object]) -> _Plan:
    parsed = [parse_file(name, content, check_hours) for name, content in files]
    stored = read_rows(query)
    merged = merge_rows(stored, parsed)
    mistakes = [mistake for file in parsed for mistake in file.mistakes]
    mistakes += [*_in_two_files(parsed), *check_rows(merged, parsed)]
    if mistakes:
        raise RegistryFileError(mistakes)
    before = {(type(row), *row.key): row for row in stored}
    added = tuple(row for row in merged if (type(row), *row.key) not in before)
    changed = tuple(row for row in merged if before.get((type(row), *row.key), row) != row)
    unchanged = len(list(merged)) - len(added) - len(changed)
    return _Plan(added, changed, ImportResult(len(added), len(changed), unchanged))


def _in_two_files(files: Sequence[ParsedFile]) -> list[Mistake]:
    places: dict[tuple[str, str, date], str] = {}
    found = []
    for file in files:
        for place, line in file.lines.items():
            if place in places:
                found.append(Mistake(file.name, line, "since", f"the same row stands in {places[place]}"))
            places[place] = file.name
    return found


def _save(query: Query, row: Area | Site | RegisteredDevice) -> None:
    until = row.until.isoformat() if row.until else None
    if isinstance(row, Area):
        query(
            "INSERT INTO area (code, parent, kind, name_vi, name_en, since, until, merged_into) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (code, since) DO UPDATE SET parent = excluded.parent, kind = excluded.kind, "
            "name_vi = excluded.name_vi, name_en = excluded.name_en, until = excluded.until, merged_into = excluded.merged_into",
            [row.code, row.parent, row.kind, row.name_vi, row.name_en, row.since.isoformat(), until, row.merged_into],
        )
    elif isinstance(row, Site):
        hours = json.dumps(row.opening_hours)
        query(
            "INSERT INTO site VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, since) DO UPDATE SET "
            "title = excluded.title, area = excluded.area, kind = excluded.kind, opening_hours = excluded.opening_hours, "
            "capacity = excluded.capacity, contact = excluded.contact, until = excluded.until",
            [row.site, row.title, row.area, row.kind, hours, row.capacity, row.contact, row.since.isoformat(), until],
        )
    else:
        query(
            "INSERT INTO registered_device VALUES (?, ?, ?, ?, ?) ON CONFLICT (wire_name, since) DO UPDATE SET "
            "site = excluded.site, title = excluded.title, until = excluded.until",
            [row.wire_name, row.site, row.title, row.since.isoformat(), until],
        )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
