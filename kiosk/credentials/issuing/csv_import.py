"""Reads a CSV file of people to make passes for. All errors are reported at once."""

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.credentials.formats.fields import is_person_name

MAX_PEOPLE = 20_000
_COLUMNS = {"name", "days", "status_class", "declaration_hours"}


class CsvImportError(KioskError):
    """The passes cannot be made. The message says what to correct."""


@dataclass(frozen=True, slots=True)
class PassRequest:
    """One pass to make."""

    name: str = field(repr=False)
    days: int
    status_class: int
    declaration_h: int


def read_pass_requests(path: Path, default: PassRequest) -> list[PassRequest]:
    """Read a CSV file (UTF-8, with a header). Columns: `name`, optional `days`, `status_class`, `declaration_hours`.

    Raises CsvImportError with each error and its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise CsvImportError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CsvImportError(f"{path} is not a CSV file in UTF-8. Save it again as `CSV UTF-8`.") from error
    columns = set(rows[0]) if rows else set()
    if "name" not in columns or not columns <= _COLUMNS:
        raise CsvImportError(
            f"{path} needs a header line and at least one person. Known columns: {', '.join(sorted(_COLUMNS))}."
        )
    if len(rows) > MAX_PEOPLE:
        raise CsvImportError(
            f"{path} has {len(rows)} people. At most {MAX_PEOPLE} are allowed at once. Split the file."
        )
    wishes, mistakes = [], []
    for line, row in enumerate(rows, start=2):
        try:
            wishes.append(_parse_row(row, default))
        except (ValueError, TypeError) as error:
            mistakes.append(f"line {line}: {error}")
    if mistakes:
        raise CsvImportError("\n".join([f"{path}: nothing was made.", *mistakes]))
    return wishes


def _parse_row(row: dict[str, str | None], default: PassRequest) -> PassRequest:
    name = (row["name"] or "").strip()
    if not is_person_name(name):
        raise ValueError("the name is empty, or has digits or characters that are not allowed in names")
    return replace(
        default,
        name=name,
        days=_number(row, "days", default.days, 1, 366),
        status_class=_number(row, "status_class", default.status_class, 0, 255),
        declaration_h=_number(row, "declaration_hours", default.declaration_h, 0, 8784),
    )


def _number(row: dict[str, str | None], column: str, default: int, minimum: int, maximum: int) -> int:
    text = (row.get(column) or "").strip()
    if not text:
        return default
    if not text.isdecimal() or not minimum <= int(text) <= maximum:
        raise ValueError(f"{column} is not a whole number from {minimum} to {maximum}")
    return int(text)
