"""A start that fails: out of order on lamps and page with its sentence, tried again, and refused for a second kiosk."""

import errno
import json
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kiosk import config
from kiosk.app.builders.startup import RunDirError, build_with_retry, open_run_dir
from kiosk.core.model import DeviceState, Outcome
from kiosk.core.ports import KioskError, StoreError
from kiosk.credentials.trust.files import ListError
from kiosk.storage import IncompatibleDatabaseError, SqliteEventStore, StoreCorruptError
from kiosk.system.instance_lock import InstanceLockedError, acquire_instance_lock
from kiosk.system.status_file import read_status
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe
from tests.fakes.data.access_events import an_event


class FakeSignal:
    """Records the idle states."""

    def __init__(self) -> None:
        self.states: list[DeviceState] = []

    def set_idle_state(self, state: DeviceState) -> None:
        self.states.append(state)

    def show(self, outcome: Outcome) -> None:
        raise AssertionError(outcome)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    keys = config.KeySettings(
        sealing_public_key=tmp_path, pseudonym_key=tmp_path, trust_list=tmp_path, root_public_key=tmp_path
    )
    return config.Settings(site=config.SiteSettings(site="cho", device="cong-1"), keys=keys, run_dir=tmp_path)


@pytest.fixture
def systemd() -> SystemdNotifier:
    return SystemdNotifier({"NOTIFY_SOCKET": "@kiosk-test-no-listener"})


def failing(errors: list[Exception], wakeup: WakeupPipe) -> Callable[[ExitStack], str]:
    """A start that fails once with each error."""

    def build(_: ExitStack) -> str:
        wakeup.wake()
        if errors:
            raise errors.pop(0)
        return "started"

    return build


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (StoreError("disk full"), "storage", "error"),
        (StoreCorruptError("malformed"), "storage", "error"),
        (RunDirError("run_dir is full"), "start", "run-dir"),
        (ListError("the trust list is forged"), "start", "lists"),
        (KioskError("pseudonym.key: no such file"), "start", "failed"),
        (IncompatibleDatabaseError("newer release"), "storage", "error"),
        (OSError(errno.ENOSPC, "No space left on device"), "start", "failed"),
    ],
)
def test_a_start_that_fails_is_out_of_order_with_its_sentence_until_it_succeeds(
    settings: config.Settings, systemd: SystemdNotifier, error: Exception, code: str, reason: str
) -> None:
    signal = FakeSignal()
    with WakeupPipe() as wakeup, ExitStack() as stack:
        build = failing([error, error], wakeup)
        built = build_with_retry(build, settings, signal, wakeup=wakeup, notifier=systemd, exit_stack=stack)
    assert built == "started"
    assert signal.states == [DeviceState.OUT_OF_ORDER, DeviceState.OUT_OF_ORDER, DeviceState.STARTING]
    found = read_status(settings.run_dir)
    assert found is not None
    assert found["state"] == "out-of-order"
    assert [(check["code"], check["reason"]) for check in found["checks"]] == [(code, reason)]
    assert str(error) in found["checks"][0]["detail"]


@pytest.mark.parametrize("error", [StoreError("disk full"), RunDirError("run_dir is full")])
def test_a_full_disk_is_tried_again_without_systemd_too(settings: config.Settings, error: Exception) -> None:
    with WakeupPipe() as wakeup, ExitStack() as stack:
        build = failing([error], wakeup)
        notifier = SystemdNotifier({})
        assert build_with_retry(build, settings, FakeSignal(), wakeup=wakeup, notifier=notifier, exit_stack=stack)


def test_without_systemd_a_bad_list_ends_in_its_sentence(settings: config.Settings) -> None:
    notifier = SystemdNotifier({})
    with WakeupPipe() as wakeup, ExitStack() as stack:
        build = failing([ListError("forged")], wakeup)
        with pytest.raises(ListError, match="forged"):
            build_with_retry(build, settings, FakeSignal(), wakeup=wakeup, notifier=notifier, exit_stack=stack)


def test_a_second_kiosk_in_the_same_run_dir_is_refused(tmp_path: Path) -> None:
    with ExitStack() as first, ExitStack() as second:
        open_run_dir(tmp_path / "run", first)
        (tmp_path / "run/status.json").write_text("{}", encoding="utf-8")
        with pytest.raises(InstanceLockedError, match="Another kiosk uses run_dir"):
            open_run_dir(tmp_path / "run", second)
        second.close()
        assert (tmp_path / "run/status.json").exists(), "the status of the first kiosk stays"


def test_a_second_kiosk_is_never_tried_again(settings: config.Settings, systemd: SystemdNotifier) -> None:
    with WakeupPipe() as wakeup, ExitStack() as held, ExitStack() as stack:
        acquire_instance_lock(settings.run_dir / "events.db", held)
        with pytest.raises(InstanceLockedError, match="Another kiosk uses"):
            build_with_retry(
                lambda attempt: acquire_instance_lock(settings.run_dir / "events.db", attempt),
                settings, FakeSignal(), wakeup=wakeup, notifier=systemd, exit_stack=stack,
            )  # fmt: skip


def test_what_a_failed_start_opened_is_closed_before_the_next_one(
    settings: config.Settings, systemd: SystemdNotifier
) -> None:
    closed: list[int] = []

    def build(attempt: ExitStack) -> int:
        number = len(closed)
        attempt.callback(closed.append, number)
        if number < 2:
            wakeup.wake()
            raise StoreError("disk full")
        return number

    with WakeupPipe() as wakeup, ExitStack() as stack:
        assert build_with_retry(build, settings, FakeSignal(), wakeup=wakeup, notifier=systemd, exit_stack=stack) == 2
        assert closed == [0, 1], "the one that succeeded stays open"
    assert closed == [0, 1, 2]


def test_drafts_of_a_killed_process_are_removed_at_the_start(tmp_path: Path) -> None:
    for name in (".status.json.123.new", ".settings.json.77.new"):
        (tmp_path / name).write_text("half", encoding="utf-8")
    (tmp_path / "notes.new").write_text("of a person", encoding="utf-8")
    with ExitStack() as stack:
        open_run_dir(tmp_path, stack)
        assert {path.name for path in tmp_path.iterdir()} == {"notes.new"}


def test_a_run_dir_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("", encoding="utf-8")
    with ExitStack() as stack, pytest.raises(RunDirError, match="cannot be used: "):
        open_run_dir(tmp_path / "run", stack)


def test_a_database_that_cannot_be_written_is_found_before_the_first_person(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(SqliteEventStore(path)) as store:
        store.commit(an_event(1))
        with closing(sqlite3.connect(path)) as other:
            store._gate_connection.execute("PRAGMA query_only = ON")
            with pytest.raises(StoreError, match="readonly"):
                store.check_writable()
            assert other.execute("SELECT count(*) FROM event").fetchone() == (1,)


def test_any_flipped_byte_of_the_status_is_a_status_or_none(tmp_path: Path) -> None:
    content = json.dumps({"format": 2, "state": "ready", "now_at": "2026-11-27T10:00:00+00:00", "checks": []}).encode()
    path = tmp_path / "status.json"
    for offset in range(len(content)):
        for mask in (0x01, 0x20, 0x80, 0xFF):
            path.write_bytes(content[:offset] + bytes([content[offset] ^ mask]) + content[offset + 1 :])
            found = read_status(tmp_path)
            assert found is None or found["format"] == 2
