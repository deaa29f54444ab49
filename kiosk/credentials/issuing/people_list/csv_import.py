"""Reads a CSV or XLSX file of people to make passes for. All mistakes are reported at once, and nothing is left out silently."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.credentials.issuing import names
from kiosk.credentials.issuing.names import TextError
from kiosk.credentials.issuing.people_list import xlsx_import
from kiosk.credentials.issuing.people_list.column_names import COLUMNS, SKIPPED, column_name

MAX_PEOPLE = 20_000
MAX_CSV_BYTES = 16 * 1024 * 1024
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What Excel writes: a comma or, by the settings of the system, a semicolon; a tab in `Unicode Text`."""
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?(?:\r\n|\r|\n)', re.IGNORECASE)
"""A first line that tells Excel the separator."""
_MAX_NUMBER_CHARACTERS = 12


class CsvImportError(KioskError):
    """The passes cannot be made. The message says what to correct."""


@dataclass(frozen=True, slots=True)
class PassRequest:
    """One pass to make."""

    name: str = field(repr=False)
    days: int
    status_class: int
    declaration_h: int
    reference: str = field(default="", repr=False)
    """What tells people of one name apart, such as a staff number. It is printed, and kept in the register."""
    line: int = field(default=0, compare=False)
    """Line of the file, from 1. 0: it is from no file."""
    serial: bytes | None = field(default=None, compare=False)
    """Of a pass that is printed again. None: a new one."""
    ends_at: datetime | None = field(default=None, compare=False)
    """Of a pass that is printed again. None: by `days`."""
    issued_at: str = field(default="", compare=False)
    """Of a pass that is printed again, as the register has it."""


def read_pass_requests(path: Path, default: PassRequest) -> list[PassRequest]:
    """Read a file with a header: the first sheet of an XLSX workbook, or CSV in UTF-8 or UTF-16 with comma, semicolon or tab.

    Columns: `name`, optional `days`, `status_class`, `declaration_hours`, `reference`, in English or Vietnamese. Raises
    CsvImportError with each mistake and its line.
    """
    data = _read_file(path)
    mistakes: list[str] = []
    try:
        rows = (
            xlsx_import.xlsx_rows(data)
            if data.startswith(xlsx_import.OPENING_BYTES)
            else _csv_rows(_decode(data, path))
        )
        requests = list(_parse_table(rows, default, mistakes))
    except xlsx_import.XlsxError as error:
        raise CsvImportError(f"{path} {error}") from error
    if len(requests) > MAX_PEOPLE:
        mistakes.append(
            f"the file has {len(requests)} people. At most {MAX_PEOPLE} are allowed at once. Split the file."
        )
    if mistakes:
        raise CsvImportError("\n".join([f"{path}: nothing was made.", *mistakes]))
    return requests


def _csv_rows(text: str) -> Iterator[tuple[int, list[str] | str]]:
    named = _SEPARATOR_LINE.match(text)
    if named:
        text = text[named.end() :]
    return _rows(text, named[1] if named else _separator_of(text), first_line=2 if named else 1)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CSV_BYTES + 1)
    except OSError as error:
        raise CsvImportError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_CSV_BYTES:
        raise CsvImportError(f"{path} is larger than {MAX_CSV_BYTES // 1024**2} MB. Split the file.")
    return data


def _decode(data: bytes, path: Path) -> str:
    try:
        text = data.decode(_encoding_of(data))
    except UnicodeDecodeError as error:
        raise CsvImportError(f"{path} is not a CSV file in UTF-8 or UTF-16. Save it again as `CSV UTF-8`.") from error
    if "\0" in text:
        raise CsvImportError(f"{path} is not a CSV file in UTF-8 or UTF-16. Save it again as `CSV UTF-8`.")
    return text


def _encoding_of(data: bytes) -> str:
    """By the byte-order mark. Without one, a zero byte among the first two characters says UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8-sig"


def _separator_of(text: str) -> str:
    """The separator that gives the header most known columns. Without any: the one that occurs most often."""
    header = next((line for line in io.StringIO(text) if line.strip()), "")

    def quality(separator: str) -> tuple[int, int]:
        cells = header.split(separator)
        return sum(column_name(cell.strip().strip('"')) in COLUMNS for cell in cells), len(cells)

    return max(SEPARATORS, key=quality)


def _rows(text: str, separator: str, first_line: int) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and cells of each row. A row that cannot be read is the last one, and gives its mistake as a text."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = first_line
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_long = "field larger" in str(error)
            what = (
                f"a cell has more than {csv.field_size_limit()} characters" if is_long else "a quotation mark is wrong"
            )
            yield line, f"{what}. It may lack its closing quotation mark. The lines below were not checked"
            return
        yield line, cells
        line = first_line + reader.line_num


def _parse_table(
    rows: Iterable[tuple[int, list[str] | str]], default: PassRequest, mistakes: list[str]
) -> Iterator[PassRequest]:
    header: list[str] = []
    is_empty = True
    for line, cells in rows:
        if isinstance(cells, str):
            mistakes.append(f"line {line}: {cells}")
        elif not any(cell.strip() for cell in cells):
            continue
        elif not header:
            header = [column_name(cell) for cell in cells]
            mistakes += [f"line {line}: {mistake}" for mistake in _header_mistakes(header, cells)]
        else:
            is_empty = False
            found, row_mistakes = _parse_row(header, cells, default)
            mistakes += [f"line {line}: {mistake}" for mistake in row_mistakes]
            yield replace(found, line=line)
    if is_empty and not mistakes:
        mistakes.append(f"a header line and at least one person are needed. Known columns: {', '.join(COLUMNS)}.")


def _header_mistakes(header: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
    known = f"Known columns: {', '.join(COLUMNS)}."
    for column, cell in dict(zip(header, cells, strict=True)).items():
        if column and column not in (*COLUMNS, SKIPPED):
            yield f"the column {_shown(cell)} is not known. {known}"
        if column in COLUMNS and header.count(column) > 1:
            yield f"{header.count(column)} columns are named {_shown(cell)}."
    if "name" not in header:
        yield f"there is no column `name`. {known}"


def _parse_row(header: Sequence[str], cells: Sequence[str], default: PassRequest) -> tuple[PassRequest, list[str]]:
    """The request and the mistakes of the row. With mistakes, the request has default values."""
    mistakes: list[str] = []
    for column, cell in zip([*header, *[""] * len(cells)], cells, strict=False):
        if cell.strip() and not column:
            mistakes.append(
                f"the cell {_shown(cell)} has no column. A cell with a separator in it needs quotation marks"
            )
    row = dict(reversed(list(zip(header, cells, strict=False))))
    found = default
    if "name" in header:
        try:
            found = replace(found, name=names.parse_name(row.get("name", "")))
        except TextError as error:
            mistakes.append(str(error))
    try:
        reference = names.printable_text(row.get("reference", ""), "the reference", names.MAX_REFERENCE_CHARACTERS)
        found = replace(found, reference=reference)
    except TextError as error:
        mistakes.append(str(error))
    numbers: dict[str, int] = {}
    for column, minimum, maximum in (("days", 1, 366), ("status_class", 0, 255), ("declaration_hours", 0, 8784)):
        text = row.get(column, "").strip()
        if text and not _is_number(text, minimum, maximum):
            mistakes.append(f"{column} {_shown(text)} is not a whole number from {minimum} to {maximum}")
        elif text:
            numbers[column] = int(text)
    found = replace(
        found,
        days=numbers.get("days", default.days),
        status_class=numbers.get("status_class", default.status_class),
        declaration_h=numbers.get("declaration_hours", default.declaration_h),
    )
    return found, mistakes


def _is_number(text: str, minimum: int, maximum: int) -> bool:
    return text.isdecimal() and len(text) <= _MAX_NUMBER_CHARACTERS and minimum <= int(text) <= maximum


def _shown(text: str) -> str:
    """A cell for a message: short, and without control characters."""
    visible = "".join(character if character.isprintable() else "?" for character in text.strip())
    return f"`{visible[:40]}...`" if len(visible) > 40 else f"`{visible}`"
