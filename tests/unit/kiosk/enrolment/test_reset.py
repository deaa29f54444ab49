"""A reset forgets certificate and keys, and keeps the events: under the old name, until this device has that name again."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.maintenance.enrol import enrol
from kiosk.core import file_names
from kiosk.enrolment.device_key import make_key
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.reset import adopt_database, count_undelivered, forget_enrolment, kept_databases, kept_path
from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import an_event

SETTINGS = b'{"site": "dong-ba", "device": "gate-7", "brokers": ["broker:8883"]}'


@pytest.fixture
def folder(tmp_path: Path) -> EnrolmentFolder:
    """That of a device that is enrolled."""
    found = EnrolmentFolder(tmp_path / "enrolment")
    content = {
        file_names.ENROLMENT_SETTINGS: SETTINGS,
        file_names.ENROLLED_KEY: make_key(),
    }
    found.switch(found.write_generation(content))
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """With three events without a receipt."""
    path = tmp_path / "events.db"
    store = SqliteEventStore(path)
    for number in range(1, 4):
        store.commit(an_event(number))
    store.close()
    return path


def forget(folder: EnrolmentFolder, database: Path) -> Path | None:
    return forget_enrolment(folder.path, database, "dong-ba", "gate-7")


def test_after_a_reset_no_key_is_left_and_all_events_are_kept(folder: EnrolmentFolder, database: Path) -> None:
    folder.request_reset()
    kept = forget(folder, database)
    assert list(folder.path.iterdir()) == []
    assert kept is not None
    assert not database.exists()
    assert kept_databases(database) == {"dong-ba/gate-7": [kept]}
    assert count_undelivered(kept) == 3


def test_events_return_to_the_device_that_has_their_name_again_and_to_no_other(
    folder: EnrolmentFolder, database: Path
) -> None:
    kept = forget(folder, database)
    assert adopt_database(database, "dong-ba", "gate-8") is None
    assert adopt_database(database, "dong-ba", "gate-7") == kept
    assert count_undelivered(database) == 3
    assert kept_databases(database) == {}


def test_a_database_that_exists_is_never_replaced(folder: EnrolmentFolder, database: Path) -> None:
    kept = forget(folder, database)
    database.write_bytes(b"newer")
    assert adopt_database(database, "dong-ba", "gate-7") is None
    assert database.read_bytes() == b"newer"
    assert kept_path(database, "dong-ba", "gate-7") != kept


@pytest.mark.parametrize("point", ["nothing", "side files", "database", "link"])
def test_a_reset_that_a_power_cut_interrupted_is_finished_at_the_next_start(
    folder: EnrolmentFolder, database: Path, point: str
) -> None:
    folder.request_reset()
    wal = database.with_name("events.db-wal")
    wal.write_bytes(b"")
    kept = kept_path(database, "dong-ba", "gate-7")
    if point != "nothing":
        wal.rename(kept.with_name(f"{kept.name}-wal"))
    if point in {"database", "link"}:
        database.rename(kept)
    if point == "link":
        folder.current.unlink()
    forget(folder, database)
    assert list(folder.path.iterdir()) == []
    assert [count_undelivered(path) for path in kept_databases(database)["dong-ba/gate-7"]] == [3]
    assert not folder.is_reset_requested


CONFIG = '[storage]\npath = "events.db"\n[enrolment]\nfolder = "enrolment"\n'


def run(tmp_path: Path, *words: str, config: str = CONFIG) -> tuple[int, str]:
    (tmp_path / "kiosk.toml").write_text(config, encoding="utf-8")
    done = CliRunner().invoke(enrol, [*words, "--config", str(tmp_path / "kiosk.toml")])
    return done.exit_code, done.output


def test_the_command_asks_for_the_reset_and_shows_what_is_kept(
    tmp_path: Path, folder: EnrolmentFolder, database: Path
) -> None:
    assert "dong-ba/gate-7: enrolled by a code" in run(tmp_path, "status")[1]
    assert run(tmp_path, "reset")[0] == 1  # the answer to the question is missing
    assert not folder.is_reset_requested
    code, output = run(tmp_path, "reset", "--yes")
    assert (code, folder.is_reset_requested) == (0, True)
    assert "kiosk centre revoke dong-ba/gate-7" in output
    forget(folder, database)
    output = run(tmp_path, "status")[1]
    assert "not enrolled" in output
    assert "3 not delivered" in output


def test_a_device_that_its_file_names_is_not_reset(tmp_path: Path) -> None:
    keys = "".join(
        f'{name} = "x"\n' for name in ("sealing_public_key", "pseudonym_key", "trust_list", "root_public_key")
    )
    named = f'[site]\nsite = "a"\ndevice = "b"\n[keys]\n{keys}'
    assert run(tmp_path, "reset", "--yes", config=named)[0] == 1
    assert "named by" in run(tmp_path, "status", config=named)[1]
