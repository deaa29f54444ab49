"""`kiosk doctor`: in a good sandbox every check passes, and each fault is found with its place."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk import config
from kiosk.cli.doctor.command import doctor
from kiosk.cli.doctor.device_checks import button_check, presence_check, run_checks
from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, HealthCheck, StatusSnapshot
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system import status_file
from tests.faults.faulty_disk import Mounted


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def premises(listening: int) -> Iterator[Sandbox]:
    with temporary_sandbox(port=listening) as made:
        yield made


def found(premises: Sandbox) -> dict[str, HealthCheck]:
    return {check.code: check for check in run_checks(config.load_settings(premises.config_file))}


def run(premises: Sandbox, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, ["--config", str(premises.config_file), *arguments])


def change(premises: Sandbox, old: str, new: str) -> None:
    text = premises.config_file.read_text()
    assert old in text
    premises.config_file.write_text(text.replace(old, new))


def test_on_good_premises_nothing_is_bad(premises: Sandbox) -> None:
    facts = found(premises)
    assert {fact.status for fact in facts.values()} == {CheckStatus.PASS}
    assert {"files", "gpio", "camera", "disk", "clock", "trust-list", "denylist", "broker"} <= set(facts)
    assert run(premises).exit_code == 0


def test_speaks_the_language_of_the_site(premises: Sandbox) -> None:
    assert "Danh sách tin cậy còn mới" in run(premises).output
    change(premises, 'device = "cong-1"', 'device = "cong-1"\nlanguage = "en"')
    assert "The trust list" in run(premises).output


def test_a_broker_that_is_away_is_no_reason_to_close_the_gate(premises: Sandbox, listening: int) -> None:
    change(premises, f"port = {listening}", "port = 1")
    assert found(premises)["broker"].status is CheckStatus.WARN
    assert run(premises).exit_code == 0


def test_a_broker_that_does_not_speak_tls_is_found(premises: Sandbox) -> None:
    change(premises, "tls = false", "tls = true")

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(64)
            connection.sendall(b"\x20\x02\x00\x05 this is no handshake")

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = config.load_settings(premises.config_file)
        broker = settings.mqtt.model_copy(update={"port": server.getsockname()[1]})
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        facts = {check.code: check for check in run_checks(settings.model_copy(update={"mqtt": broker}))}
        thread.join(10.0)
    assert facts["broker"].status is CheckStatus.WARN
    assert "SSL" in facts["broker"].detail


def test_a_camera_that_is_not_there_is_bad_and_the_rest_is_still_examined(premises: Sandbox) -> None:
    change(premises, 'source = "synthetic"', 'source = "webcam:93"')
    facts = found(premises)
    assert facts["camera"].status is CheckStatus.FAIL
    assert "/dev/video93" in facts["camera"].detail
    assert "broker" in facts
    assert run(premises).exit_code == 1


def test_pins_that_are_not_there_are_bad(premises: Sandbox) -> None:
    change(premises, 'pin_factory = "mock"', 'pin_factory = "lgpio"')
    assert found(premises)["gpio"].status is CheckStatus.FAIL


def test_buttons_are_examined_where_there_are_any(premises: Sandbox) -> None:
    assert "buttons" not in found(premises)
    change(premises, 'pin_factory = "mock"', 'pin_factory = "mock"\nadmit_button = 5\nundo_button = 6')
    checks = run_checks(config.load_settings(premises.config_file))
    assert [check for check in checks if check.code == "buttons"] == [
        button_check("admit_button", pressed=False),
        button_check("undo_button", pressed=False),
    ]
    stuck = button_check("undo_button", pressed=True)
    assert (stuck.status, stuck.reason, stuck.detail) == (CheckStatus.WARN, "pressed", "gpio.undo_button")


def test_a_disk_that_is_full_is_bad_before_anybody_comes(premises: Sandbox) -> None:
    settings = config.load_settings(premises.config_file)
    records = settings.storage.model_copy(update={"min_free_bytes": 10**15})
    facts = {check.code: check for check in run_checks(settings.model_copy(update={"storage": records}))}
    assert (facts["storage"].status, facts["storage"].reason) == (CheckStatus.FAIL, "full")


def test_a_disk_that_its_kernel_has_closed_is_bad_for_root_too(premises: Sandbox, tmp_path: Path) -> None:
    disk = Mounted.make(tmp_path / "disk", tmp_path / "disk.img")
    if disk is None:
        pytest.skip("no file system of one's own may be mounted here")
    try:
        if not disk.fail(None):
            pytest.skip("this kernel injects no error into a file system")
        settings = config.load_settings(premises.config_file)
        records = settings.storage.model_copy(update={"path": disk.folder / "events.db"})
        checks = run_checks(settings.model_copy(update={"storage": records}))
        facts = [check for check in checks if check.code == "storage"]
    finally:
        disk.remove()
    assert {fact.status for fact in facts} == {CheckStatus.FAIL}
    assert "read-only" in {check.reason for check in facts}


def test_a_missing_key_is_named_by_its_setting(premises: Sandbox) -> None:
    (premises.folder / "pseudonym.key").unlink()
    facts = found(premises)
    assert facts["files"].status is CheckStatus.FAIL
    assert "keys.pseudonym_key" in facts["files"].detail


def test_a_broken_list_is_named(premises: Sandbox) -> None:
    (premises.folder / "trust.cbor").write_bytes(b"not a list")
    assert found(premises)["trust-list"].status is CheckStatus.FAIL


def test_of_a_running_kiosk_its_own_facts_are_shown_and_its_camera_is_left_alone(premises: Sandbox) -> None:
    change(premises, 'source = "synthetic"', 'source = "webcam:93"')
    premises.run_dir.mkdir()
    own = HealthCheck("camera", CheckStatus.PASS, 0.1, "s")
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=os.getpid(), started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1, checks=(own,),
        ),
        premises.run_dir,
    )  # fmt: skip
    assert found(premises)["camera"] == own
    assert "gpio" not in found(premises)


def test_a_killed_kiosk_counts_as_not_running(premises: Sandbox) -> None:
    premises.run_dir.mkdir()
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=2**22 + 1, started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1,
        ),
        premises.run_dir,
    )  # fmt: skip
    assert "gpio" in found(premises)


def test_a_presence_sensor_is_asked_and_its_answer_says_what_to_try() -> None:
    with temporary_sandbox() as premises:
        settings = config.load_settings(premises.config_file)
        signal = settings.gpio.model_copy(update={"presence_sensor": 7})
        facts = list(run_checks(settings.model_copy(update={"gpio": signal})))
    (found,) = [fact for fact in facts if fact.code == "presence-sensor"]
    assert found == presence_check(present=True), "a mock pin without a sensor is a cut wire, which counts as a person"
