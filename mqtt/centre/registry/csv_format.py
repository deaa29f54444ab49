"""The CSV files of the registry: from bytes to rows and all mistakes at once, and back. Pure."""

import _csv
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

from mqtt.centre.registry.model import AREA_KINDS, SITE_KINDS, Area, RegisteredDevice, RegistryRows, Site

MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_TEXT_LENGTH = 500
MAX_MISTAKES = 200
"""A file with more is not worth reading further."""
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "areas": ("code", "parent", "kind", "name_vi", "name_en", "since", "until", "merged_into"),
    "sites": ("site", "title", "area", "kind", "opening_hours", "capacity", "contact", "since", "until"),
    "devices": ("device", "site", "title", "since", "until"),
}
REQUIRED = {
    "areas": ("code", "kind", "name_vi", "since"),
    "sites": ("site", "title", "area", "kind", "since"),
    "devices": ("device", "site", "title", "since"),
}
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_CODE = re.compile(r"[A-Za-z0-9-]{1,20}")
# Exports get an apostrophe in front of what a spreadsheet would run as a formula (OWASP, CSV injection). It is taken away here.
_UNESCAPE = re.compile(
    r"((?:^|[;,|\t\r\n\"])[\s\u200b\ufeff]*)'(?=[=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b])"
)
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in a file. The text is a sentence for the person who made the file."""

    file: str
    line: int
    """1 is the header. 0: the file as a whole."""
    column: str
    text: str

    def __str__(self) -> str:
        where = ": ".join(
            [self.file, *([f"line {self.line}"] if self.line else []), *([self.column] if self.column else [])]
        )
        return f"{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file contains. `lines`: the line of each row, by its kind and key."""

    name: str
    rows: RegistryRows
    lines: Mapping[tuple[str, str, date], int]
    mistakes: tuple[Mistake, ...]
    rejected: frozenset[str] = frozenset()
    """Names of areas, sites and devices whose row has a mistake."""


def parse_file(name: str, content: bytes, check_hours: Callable[[str], object]) -> ParsedFile:
    """Read a file. Never raises. The header says what it contains. `check_hours` raises ValueError for wrong opening hours."""
    reader = _FileReader(name, check_hours)
    reader.read(content)
    mistakes = tuple(sorted(reader.mistakes)[:MAX_MISTAKES])
    return ParsedFile(name, reader.rows(), reader.lines, mistakes, frozenset(reader.rejected))


def file_rows(kind: str, rows: RegistryRows) -> list[list[str]]:
    """The header and the rows of one kind. `parse_file` reads them back from a CSV file, also with apostrophes before formulas."""
    return [list(COLUMNS[kind]), *(_cells(kind, row) for row in getattr(rows, kind))]


def _cells(kind: str, row: Area | Site | RegisteredDevice) -> list[str]:
    values = {one.name: getattr(row, one.name) for one in fields(row)}
    values["device"] = values.get("wire_name")
    return [_cell(values[column]) for column in COLUMNS[kind]]


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(value)
    return "" if value is None else str(value)


class _FileReader:
    """Reads one file, and collects rows and mistakes."""

    def __init__(self, name: str, check_hours: Callable[[str], object]) -> None:
        self._name = name
        self._check_hours = check_hours
        self._found: dict[str, list[Area | Site | RegisteredDevice]] = {kind: [] for kind in COLUMNS}
        self.mistakes: list[Mistake] = []
        self.lines: dict[tuple[str, str, date], int] = {}
        self.rejected: set[str] = set()

    def rows(self) -> RegistryRows:
        """The rows without a mistake."""
        return RegistryRows(*(tuple(self._found[kind]) for kind in COLUMNS))  # type: ignore[arg-type]  # each kind has its type

    def read(self, content: bytes) -> None:
        """Read the whole file."""
        if len(content) > MAX_FILE_BYTES:
            return self._reject(0, "", f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return self._reject(0, "", 'is not UTF-8. Save it as "CSV UTF-8"')
        text = unicodedata.normalize("NFC", text)
        header_line = text.lstrip("\r\n").split("\n", 1)[0]
        delimiter = max(",;\t", key=header_line.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            self._read_lines(reader, delimiter)
        except csv.Error as error:
            self._reject(reader.line_num, "", f"a quotation mark is wrong here, or a cell is too long ({error})")
        return None

    def _read_lines(self, reader: "_csv.Reader", delimiter: str) -> None:
        header = [cell.strip().lower() for cell in next(reader, [])]
        kind = _kind_of(header)
        if not kind:
            known = "; ".join(f"{name}: {','.join(columns)}" for name, columns in COLUMNS.items())
            return self._reject(1, "", f"the header is not that of a registry file. The headers are: {known}")
        self._check_header(kind, header)
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                self._reject(
                    line, "", f"has {len(cells)} cells, the header has {len(header)} (separator {delimiter!r})"
                )
                continue
            self._read_row(kind, line, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
            if len(self.mistakes) >= MAX_MISTAKES:
                return self._reject(line, "", "reading ended here: too many mistakes")
        return None

    def _check_header(self, kind: str, header: Sequence[str]) -> None:
        for column in REQUIRED[kind]:
            if column not in header:
                self._reject(1, column, "this column is missing")
        for column in header:
            if column not in COLUMNS[kind]:
                self._reject(1, column, "is not a column of this file")
            elif header.count(column) > 1:
                self._reject(1, column, "stands in the header twice")

    def _read_row(self, kind: str, line: int, cells: Mapping[str, str]) -> None:
        before = len(self.mistakes)
        row = _CellReader(cells, lambda column, text: self._reject(line, column, text), self._check_hours).row(kind)
        if len(self.mistakes) > before or row is None:
            self.rejected.add(cells.get(REQUIRED[kind][0], ""))
            return
        place = (kind, *row.key)
        if place in self.lines:
            self._reject(line, "since", f"the same row stands in line {self.lines[place]}")
            return
        self.lines[place] = line
        self._found[kind].append(row)

    def _reject(self, line: int, column: str, text: str) -> None:
        self.mistakes.append(Mistake(self._name, line, column, text))


def _kind_of(header: Sequence[str]) -> str:
    """The kind of file. Empty: none."""
    if "code" in header:
        return "areas"
    if "device" in header:
        return "devices"
    return "sites" if "site" in header else ""


class _CellReader:
    """Reads the cells of one row. Each mistake goes to `reject`."""

    def __init__(
        self, cells: Mapping[str, str], reject: Callable[[str, str], None], check_hours: Callable[[str], object]
    ) -> None:
        self._cells = cells
        self._reject = reject
        self._check_hours = check_hours

    def row(self, kind: str) -> Area | Site | RegisteredDevice | None:
        """The row of that kind. None without `since`."""
        since, until = self._day("since", required=True), self._day("until")
        if since and until and until <= since:
            self._reject("until", "is not later than since")
        first_day = since or date.min
        row: Area | Site | RegisteredDevice
        if kind == "areas":
            row = self._area(first_day, until)
        else:
            row = self._site(first_day, until) if kind == "sites" else self._device(first_day, until)
        return row if since else None

    def _area(self, since: date, until: date | None) -> Area:
        merged_into = self._match("merged_into", _CODE, "letters, digits and hyphens", required=False)
        if merged_into and until is None:
            self._reject("merged_into", "needs until: the day of the merge")
        return Area(
            self._match("code", _CODE, "letters, digits and hyphens"),
            self._match("parent", _CODE, "letters, digits and hyphens", required=False),
            self._one_of("kind", AREA_KINDS),
            self._text("name_vi", required=True),
            self._text("name_en"),
            since,
            until,
            merged_into,
        )

    def _site(self, since: date, until: date | None) -> Site:
        return Site(
            self._match("site", _SLUG, "lower-case letters, digits and hyphens"),
            self._text("title", required=True),
            self._match("area", _CODE, "the code of an area"),
            self._one_of("kind", SITE_KINDS),
            self._hours(),
            self._capacity(),
            self._text("contact"),
            since,
            until,
        )

    def _device(self, since: date, until: date | None) -> RegisteredDevice:
        wire_name = self._text("device", required=True)
        if (wire_name and not all(_SLUG.fullmatch(part) for part in wire_name.split("/", 1))) or wire_name.count(
            "/"
        ) != 1:
            self._reject("device", "is not like dong-ba/gate-1: site and device as in the topics")
        site = self._match("site", _SLUG, "lower-case letters, digits and hyphens")
        return RegisteredDevice(wire_name, site, self._text("title", required=True), since, until)

    def _text(self, column: str, *, required: bool = False) -> str:
        text = _UNESCAPE.sub(r"\1", self._cells.get(column, ""))
        if required and not text:
            self._reject(column, "is empty")
        if len(text) > MAX_TEXT_LENGTH:
            self._reject(column, f"is longer than {MAX_TEXT_LENGTH} characters")
        if _UNSAFE.search(text):
            self._reject(column, "contains a control character")
        return text

    def _match(self, column: str, pattern: re.Pattern[str], expected: str, *, required: bool = True) -> str:
        text = self._text(column, required=required)
        if text and not pattern.fullmatch(text):
            self._reject(column, f"{_shown(text)} is not allowed: {expected}")
        return text

    def _one_of(self, column: str, allowed: Sequence[str]) -> str:
        text = self._text(column, required=True)
        if text and text not in allowed:
            self._reject(column, f"{_shown(text)} is not one of {', '.join(allowed)}")
        return text

    def _day(self, column: str, *, required: bool = False) -> date | None:
        text = self._text(column, required=required)
        try:
            return (
                date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else _vietnamese_day(text)
            )
        except ValueError:
            self._reject(column, f"{_shown(text)} is not a day like 2025-07-01 or 01/07/2025")
            return None

    def _hours(self) -> tuple[str, ...]:
        found = tuple(part.strip() for part in re.split("[;|]", self._text("opening_hours")) if part.strip())
        for part in found:
            try:
                self._check_hours(part)
            except ValueError as error:
                self._reject("opening_hours", str(error))
        return found

    def _capacity(self) -> int | None:
        text = self._text("capacity")
        if not text:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
            self._reject("capacity", f"{_shown(text)} is not a number of people")
            return None
        return int(text)


def _vietnamese_day(text: str) -> date | None:
    """`01/07/2025`, as spreadsheets in Vietnam write it. None for an empty text. Raises ValueError."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII)
    if not found:
        raise ValueError(text)
    return date(int(found[3]), int(found[2]), int(found[1]))


def _shown(text: str) -> str:
    return ascii(text[:40]) if _UNSAFE.search(text) else repr(text[:40])
