"""Whom to make passes for: a CSV file of names, every mistake in it reported at once."""

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.credentials.formats.fields import is_person_name

MAX_PEOPLE = 20_000
_COLUMNS = {"name", "days", "status_class", "declaration_hours"}


class BulkTrouble(KioskError):
    """The passes cannot be made; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One pass to make."""

    name: str = field(repr=False)
    days: int
    status_class: int
    declaration_h: int


def read_pass_requests(path: Path, default: Wish) -> list[Wish]:
    """Read a CSV file (UTF-8, with a header; `name`, and where wanted `days`, `status_class`, `declaration_hours`).

    Raises BulkTrouble with every mistake and its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as trouble:
        raise BulkTrouble(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except (UnicodeDecodeError, csv.Error) as trouble:
        raise BulkTrouble(f"{path} is not a CSV file in UTF-8. Save it again as `CSV UTF-8`.") from trouble
    columns = set(rows[0]) if rows else set()
    if "name" not in columns or not columns <= _COLUMNS:
        raise BulkTrouble(f"{path} needs a header line and people; columns known here: {', '.join(sorted(_COLUMNS))}.")
    if len(rows) > MAX_PEOPLE:
        raise BulkTrouble(f"{path} has {len(rows)} people; at most {MAX_PEOPLE} at once. Split it.")
    wishes, mistakes = [], []
    for line, row in enumerate(rows, start=2):
        try:
            wishes.append(_parse_row(row, default))
        except (ValueError, TypeError) as trouble:
            mistakes.append(f"line {line}: {trouble}")
    if mistakes:
        raise BulkTrouble("\n".join([f"{path}: nothing was made.", *mistakes]))
    return wishes


def _parse_row(row: dict[str, str | None], default: Wish) -> Wish:
    name = (row["name"] or "").strip()
    if not is_person_name(name):
        raise ValueError("the name is empty, or has digits or marks that names do not have")
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
