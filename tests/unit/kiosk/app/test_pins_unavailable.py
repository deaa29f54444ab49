"""GPIO pins held by another process at the start: out of order on lamps and web UI, and one log line."""

import os
import signal
import socket
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from kiosk import config
from kiosk.app.builders.hardware import check_inputs
from kiosk.app.daemon import open_signal_with_retry
from kiosk.core.model import DeviceState
from kiosk.core.ports import SignalError
from kiosk.system.status_file import read_status
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe


def settings(run_dir: Path) -> config.Settings:
    keys = config.KeySettings(
        sealing_public_key=run_dir, pseudonym_key=run_dir, trust_list=run_dir, root_public_key=run_dir
    )
    wired = config.GpioSettings(pin_factory="mock", admit_button=5, undo_button=6, presence_sensor=7)
    return config.Settings(
        site=config.SiteSettings(site="cho", device="cong-1"), keys=keys, gpio=wired, run_dir=run_dir
    )


class BusyInputs:
    """Inputs that another process releases after some attempts."""

    def __init__(self, attempts: int, wakeup: WakeupPipe) -> None:
        self._left = attempts
        self._wakeup = wakeup

    def __call__(self, _: config.GpioSettings) -> None:
        self._wakeup.wake()
        if self._left:
            self._left -= 1
            raise SignalError("GPIO pins unavailable: GPIO busy")


def test_a_busy_button_pin_is_out_of_order_logged_once_and_recovers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with WakeupPipe() as wakeup:
        signal_output = open_signal_with_retry(settings(tmp_path), wakeup, SystemdNotifier({}), BusyInputs(3, wakeup))
        assert signal_output is not None
        signal_output.close()
    found = read_status(tmp_path)
    assert found is not None
    assert found["state"] == DeviceState.OUT_OF_ORDER
    (check,) = found["checks"]
    assert check["code"] == "signal"
    assert check["reason"] == "gpio-error"
    assert "GPIO busy" in check["detail"]
    assert len([record for record in caplog.records if "GPIO busy" in record.message]) == 1


def test_pins_that_udev_releases_a_moment_late_are_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with WakeupPipe() as wakeup:
        signal_output = open_signal_with_retry(settings(tmp_path), wakeup, SystemdNotifier({}), BusyInputs(2, wakeup))
        assert signal_output is not None
        signal_output.close()
    assert caplog.records == []


def test_free_inputs_do_not_delay_the_start(tmp_path: Path) -> None:
    with WakeupPipe() as wakeup:
        signal_output = open_signal_with_retry(settings(tmp_path), wakeup, SystemdNotifier({}))
        assert signal_output is not None
        signal_output.close()
    assert read_status(tmp_path) is None


def test_every_configured_input_is_probed(tmp_path: Path) -> None:
    wired = settings(tmp_path).gpio
    for name in ("admit_button", "undo_button", "presence_sensor"):
        with pytest.raises(SignalError, match="99"):
            check_inputs(wired.model_copy(update={name: 99}))


def without_pins(run_dir: Path) -> config.Settings:
    found = settings(run_dir)
    return found.model_copy(update={"gpio": config.GpioSettings(pin_factory="lgpio")})


@pytest.mark.skipif(find_spec("lgpio") is not None, reason="lgpio is installed here: its chip may come later")
def test_without_systemd_a_machine_without_pins_ends_the_daemon(tmp_path: Path) -> None:
    with WakeupPipe() as wakeup, pytest.raises(SignalError, match="need lgpio"):
        open_signal_with_retry(without_pins(tmp_path), wakeup, SystemdNotifier({}))


def test_under_systemd_a_machine_without_pins_is_logged_once_and_the_daemon_keeps_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with WakeupPipe() as wakeup, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"kiosk-test-pins-{os.getpid()}"
        systemd.bind("\0" + name)
        systemd.settimeout(30.0)
        threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert (
            open_signal_with_retry(without_pins(tmp_path), wakeup, SystemdNotifier({"NOTIFY_SOCKET": f"@{name}"}))
            is None
        )
        messages = [systemd.recv(4096).decode() for _ in range(3)]
    assert messages[0].startswith("READY=1\nSTATUS=out-of-order: ")
    assert set(messages[1:]) == {"WATCHDOG=1"}
    assert len([record for record in caplog.records if "out-of-order" in record.message]) == 1
    assert (read_status(tmp_path) or {})["state"] == DeviceState.OUT_OF_ORDER
