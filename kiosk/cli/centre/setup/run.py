"""Sets up a centre: makes keys, database, files, account and sheet. If one of them fails, nothing is left behind."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk.cli.centre.setup import database, offline_names, release_key, sheet
from kiosk.cli.centre.setup.answers import POSTGRESQL, SQLITE, SetupAnswers
from kiosk.cli.centre.setup.config_text import centre_toml
from kiosk.cli.centre.setup.keys import MadeKeys, make_keys
from kiosk.cli.centre.setup.places import CENTRE_GROUP, PlannedFile, SetupPlaces, existing, offline_files, server_files
from kiosk.cli.centre.setup.release_key import ReleaseKeyError
from kiosk.cli.centre.setup.sheet import KeyPlace, SheetFacts
from kiosk.cli.centre.setup.writing import WritingError, is_known, remove, write_files
from kiosk.core import file_names
from mqtt.broker.pki_error import PkiError
from mqtt.centre.accounts.accounts import AccountChangeError
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable

SHEET_NAME = "key-sheet"
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder in memory, in which a private folder is made


class SetupError(Exception):
    """The centre was not set up, and nothing was left behind. The text says why."""


class CentreExistsError(SetupError):
    """A file exists already."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(f"{len(paths)} files exist already")
        self.paths = tuple(paths)


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What the administrator must see."""

    sheet_path: Path
    sheet_text: str


def plan(answers: SetupAnswers, places: SetupPlaces, now: datetime) -> list[PlannedFile]:
    """The files that would be written. Raises CentreExistsError."""
    return _planned(answers, places, _keys(answers, now), "")


def set_up(
    answers: SetupAnswers, places: SetupPlaces, account_password: str, now: datetime, *, wants_release_key: bool
) -> SetupResult:
    """Make everything. Raises SetupError."""
    keys = _keys(answers, now)
    _planned(answers, places, keys, "")  # before PostgreSQL gets a database
    with _undone_on_error(answers, places) as undo:
        try:
            address = database.make_database(answers, places)
            undo.has_database = True
            files = _planned(answers, places, keys, address)
            undo.folders = write_files(files)
            undo.paths = [file.path for file in files]
            database.make_first_rows(address, answers, account_password, now)
            _give_database(answers, places)
            fingerprint = release_key.make_release_key(places.offline / release_key.FOLDER) if wants_release_key else ""
            facts = SheetFacts(
                answers.organisation,
                answers.administrator,
                now,
                keys.sealing_fingerprint,
                fingerprint,
                tuple(_key_places(answers, places, has_release_key=wants_release_key)),
            )
            return _write_sheet(facts, places, undo)
        except (LedgerError, AccountChangeError, WritingError, ReleaseKeyError, OSError) as error:
            raise SetupError(printable(str(error))) from error


@dataclass(slots=True)
class _Undo:
    paths: list[Path]
    folders: list[Path]
    has_database: bool = False
    """Whether this run made it."""


@contextmanager
def _undone_on_error(answers: SetupAnswers, places: SetupPlaces) -> Iterator[_Undo]:
    undo = _Undo([], [])
    try:
        yield undo
    except BaseException:
        shutil.rmtree(places.offline / release_key.FOLDER, ignore_errors=True)
        if answers.database == SQLITE and undo.has_database:
            undo.paths += places.state.glob("centre.db*")
        if answers.database == POSTGRESQL and undo.has_database:
            database.drop_database()
        remove(undo.paths, undo.folders)
        raise


def _keys(answers: SetupAnswers, now: datetime) -> MadeKeys:
    """In a folder in memory, where there is one: a key that was on a disk can be found there later."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        try:
            return make_keys(answers, Path(name), now)
        except PkiError as error:
            raise SetupError(str(error)) from error


def _planned(answers: SetupAnswers, places: SetupPlaces, keys: MadeKeys, address: str) -> list[PlannedFile]:
    config = centre_toml(answers, places, address)
    offline = answers.is_authority_offline
    files = [
        *server_files(places, keys.files, config, is_authority_offline=offline),
        *offline_files(places, keys.files),
    ]
    there = existing(files)
    if answers.database == SQLITE and (places.state / "centre.db").exists():
        there.append(places.state / "centre.db")
    if there:
        raise CentreExistsError(there)
    return files


def _give_database(answers: SetupAnswers, places: SetupPlaces) -> None:
    """Root made the file. The centre writes it."""
    if answers.database == SQLITE and is_known(CENTRE_GROUP, CENTRE_GROUP):
        for path in places.state.glob("centre.db*"):
            shutil.chown(path, CENTRE_GROUP, CENTRE_GROUP)
            path.chmod(0o660)


def _write_sheet(facts: SheetFacts, places: SetupPlaces, undo: _Undo) -> SetupResult:
    path = places.offline / f"{SHEET_NAME}.html"
    texts = {path: sheet.as_html(facts), path.with_suffix(".txt"): sheet.as_text(facts)}
    undo.paths += texts
    write_files([PlannedFile(path, text.encode(), 0o600) for path, text in texts.items()])
    return SetupResult(path, sheet.as_text(facts, ("en",)))


def _key_places(answers: SetupAnswers, places: SetupPlaces, *, has_release_key: bool) -> Iterator[KeyPlace]:
    offline = places.offline
    copy = offline / offline_names.AUTHORITY_FOLDER / "ca.key"
    if answers.is_authority_offline:
        yield KeyPlace("authority-offline", str(copy))
    else:
        yield KeyPlace("authority", f"{places.shown(places.authority / 'ca.key')}, {copy}")
    yield KeyPlace("root", str(offline / file_names.ROOT_PRIVATE_KEY))
    if answers.has_holders:
        yield KeyPlace("sealing-shares", f"{offline / offline_names.SEALING_SHARE}1.txt, 2, 3")
    else:
        yield KeyPlace("sealing", str(offline / offline_names.SEALING_PRIVATE_KEY))
    yield KeyPlace("backup", str(offline / offline_names.BACKUP_PRIVATE_KEY))
    if has_release_key:
        yield KeyPlace("release", f"{offline / release_key.FOLDER}/")
    yield KeyPlace("broker", places.shown(places.broker / "broker.key"))
    yield KeyPlace("centre", places.shown(places.centre / "centre.key"))
    yield KeyPlace("web", places.shown(places.centre / "web.key"))
    yield KeyPlace("fleet", places.shown(places.centre / file_names.FLEET_PRIVATE_KEY))
