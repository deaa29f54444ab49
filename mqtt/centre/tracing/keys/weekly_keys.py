"""Private sealing keys, one for each week: made in advance, kept whole or in shares, destroyed when their week is over.

To destroy the key of a week erases all that was sealed in it, wherever copies of the database are.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mqtt.centre.tracing.keys.private_keys import PrivateKeyError
from mqtt.centre.tracing.keys.shares import SUFFIX, split_key

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WeekKey:
    """A new private key for the week that begins then, on a Monday, 00:00 UTC."""

    since_at: datetime
    key: X25519PrivateKey = field(repr=False)

    @property
    def week(self) -> str:
        """For example `2026-W48` (ISO 8601)."""
        return week_name(self.since_at)


def week_name(at: datetime) -> str:
    """The week of a moment, in UTC."""
    year, week, _ = at.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02}"


def parse_week(text: str) -> datetime:
    """The beginning of a week, from `2026-W48`. Raises ValueError."""
    return datetime.strptime(f"{text}-1", "%G-W%V-%u").replace(tzinfo=UTC)


def make_week_keys(first_at: datetime, weeks: int) -> list[WeekKey]:
    """New keys for so many weeks. `first_at` is the beginning of the first one."""
    return [WeekKey(first_at + number * WEEK, X25519PrivateKey.generate()) for number in range(weeks)]


def write_whole(keys: Iterable[WeekKey], folder: Path) -> None:
    """Each key in a PEM file of its own. Raises PrivateKeyError."""
    for one in keys:
        pem = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_new(folder / f"{one.week}.pem", pem)


def write_shares(keys: Iterable[WeekKey], folders: list[Path]) -> None:
    """The shares of each key, one in the folder of each holder. Raises PrivateKeyError."""
    for one in keys:
        for share, folder in zip(split_key(one.key, one.week), folders, strict=True):
            _write_new(folder / f"{one.week}{SUFFIX}", share.text().encode())


def destroy_week(week: str, folders: Iterable[Path]) -> list[Path]:
    """Overwrite and delete what these folders have of the key of a week. Returns the deleted files. Raises PrivateKeyError."""
    return [_destroy(path) for folder in folders for path in _files_of(week, folder)]


def weeks_in(folders: Iterable[Path]) -> list[str]:
    """The weeks of which these folders have a key or a share."""
    found = {path.stem for folder in folders for path in folder.iterdir() if path.suffix in {".pem", SUFFIX}}
    return sorted(found)


def _files_of(week: str, folder: Path) -> Iterator[Path]:
    for suffix in (".pem", SUFFIX):
        path = folder / f"{week}{suffix}"
        if path.exists():
            yield path


def _write_new(path: Path, content: bytes) -> None:
    """A private key that exists is never overwritten."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise PrivateKeyError(
            f"{path} exists already: a key is never overwritten. Name another week or folder."
        ) from error
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be written: {error.strerror}") from error


def _destroy(path: Path) -> Path:
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            os.fsync(file.fileno())
        path.unlink()
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be destroyed: {error.strerror}") from error
    return path
