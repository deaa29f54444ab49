"""`kiosk doctor`: in a good sandbox every check passes, and each fault is found with its place."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.x509.oid import ExtendedKeyUsageOID

from kiosk import config
from kiosk.cli.doctor.command import doctor
from kiosk.cli.doctor.device_checks import button_check, presence_check, run_checks
from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, HealthCheck, StatusSnapshot
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system import status_file
from tests.fakes.data.certificates import Workshop
from tests.faults.faulty_disk import Mounted


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def sandbox(listening: int) -> Iterator[Sandbox]:
    with temporary_sandbox(port=listening) as sandbox:
        yield sandbox


def found(sandbox: Sandbox) -> dict[str, HealthCheck]:
    return {check.code: check for check in run_checks(config.load_settings(sandbox.config_file))}


def run(sandbox: Sandbox, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, ["--config", str(sandbox.config_file), *arguments])


def change(sandbox: Sandbox, old: str, new: str) -> None:
    text = sandbox.config_file.read_text()
    assert old in text
    sandbox.config_file.write_text(text.replace(old, new))


def test_in_a_working_sandbox_all_checks_pass(sandbox: Sandbox) -> None:
    checks = found(sandbox)
    assert {check.status for check in checks.values()} == {CheckStatus.PASS}
    assert {"files", "gpio", "camera", "disk", "clock", "trust-list", "denylist", "broker"} <= set(checks)
    assert run(sandbox).exit_code == 0


def test_messages_are_in_the_language_of_the_site(sandbox: Sandbox) -> None:
    assert "Danh sách tin cậy còn mới" in run(sandbox).output
    change(sandbox, 'device = "cong-1"', 'device = "cong-1"\nlanguage = "en"')
    assert "The trust list" in run(sandbox).output


def test_an_unreachable_broker_is_only_a_warning(sandbox: Sandbox, listening: int) -> None:
    change(sandbox, f"127.0.0.1:{listening}", "127.0.0.1:1")
    assert found(sandbox)["broker"].status is CheckStatus.WARN
    assert run(sandbox).exit_code == 0


def test_each_broker_has_a_check_of_its_own(sandbox: Sandbox, listening: int) -> None:
    change(sandbox, f'"127.0.0.1:{listening}"', f'"127.0.0.1:1", "127.0.0.1:{listening}"')
    checks = [check for check in run_checks(config.load_settings(sandbox.config_file)) if check.code == "broker"]
    assert [(check.status, check.detail.partition(": ")[0]) for check in checks] == [
        (CheckStatus.WARN, "127.0.0.1:1"),
        (CheckStatus.PASS, f"127.0.0.1:{listening}"),
    ]


def test_a_broker_without_tls_is_found(sandbox: Sandbox) -> None:
    change(sandbox, "tls = false", "tls = true")

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(64)
            connection.sendall(b"\x20\x02\x00\x05 this is no handshake")

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = config.load_settings(sandbox.config_file)
        broker = settings.mqtt.model_copy(update={"brokers": (f"127.0.0.1:{server.getsockname()[1]}",)})
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        checks = {check.code: check for check in run_checks(settings.model_copy(update={"mqtt": broker}))}
        thread.join(10.0)
    assert checks["broker"].status is CheckStatus.WARN
    assert "TLS" in checks["broker"].detail


def test_a_missing_camera_fails_and_the_other_checks_still_run(sandbox: Sandbox) -> None:
    change(sandbox, 'source = "synthetic"', 'source = "webcam:93"')
    checks = found(sandbox)
    assert checks["camera"].status is CheckStatus.FAIL
    assert "/dev/video93" in checks["camera"].detail
    assert "broker" in checks
    assert run(sandbox).exit_code == 1


def test_missing_gpio_pins_fail(sandbox: Sandbox) -> None:
    change(sandbox, 'pin_factory = "mock"', 'pin_factory = "lgpio"')
    assert found(sandbox)["gpio"].status is CheckStatus.FAIL


def test_configured_buttons_are_checked(sandbox: Sandbox) -> None:
    assert "buttons" not in found(sandbox)
    change(sandbox, 'pin_factory = "mock"', 'pin_factory = "mock"\nadmit_button = 5\nundo_button = 6')
    checks = run_checks(config.load_settings(sandbox.config_file))
    assert [check for check in checks if check.code == "buttons"] == [
        button_check("admit_button", pressed=False),
        button_check("undo_button", pressed=False),
    ]
    stuck = button_check("undo_button", pressed=True)
    assert (stuck.status, stuck.reason, stuck.detail) == (CheckStatus.WARN, "pressed", "gpio.undo_button")


def test_a_full_disk_fails_before_the_first_event(sandbox: Sandbox) -> None:
    settings = config.load_settings(sandbox.config_file)
    records = settings.storage.model_copy(update={"min_free_bytes": 10**15})
    checks = {check.code: check for check in run_checks(settings.model_copy(update={"storage": records}))}
    assert (checks["storage"].status, checks["storage"].reason) == (CheckStatus.FAIL, "full")


def test_a_disk_in_emergency_ro_fails_for_root_too(sandbox: Sandbox, tmp_path: Path) -> None:
    disk = Mounted.make(tmp_path / "disk", tmp_path / "disk.img")
    if disk is None:
        pytest.skip("mounting a file system is not allowed here")
    try:
        if not disk.fail(None):
            pytest.skip("this kernel injects no error into a file system")
        settings = config.load_settings(sandbox.config_file)
        records = settings.storage.model_copy(update={"path": disk.folder / "events.db"})
        found_checks = run_checks(settings.model_copy(update={"storage": records}))
        checks = [check for check in found_checks if check.code == "storage"]
    finally:
        disk.remove()
    assert {check.status for check in checks} == {CheckStatus.FAIL}
    assert "read-only" in {check.reason for check in checks}


def test_a_missing_key_is_named_by_its_setting(sandbox: Sandbox) -> None:
    (sandbox.folder / "pseudonym.key").unlink()
    checks = found(sandbox)
    assert checks["files"].status is CheckStatus.FAIL
    assert "keys.pseudonym_key" in checks["files"].detail


def test_an_invalid_list_is_named(sandbox: Sandbox) -> None:
    (sandbox.folder / "trust.cbor").write_bytes(b"not a list")
    assert found(sandbox)["trust-list"].status is CheckStatus.FAIL


def test_for_a_running_kiosk_its_own_checks_are_shown_and_its_camera_is_not_opened(sandbox: Sandbox) -> None:
    change(sandbox, 'source = "synthetic"', 'source = "webcam:93"')
    sandbox.run_dir.mkdir()
    own = HealthCheck("camera", CheckStatus.PASS, 0.1, "s")
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=os.getpid(), started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1, checks=(own,),
        ),
        sandbox.run_dir,
    )  # fmt: skip
    assert found(sandbox)["camera"] == own
    assert "gpio" not in found(sandbox)


def test_a_killed_kiosk_counts_as_not_running(sandbox: Sandbox) -> None:
    sandbox.run_dir.mkdir()
    status_file.publish_status(
        StatusSnapshot(
            version="0", site="s", device="d", pid=2**22 + 1, started_at="", now_at="", state=DeviceState.READY,
            epoch="e", seq=1,
        ),
        sandbox.run_dir,
    )  # fmt: skip
    assert "gpio" in found(sandbox)


def test_a_presence_sensor_is_checked() -> None:
    with temporary_sandbox() as sandbox:
        settings = config.load_settings(sandbox.config_file)
        signal = settings.gpio.model_copy(update={"presence_sensor": 7})
        checks = list(run_checks(settings.model_copy(update={"gpio": signal})))
    (found,) = [check for check in checks if check.code == "presence-sensor"]
    assert found == presence_check(present=True), (
        "a mock pin without a sensor is like a cut wire, which counts as a person"
    )


def test_wrong_files_and_contradictions_are_found(sandbox: Sandbox) -> None:
    (sandbox.folder / "denylist.cbor").write_bytes(b"garbage")
    (sandbox.folder / "pseudonym.key").write_bytes(b"short")
    change(sandbox, "[gpio]", '[access]\ncapacity = 5\ndirection = "in"\n\n[gpio]')
    checks = found(sandbox)
    assert (checks["denylist"].status, checks["denylist"].reason) == (CheckStatus.WARN, "unusable")
    assert checks["files"].status is CheckStatus.FAIL
    assert "keys.pseudonym_key" in checks["files"].detail
    assert checks["settings"].status is CheckStatus.WARN
    assert "access.capacity, access.direction" in checks["settings"].detail


def test_the_certificate_of_another_device_is_found(sandbox: Sandbox) -> None:
    shop = Workshop(sandbox.folder)
    shop.make("other", use=ExtendedKeyUsageOID.CLIENT_AUTH, common_name="cho-mau/cong-2", days=(-1, 300))
    change(sandbox, "tls = false", 'tls = true\nca = "other.pem"\ncertificate = "other.pem"\nkey = "other.key"')
    check = found(sandbox)["files"]
    assert check.status is CheckStatus.FAIL
    assert "cho-mau/cong-2" in check.detail
