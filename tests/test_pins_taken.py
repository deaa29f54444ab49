"""Pins in another program's hands at the start: told on the lamps that can be had, on the page, and once in the log."""

from pathlib import Path

import pytest

from kiosk import config
from kiosk.app import take_lamps
from kiosk.devices.inputs import try_inputs
from kiosk.doorbell import Doorbell
from kiosk.model import State
from kiosk.ports import SignalTrouble
from kiosk.status import load
from kiosk.systemd_notify import Notifier


def settings(run_dir: Path) -> config.Settings:
    keys = config.Keys(centre=run_dir, pseudonym=run_dir, trust_list=run_dir, root=run_dir)
    signal = config.Signal(pins="mock", admit_button=5, undo_button=6, presence=7)
    return config.Settings(site=config.Site(site="cho", device="cong-1"), keys=keys, signal=signal, run_dir=run_dir)


class Held:
    """Inputs that another program lets go of after some attempts."""

    def __init__(self, attempts: int, bell: Doorbell) -> None:
        self._left = attempts
        self._bell = bell

    def __call__(self, signal: config.Signal) -> None:
        self._bell.ring()
        if self._left:
            self._left -= 1
            raise SignalTrouble("the pins cannot be had: GPIO busy")


def test_a_taken_button_is_out_of_order_told_once_and_healed_when_it_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Doorbell() as bell:
        lamps = take_lamps(settings(tmp_path), bell, Notifier({}), Held(3, bell))
        assert lamps is not None
        lamps.close()
    found = load(tmp_path)
    assert found is not None
    assert found["state"] == State.OUT_OF_ORDER
    (fact,) = found["facts"]
    assert fact["name"] == "lamps"
    assert "GPIO busy" in fact["vi"]
    assert "GPIO busy" in fact["en"]
    assert "restarted" not in fact["en"], "nothing restarts it: it tries again"
    assert len([record for record in caplog.records if "GPIO busy" in record.message]) == 1


def test_inputs_that_can_be_had_hold_nobody_up(tmp_path: Path) -> None:
    with Doorbell() as bell:
        lamps = take_lamps(settings(tmp_path), bell, Notifier({}))
        assert lamps is not None
        lamps.close()
    assert load(tmp_path) is None


def test_every_configured_input_is_tried(tmp_path: Path) -> None:
    signal = settings(tmp_path).signal
    for name in ("admit_button", "undo_button", "presence"):
        with pytest.raises(SignalTrouble, match="99"):
            try_inputs(signal.model_copy(update={name: 99}))
