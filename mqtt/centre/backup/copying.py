"""Copies a centre into lines, lines into a database, and a database into another. Checks that nothing was lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from mqtt.centre.backup.records import (
    FORMAT,
    VERSION,
    CopyError,
    CopyHeader,
    CopyTrailer,
    Row,
    TableSum,
    object_line,
    parse_object,
    parse_row,
    row_line,
)
from mqtt.centre.backup.tables import CopiedTable, TableReader, TableWriter

_SELECT_RANGES = "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM seq_range"
_SELECT_HEAD = "SELECT CAST(number AS TEXT) || ':' || hash FROM audit_head"
_ROWS_PER_REPORT = 1000
Progress = Callable[[int], None]
"""Called with the number of rows that were copied since the last call."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of the configuration. `path`: as it is on the machine."""

    path: str
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy has, after all of it was read."""

    header: CopyHeader
    trailer: CopyTrailer
    files: tuple[CopiedFile, ...]


def header_of(reader: TableReader, now: datetime) -> CopyHeader:
    """The header of a copy of this database."""
    counts = {table.name: reader.count(table) for table in reader.tables()}
    made_at = now.isoformat(timespec="seconds")
    return CopyHeader(reader.kind, reader.schema, dict(reader.parts), counts, version("entrance-kiosk"), made_at)


def copy_lines(
    reader: TableReader,
    header: CopyHeader,
    files: Iterable[CopiedFile],
    keys: dict[str, str],
    progress: Progress,
) -> Iterator[bytes]:
    """All lines of a copy."""
    yield object_line(FORMAT, {"version": VERSION, **asdict(header)})
    names = []
    for file in files:
        names.append(file.path)
        yield object_line("file", {"path": file.path, "mode": file.mode})
        yield row_line([file.content])
    sums = {}
    for table in reader.tables():
        yield object_line("table", {"name": table.name, "columns": table.columns})
        found = TableSum()
        for row in _counted(reader.rows(table), progress):
            line = row_line(row)
            found.add(line)
            yield line
        sums[table.name] = found.digest
    trailer = CopyTrailer(sums, reader.text(_SELECT_HEAD), reader.number(_SELECT_RANGES), tuple(names), keys)
    yield object_line("end", asdict(trailer))


def read_copy(
    lines: Iterator[bytes], start: Callable[[CopyHeader], TableWriter | None], progress: Progress
) -> tuple[Copy, dict[str, TableSum]]:
    """Read a copy, and write its tables where `start` gives a writer. Returns what was written of each table. Raises CopyError.

    `start` gets the header before anything is written. Every sum of the copy is compared.
    """
    header = _parse_header(next(lines, b""))
    writer = start(header)
    writable = {table.name: table for table in writer.tables()} if writer else {}
    files: list[CopiedFile] = []
    found: dict[str, TableSum] = {}
    written: dict[str, TableSum] = {}
    for item, rows in _sections(lines):
        match item["is"]:
            case "file":
                (content,) = (row[0] for row in rows)
                if not isinstance(content, bytes):
                    raise CopyError("a file of the copy is damaged.")
                files.append(CopiedFile(str(item["path"]), content, int(item["mode"])))
            case "table":
                name = str(item["name"])
                found[name] = TableSum()
                summed = _summed(_counted(rows, progress), found[name])
                if writer is None:
                    for _ in summed:
                        pass
                else:
                    table, order = _in_order_of(writable.get(name), name, item["columns"])
                    written[name] = writer.write(table, ([row[index] for index in order] for row in summed))
            case "end":
                trailer = CopyTrailer(**{key: value for key, value in item.items() if key != "is"})
                _require_sums(found, trailer)
                return Copy(header, trailer, tuple(files)), written
    raise CopyError("the copy was cut off: its end is missing.")


def require_same(reader: TableReader, written: dict[str, TableSum], trailer: CopyTrailer) -> None:
    """Compare the database with what was written: each table, the ranges, the head of the audit. Raises CopyError."""
    for table in reader.tables():
        if table.name not in written:
            continue
        found = TableSum()
        for row in reader.rows(table):
            found.add(row_line(row))
        if found.digest != written[table.name].digest:
            raise CopyError(
                f"table {table.name} is not what was written: {found.digest}, not {written[table.name].digest}."
            )
    if reader.number(_SELECT_RANGES) != trailer.ranges:
        raise CopyError("the ranges of sequence numbers are not those of the copy.")
    if reader.text(_SELECT_HEAD) != trailer.audit_head:
        raise CopyError("the head of the audit is not that of the copy.")


def require_same_schema(header: CopyHeader, writer: TableWriter) -> None:
    """Only a release with the same tables may write them. Raises CopyError."""
    ours, theirs = {**writer.parts, "events": writer.schema}, {**header.parts, "events": header.schema}
    if header.kind != writer.kind:  # their steps are counted apart
        theirs["events"] = ours["events"]
    other = sorted(part for part in {*ours, *theirs} if ours.get(part) != theirs.get(part))
    if other:
        raise CopyError(
            f"the copy is of release {header.release}, whose tables of {', '.join(other)} this release does not have in this form. "
            f"Install release {header.release}, restore, and upgrade then."
        )


def _parse_header(line: bytes) -> CopyHeader:
    item = parse_object(line)
    if item.pop("is") != FORMAT:
        raise CopyError("this is not a copy of a centre.")
    if item.pop("version", None) != VERSION:
        raise CopyError("a newer release made this copy: update this one first.")
    try:
        return CopyHeader(**item)
    except TypeError as error:
        raise CopyError("the header of the copy is damaged.") from error


def _sections(lines: Iterator[bytes]) -> Iterator[tuple[dict[str, Any], Iterator[Row]]]:
    """Each line that is no row, with the rows after it."""
    pending = next(lines, None)
    while pending is not None:
        item = parse_object(pending)
        following: list[bytes] = []
        rows = _rows_until_object(lines, following)
        yield item, rows
        for _ in rows:
            """Rows that nothing asked for."""
        pending = following[0] if following else None


def _rows_until_object(lines: Iterator[bytes], following: list[bytes]) -> Iterator[Row]:
    for line in lines:
        if line.startswith(b"{"):
            following.append(line)
            return
        yield parse_row(line)


def _in_order_of(table: CopiedTable | None, name: str, columns: object) -> tuple[CopiedTable, list[int]]:
    """The table, and where each of its columns stands in a row of the copy."""
    if table is None:
        raise CopyError(f"this release has no table {name}.")
    if not isinstance(columns, list) or sorted(columns) != sorted(table.columns):
        raise CopyError(f"table {name} has other columns in this release.")
    return table, [columns.index(column) for column in table.columns]


def _summed(rows: Iterable[Row], found: TableSum) -> Iterator[Row]:
    for row in rows:
        found.add(row_line(row))
        yield row


def _counted(rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
    count = 0
    for row in rows:
        count += 1
        if count == _ROWS_PER_REPORT:
            progress(count)
            count = 0
        yield row
    progress(count)


def _require_sums(found: dict[str, TableSum], trailer: CopyTrailer) -> None:
    sums = {name: one.digest for name, one in found.items()}
    if sums != dict(trailer.sums):
        names = sorted(name for name in {*sums, *trailer.sums} if sums.get(name) != trailer.sums.get(name))
        raise CopyError(f"the copy is damaged in {', '.join(names)}.")
