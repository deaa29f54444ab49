"""Bad input on the command line: one clear message, a non-zero exit status, and no lost data."""

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
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as found:
        yield found


def kiosk(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kiosk.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def last_line(ended: subprocess.CompletedProcess[str]) -> str:
    """Last line of the error output. Asserts that there is no traceback and no crash."""
    assert ended.returncode not in {0, -9, -11}
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def replace_in_config(sandbox: Sandbox, old: str, new: str) -> Path:
    text = sandbox.config_file.read_text(encoding="utf-8")
    assert old in text
    sandbox.config_file.write_text(text.replace(old, new), encoding="utf-8")
    return sandbox.config_file


def test_an_unknown_configuration_key_is_reported_with_a_suggestion(sandbox: Sandbox) -> None:
    path = replace_in_config(sandbox, "repeat_window_s = 8.0", "repeat_windov_s = 8.0")
    for command in ("run", "web"):
        assert "visit.repeat_windov_s: no such setting; did you mean 'repeat_window_s'?" in last_line(
            kiosk(command, "--config", path)
        )
    assert "did you mean 'repeat_window_s'?" in last_line(kiosk("check-config", path))


def test_a_missing_configuration_is_reported(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in kiosk("run", "--config", tmp_path / "none.toml").stderr


def test_a_missing_key_file_is_reported_with_its_setting(sandbox: Sandbox) -> None:
    (sandbox.folder / "pseudonym.key").unlink()
    assert "keys.pseudonym_key" in last_line(kiosk("check-config", sandbox.config_file))
    assert "pseudonym.key" in last_line(kiosk("run", "--config", sandbox.config_file))


def test_a_modified_trust_list_is_rejected(sandbox: Sandbox) -> None:
    path = sandbox.folder / "trust.cbor"
    forged = bytearray(path.read_bytes())
    forged[len(forged) // 2] ^= 1
    path.write_bytes(forged)
    assert "trust" in last_line(kiosk("run", "--config", sandbox.config_file)).lower()


def test_check_config_reports_what_the_kiosk_would_meet(sandbox: Sandbox) -> None:
    (sandbox.folder / "denylist.cbor").write_bytes(b"garbage")
    ended = kiosk("check-config", sandbox.config_file)
    assert "keys.denylist" in last_line(ended)
    startup = kiosk("check-config", "--startup", sandbox.config_file)
    assert startup.returncode == 0, "the kiosk starts without it"
    assert "keys.denylist" in startup.stderr
    (sandbox.folder / "trust.cbor").write_bytes(b"garbage")
    assert "2 mistakes" in kiosk("check-config", sandbox.config_file).stderr
    assert "keys.trust_list" in last_line(kiosk("check-config", "--startup", sandbox.config_file))


def test_a_time_zone_that_does_not_exist_is_reported_by_every_command(sandbox: Sandbox) -> None:
    path = replace_in_config(sandbox, 'device = "cong-1"', 'device = "cong-1"\ntimezone = "Asia/Hanoi"')
    for command in (("check-config",), ("run", "--config"), ("doctor", "--config"), ("web", "--config")):
        assert 'Did you mean "Asia/Ho_Chi_Minh"?' in last_line(kiosk(*command, path))


def test_an_empty_camera_folder_is_reported_before_the_start(sandbox: Sandbox, tmp_path: Path) -> None:
    assert str(tmp_path) in last_line(kiosk("run", "--config", sandbox.config_file, "--camera", f"replay:{tmp_path}"))


def test_an_unknown_camera_is_reported(sandbox: Sandbox) -> None:
    assert "source" in last_line(kiosk("run", "--config", sandbox.config_file, "--camera", "telescope"))


def test_a_port_in_use_is_reported(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = last_line(kiosk("web", "--config", sandbox.config_file, "--port", port))
    assert port in message
    assert "in use" in message


def test_a_file_that_is_not_a_database_is_reported_and_not_changed(sandbox: Sandbox) -> None:
    sandbox.database.write_bytes(b"this is a letter, not a database" * 100)
    before = sandbox.database.read_bytes()
    assert "events.db" in last_line(kiosk("run", "--config", sandbox.config_file))
    assert sandbox.database.read_bytes() == before


def test_a_missing_database_folder_is_reported(sandbox: Sandbox) -> None:
    path = replace_in_config(sandbox, 'path = "events.db"', 'path = "nowhere/events.db"')
    assert "nowhere" in last_line(kiosk("run", "--config", path))


def test_a_second_kiosk_on_the_same_database_is_refused(sandbox: Sandbox) -> None:
    with ExitStack() as first:
        acquire_instance_lock(sandbox.database, first)
        assert "Another kiosk uses" in last_line(kiosk("run", "--config", sandbox.config_file))


def test_a_broker_that_refuses_the_connection_is_reported_by_check_config(sandbox: Sandbox) -> None:
    with Broker("allow_anonymous false") as broker:
        path = replace_in_config(sandbox, '127.0.0.1:1"', f'{broker.address}"')
        message = last_line(kiosk("check-config", "--connect", path))
    assert f"127.0.0.1:{broker.port}" in message
    assert "refuse" in message


def test_each_broker_that_cannot_be_used_is_reported_by_check_config(sandbox: Sandbox) -> None:
    with Broker() as good, Broker("allow_anonymous false") as bad:
        path = replace_in_config(sandbox, '"127.0.0.1:1"', f'"{good.address}", "127.0.0.1:1", "{bad.address}"')
        message = kiosk("check-config", "--connect", path).stderr
    assert "127.0.0.1:1: " in message
    assert f"{bad.address}: " in message
    assert good.address not in message


def test_an_unreachable_broker_is_reported_by_check_config(sandbox: Sandbox) -> None:
    assert "127.0.0.1:1" in last_line(kiosk("check-config", "--connect", sandbox.config_file))


def test_a_broker_that_refuses_the_connection_ends_the_centre_with_the_reason(tmp_path: Path) -> None:
    with Broker("allow_anonymous false") as broker:
        ended = kiosk("centre", "--broker", broker.address, "--database", tmp_path / "centre.db")
    assert "refuse" in last_line(ended)


def test_a_centre_database_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    path.write_bytes(b"not a database" * 1000)
    assert "centre.db" in last_line(kiosk("centre", "--broker", "127.0.0.1:1", "--database", path))
    assert path.read_bytes() == b"not a database" * 1000


def test_contradictory_options_are_reported() -> None:
    assert "--json goes with --once" in last_line(kiosk("demo", "--json"))
    assert "--camera" in last_line(kiosk("demo", "--once", "--camera", "webcam:0"))


def test_a_valid_configuration_is_accepted_and_can_be_printed(sandbox: Sandbox) -> None:
    ended = kiosk("check-config", "--print", sandbox.config_file)
    assert ended.returncode == 0, ended.stderr
    assert 'site.site = "cho-mau"' in ended.stdout
    assert ended.stdout.strip().endswith("good")
