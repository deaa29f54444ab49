"""The issuer's register: who received which serial. A pass is withdrawn by its serial, so no run may lose a row."""

import csv
import fcntl
import io
import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.credentials.issuing.output_files import output_error
from kiosk.system.csv_output import csv_text

REGISTER_FILE = "register.csv"
COLUMNS = ("serial", "name", "reference", "issued_at", "days", "key", "card")
"""`card` is the file and the number of the card in it. Together with `reference` it tells people of one name apart."""


class RegisterError(KioskError):
    """The register cannot be used. The message says what to do."""


class Register:
    """An open register. It is locked against other runs."""

    def __init__(self, path: Path, file: FileIO) -> None:
        """`file` is open for appending. Raises RegisterError if it is not a register of this version."""
        self.path = path
        self._file = file
        file.seek(0)
        content = file.read()
        self._end = len(content)
        self._needs_line_end = bool(content) and not content.endswith(b"\n")
        rows = _parse_rows(content)
        if rows is None:
            raise RegisterError(
                f"{path} has other columns: an older version wrote it, or a spreadsheet saved it. "
                "Rename it, keep it, and run this again. Nothing was made."
            )
        self.names = frozenset(row["name"] for row in rows)
        """Names in the register, as they are written there."""

    def append(self, rows: Sequence[Sequence[object]]) -> None:
        """Add rows, all or none. Raises OutputError."""
        start = "" if self._end else csv_text([COLUMNS])
        content = ("\r\n" if self._needs_line_end else "") + start + csv_text(rows)
        try:
            rest = memoryview(content.encode("utf-8"))
            while rest:
                rest = rest[self._file.write(rest) :]  # a disk that gets full takes a part first
            os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), self._end)
            raise output_error(self.path, error) from error


@dataclass(frozen=True, slots=True)
class RegisteredPass:
    """One row of a register."""

    serial: str
    name: str
    reference: str
    issued_at: str
    card: str
    days: str = ""
    key: str = ""
    """Key id of the issuer."""

    @property
    def ends_at(self) -> datetime | None:
        """When the pass ends by its days. None where the row does not say it."""
        try:
            return datetime.fromisoformat(self.issued_at) + timedelta(days=int(self.days))
        except (ValueError, OverflowError):
            return None


def find_passes(path: Path, *, name: str | None, reference: str | None) -> list[RegisteredPass]:
    """The passes of this name or reference, or of both. Case, blanks and the Unicode form do not count. Raises RegisterError.

    A pass that was printed again is there once, with its newest card.
    """
    wanted = {key: _fold(value) for key, value in (("name", name), ("reference", reference)) if value is not None}
    return [one for one in read_passes(path) if all(_fold(getattr(one, key)) == value for key, value in wanted.items())]


def read_passes(path: Path) -> list[RegisteredPass]:
    """All passes, each with its newest row. Raises RegisterError."""
    try:
        rows = _parse_rows(path.read_bytes())
    except OSError as error:
        raise RegisterError(f"{path} cannot be read: {error.strerror}. Name the register with --register.") from error
    if rows is None:
        raise RegisterError(f"{path} is no register of `kiosk issue`. A spreadsheet may have saved it in another form.")
    columns = ("serial", "name", "reference", "issued_at", "card", "days", "key")
    found = (RegisteredPass(*(row[column] or "" for column in columns)) for row in rows)
    return list({one.serial: one for one in found}.values())


def ending_passes(passes: Sequence[RegisteredPass], now_at: datetime, within: timedelta) -> list[RegisteredPass]:
    """Passes that end within this time, of people who have no later pass. A pass that has ended already is one of them."""
    latest: dict[tuple[str, str], datetime] = {}
    for one in passes:
        person = _fold(one.name), _fold(one.reference)
        if one.ends_at is not None:
            latest[person] = max(one.ends_at, latest.get(person, one.ends_at))
    due = now_at + within
    found = ((one, one.ends_at) for one in passes)
    return [
        one
        for one, ends_at in found
        if ends_at is not None and ends_at == latest[_fold(one.name), _fold(one.reference)] and ends_at <= due
    ]


def _parse_rows(content: bytes) -> list[dict[str, str]] | None:
    """None where it is no register of this version."""
    try:
        text = content.decode("utf-8-sig")
        header = tuple(next(csv.reader(io.StringIO(text)), COLUMNS))
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows if header == COLUMNS else None


def _fold(text: str) -> str:
    """For comparing. The apostrophe that protects a spreadsheet from a formula is left out."""
    return " ".join(unicodedata.normalize("NFC", text).lstrip("'").casefold().split())


@contextmanager
def open_register(folder: Path) -> Iterator[Register]:
    """Open the register of a folder for one run. Only its owner can read it. Raises RegisterError or OutputError."""
    path = folder / REGISTER_FILE
    is_new = not path.exists()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise output_error(path, error) from error
    with FileIO(handle, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield Register(path, file)
        except BaseException:
            if is_new and os.fstat(file.fileno()).st_size == 0:
                path.unlink(missing_ok=True)
            raise
