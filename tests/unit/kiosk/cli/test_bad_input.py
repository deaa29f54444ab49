"""Bad input at the command line: each ends in one clear sentence and a non-zero status, and loses nothing."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system.instance_lock import acquire_instance_lock
from tests.fakes.processes.broker import Broker


@pytest.fixture
def premises() -> Iterator[Sandbox]:
    with temporary_sandbox() as found:
        yield found


def kiosk(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kiosk", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told(ended: subprocess.CompletedProcess[str]) -> str:
    """What it said in the end; a traceback is no sentence."""
    assert ended.returncode not in {0, -9, -11}
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def rewritten(premises: Sandbox, old: str, new: str) -> Path:
    text = premises.config_file.read_text(encoding="utf-8")
    assert old in text
    premises.config_file.write_text(text.replace(old, new), encoding="utf-8")
    return premises.config_file


def test_an_unknown_configuration_key_is_told_with_what_was_meant(premises: Sandbox) -> None:
    path = rewritten(premises, "repeat_window_s = 8.0", "repeat_windov_s = 8.0")
    for command in ("run", "web"):
        assert "visit.repeat_windov_s: no such setting; did you mean 'repeat_window_s'?" in told(
            kiosk(command, "--config", path)
        )
    assert "did you mean 'repeat_window_s'?" in told(kiosk("check-config", path))


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in kiosk("run", "--config", tmp_path / "none.toml").stderr


def test_a_key_file_that_is_missing_is_named_with_the_setting_that_asks_for_it(premises: Sandbox) -> None:
    (premises.folder / "pseudonym.key").unlink()
    assert "keys.pseudonym_key" in told(kiosk("check-config", premises.config_file))
    assert "pseudonym.key" in told(kiosk("run", "--config", premises.config_file))


def test_a_trust_list_that_somebody_changed_is_refused(premises: Sandbox) -> None:
    path = premises.folder / "trust.cbor"
    forged = bytearray(path.read_bytes())
    forged[len(forged) // 2] ^= 1
    path.write_bytes(forged)
    assert "trust" in told(kiosk("run", "--config", premises.config_file)).lower()


def test_an_empty_camera_folder_is_told_before_anything_runs(premises: Sandbox, tmp_path: Path) -> None:
    assert str(tmp_path) in told(kiosk("run", "--config", premises.config_file, "--camera", f"replay:{tmp_path}"))


def test_a_camera_that_nobody_knows_is_told(premises: Sandbox) -> None:
    assert "source" in told(kiosk("run", "--config", premises.config_file, "--camera", "telescope"))


def test_a_port_in_use_is_told_with_what_to_do(premises: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = told(kiosk("web", "--config", premises.config_file, "--port", port))
    assert port in sentence
    assert "in use" in sentence


def test_a_database_that_is_none_is_told_and_left_as_it_was(premises: Sandbox) -> None:
    premises.database.write_bytes(b"this is somebody's letter, not a database" * 100)
    before = premises.database.read_bytes()
    assert "events.db" in told(kiosk("run", "--config", premises.config_file))
    assert premises.database.read_bytes() == before


def test_a_database_folder_that_is_not_there_is_told(premises: Sandbox) -> None:
    path = rewritten(premises, 'path = "events.db"', 'path = "nowhere/events.db"')
    assert "nowhere" in told(kiosk("run", "--config", path))


def test_a_second_kiosk_on_the_same_database_is_refused_and_told(premises: Sandbox) -> None:
    with ExitStack() as first:
        acquire_instance_lock(premises.database, first)
        assert "Another kiosk uses" in told(kiosk("run", "--config", premises.config_file))


def test_a_broker_that_refuses_is_told_by_the_check_with_its_reason(premises: Sandbox) -> None:
    with Broker("allow_anonymous false") as broker:
        path = rewritten(premises, "port = 1\n", f"port = {broker.port}\n")
        sentence = told(kiosk("check-config", "--connect", path))
    assert f"127.0.0.1:{broker.port}" in sentence
    assert "refuse" in sentence


def test_a_broker_that_is_not_there_is_told_by_the_check(premises: Sandbox) -> None:
    assert "127.0.0.1:1" in told(kiosk("check-config", "--connect", premises.config_file))


def test_a_broker_that_refuses_ends_the_centre_with_its_reason(tmp_path: Path) -> None:
    with Broker("allow_anonymous false") as broker:
        ended = kiosk("centre", "--broker", broker.address, "--database", tmp_path / "centre.db")
    assert "refuse" in told(ended)


def test_a_centre_database_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    path.write_bytes(b"not a database" * 1000)
    assert "centre.db" in told(kiosk("centre", "--broker", "127.0.0.1:1", "--database", path))
    assert path.read_bytes() == b"not a database" * 1000


def test_options_that_contradict_each_other_are_told() -> None:
    assert "--json goes with --once" in told(kiosk("demo", "--json"))
    assert "--camera" in told(kiosk("demo", "--once", "--camera", "webcam:0"))


def test_a_good_configuration_is_called_good_and_can_be_printed(premises: Sandbox) -> None:
    ended = kiosk("check-config", "--print", premises.config_file)
    assert ended.returncode == 0, ended.stderr
    assert 'site.site = "cho-mau"' in ended.stdout
    assert ended.stdout.strip().endswith("good")
