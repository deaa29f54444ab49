"""From a code on the camera to a gate with a name, and back: the real daemon, the real service, a restart in between."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.reset import kept_databases
from kiosk.storage import SqliteEventStore
from kiosk.system.status_file import read_status
from mqtt.centre.enrolment.invitations import InvitationState
from tests.fakes.centre.enrolment import NAME, EnrolmentCentre
from tests.fakes.processes.replay_daemon import empty_scene, put, with_code

CONFIG = """\
run_dir = "run"
[camera]
source = "replay:{pictures}"
frames_per_s = 5
[gpio]
pin_factory = "mock"
[storage]
path = "data/events.db"
[web]
port = 0
[enrolment]
folder = "data/enrolment"
join_wifi = false
"""
PATIENCE_S = 100.0
_tick = threading.Event()


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon, as systemd starts it."""
    command = [sys.executable, "-m", "kiosk.app.start", "--config", str(folder / "kiosk.toml")]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()


def wait_for(folder: Path, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first status that is as wanted."""
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        found = read_status(folder / "run")
        if found and wanted(found):
            return found
        _tick.wait(0.1)
    raise AssertionError(json.dumps(read_status(folder / "run")) + (folder / "log").read_text()[-3000:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kiosk without a name. Nothing but hardware and folders stands in its configuration."""
    found = tmp_path / "kiosk"
    for name in ("pictures", "data", "run"):
        (found / name).mkdir(parents=True)
    (found / "kiosk.toml").write_text(CONFIG.format(pictures=found / "pictures"), encoding="utf-8")
    for number in range(3):
        put(found / "pictures", str(number), empty_scene(number))
    return found


@pytest.mark.timeout(400)
def test_a_kiosk_reads_its_code_enrols_restarts_as_a_gate_and_forgets_it_again(folder: Path, tmp_path: Path) -> None:
    centre = EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"), values='[access]\ndirection = "in"\n')
    with centre.served(), running(folder) as process:
        nameless = wait_for(folder, lambda found: found["state"] == "not-enrolled")
        assert (nameless["site"], nameless["enrolment"]["stage"]) == ("not-enrolled", "no-code")
        invitation, text = centre.invite()
        put(folder / "pictures", "1", with_code(text.decode(), 1))
        waiting = wait_for(
            folder, lambda found: found["state"] == "enrolling" and found["enrolment"]["stage"] == "waiting"
        )
        assert waiting["enrolment"]["name"] == NAME
        assert len(waiting["enrolment"]["words"]["vi"].split()) == 4
        put(folder / "pictures", "1", empty_scene(9))
        assert centre.found(invitation.number).state is InvitationState.WAITING
        centre.approve(invitation.number)
        gate = wait_for(folder, lambda found: found["site"] == "dong-ba")
        assert gate["pid"] == process.pid  # the same process for systemd
        assert gate["device"] == "gate-7"
        wait_for(
            folder, lambda found: found["state"] in {"ready", "degraded", "out-of-order"} and found["enrolment"] is None
        )
        assert text.decode() not in (folder / "log").read_text()
        epoch = wait_for(folder, lambda found: found["epoch"])["epoch"]
        EnrolmentFolder(folder / "data" / "enrolment").request_reset()
        wait_for(folder, lambda found: found["state"] == "not-enrolled")
    kept = kept_databases(folder / "data" / "events.db")
    assert list(kept) == [NAME]
    assert not (folder / "data" / "events.db").exists()
    store = SqliteEventStore(kept[NAME][0])
    assert store.epoch == epoch
    store.close()
    assert [path.name for path in (folder / "data" / "enrolment").iterdir()] == []
