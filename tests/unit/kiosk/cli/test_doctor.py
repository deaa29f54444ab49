"""`kiosk doctor`: on real premises it finds nothing bad, and each thing that is broken is named with what to do."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk import config
from kiosk.cli.doctor.command import button_check, doctor, presence_check, run_checks
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
    return {fact.name: fact for fact in run_checks(config.load_settings(premises.config_file))}


def run(premises: Sandbox, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, ["--config", str(premises.config_file), *arguments])


def change(premises: Sandbox, old: str, new: str) -> None:
    text = premises.config_file.read_text()
    assert old in text
    premises.config_file.write_text(text.replace(old, new))


def test_on_good_premises_nothing_is_bad(premises: Sandbox) -> None:
    facts = found(premises)
    assert {fact.status for fact in facts.values()} == {CheckStatus.PASS}
    assert {"files", "pins", "camera", "disk", "clock", "list-trust", "list-denied", "broker"} <= set(facts)
    assert run(premises).exit_code == 0


def test_speaks_the_language_of_the_site(premises: Sandbox) -> None:
    assert "Camera cho hình" in run(premises).output
    change(premises, 'device = "cong-1"', 'device = "cong-1"\nlanguage = "en"')
    assert "It gives pictures" in run(premises).output


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
        facts = {fact.name: fact for fact in run_checks(settings.model_copy(update={"mqtt": broker}))}
        thread.join(10.0)
    assert facts["broker"].status is CheckStatus.WARN
    assert "SSL" in facts["broker"].en


def test_a_camera_that_is_not_there_is_bad_and_the_rest_is_still_examined(premises: Sandbox) -> None:
    change(premises, 'source = "synthetic"', 'source = "webcam:93"')
    facts = found(premises)
    assert facts["camera"].status is CheckStatus.FAIL
    assert "/dev/video93" in facts["camera"].en
    assert "broker" in facts
    assert run(premises).exit_code == 1


def test_pins_that_are_not_there_are_bad(premises: Sandbox) -> None:
    change(premises, 'pins = "mock"', 'pins = "gpio"')
    assert found(premises)["pins"].status is CheckStatus.FAIL


def test_buttons_are_examined_where_there_are_any(premises: Sandbox) -> None:
    assert "buttons" not in found(premises)
    change(premises, 'pins = "mock"', 'pins = "mock"\nadmit_button = 5\nundo_button = 6')
    assert [fact.en for fact in run_checks(config.load_settings(premises.config_file)) if fact.name == "buttons"] == [
        "gpio.admit_button is ready.",
        "gpio.undo_button is ready.",
    ]
    stuck = button_check("undo_button", pressed=True)
    assert (stuck.status, "it sticks" in stuck.en, "kẹt" in stuck.vi) == (CheckStatus.WARN, True, True)


def test_a_disk_that_is_full_is_bad_before_anybody_comes(premises: Sandbox) -> None:
    settings = config.load_settings(premises.config_file)
    records = settings.storage.model_copy(update={"min_free_bytes": 10**15})
    facts = {fact.name: fact for fact in run_checks(settings.model_copy(update={"storage": records}))}
    assert facts["records"].status is CheckStatus.FAIL
    assert "is full" in facts["records"].en


def test_a_disk_that_its_kernel_has_closed_is_bad_for_root_too(premises: Sandbox, tmp_path: Path) -> None:
    disk = Mounted.make(tmp_path / "disk", tmp_path / "disk.img")
    if disk is None:
        pytest.skip("no file system of one's own may be mounted here")
    try:
        if not disk.fail(None):
            pytest.skip("this kernel injects no error into a file system")
        settings = config.load_settings(premises.config_file)
        records = settings.storage.model_copy(update={"path": disk.folder / "events.db"})
        facts = [
            fact for fact in run_checks(settings.model_copy(update={"storage": records})) if fact.name == "records"
        ]
    finally:
        disk.remove()
    assert {fact.status for fact in facts} == {CheckStatus.FAIL}
    assert any("read-only" in fact.en and "technician" in fact.en for fact in facts)


def test_a_missing_key_is_named_by_its_setting(premises: Sandbox) -> None:
    (premises.folder / "pseudonym.key").unlink()
    facts = found(premises)
    assert facts["files"].status is CheckStatus.FAIL
    assert "keys.pseudonym_key" in facts["files"].en


def test_a_broken_list_is_named(premises: Sandbox) -> None:
    (premises.folder / "trust.cbor").write_bytes(b"not a list")
    assert found(premises)["lists"].status is CheckStatus.FAIL


def test_of_a_running_kiosk_its_own_facts_are_shown_and_its_camera_is_left_alone(premises: Sandbox) -> None:
    change(premises, 'source = "synthetic"', 'source = "webcam:93"')
    premises.run_dir.mkdir()
    own = HealthCheck("camera", CheckStatus.PASS, "0.1 s", "Camera đang gửi hình.", "Pictures come.")
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=os.getpid(), started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1, checks=(own,),
        ),
        premises.run_dir,
    )  # fmt: skip
    assert found(premises)["camera"] == own
    assert "pins" not in found(premises)


def test_a_killed_kiosk_counts_as_not_running(premises: Sandbox) -> None:
    premises.run_dir.mkdir()
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=2**22 + 1, started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1,
        ),
        premises.run_dir,
    )  # fmt: skip
    assert "pins" in found(premises)


def test_a_presence_sensor_is_asked_and_its_answer_says_what_to_try() -> None:
    with temporary_sandbox() as premises:
        settings = config.load_settings(premises.config_file)
        signal = settings.gpio.model_copy(update={"presence_sensor": 7})
        facts = list(run_checks(settings.model_copy(update={"gpio": signal})))
    (found,) = [fact for fact in facts if fact.name == "presence"]
    assert found == presence_check(present=True), "a mock pin without a sensor is a cut wire: it says somebody"
    assert "Step away" in found.en
    assert "turn it" in presence_check(present=False).en
