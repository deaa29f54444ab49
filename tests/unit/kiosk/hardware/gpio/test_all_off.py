"""all_off: lamps, buzzer and relay go off quickly after a daemon that died."""

import subprocess
import sys
from pathlib import Path

import pytest

from kiosk import config
from kiosk.core.pins import INPUT_PINS, OUTPUT_PINS, default_pin
from kiosk.hardware.gpio import all_off


class Chips:
    """The part of lgpio that kiosk.hardware.gpio.all_off uses: chips by number, and all calls in order."""

    SET_PULL_UP, SET_PULL_DOWN = 32, 64

    class error(Exception):  # noqa: N801  its name in lgpio
        pass

    def __init__(self, labels: dict[int, str], taken: frozenset[int] = frozenset()) -> None:
        self._labels = labels
        self._taken = taken
        self.open: list[int] = []
        self.done: list[tuple[int, int, int]] = []
        self.pulls: dict[int, int] = {}

    def gpiochip_open(self, number: int) -> int:
        if number not in self._labels:
            raise self.error("can not open gpiochip")
        self.open.append(number)
        return number

    def gpiochip_close(self, handle: int) -> None:
        self.open.remove(handle)

    def gpio_get_chip_info(self, handle: int) -> tuple[int, int, str, str]:
        return 0, 54, f"gpiochip{handle}", self._labels[handle]

    def gpio_claim_output(self, handle: int, pin: int, level: int, flags: int) -> None:
        assert handle in self.open
        if pin in self._taken:
            raise self.error("GPIO busy")
        self.done.append((handle, pin, level))
        self.pulls[pin] = flags


def test_pins_and_defaults_are_those_of_the_configuration() -> None:
    fields = config.GpioSettings.model_fields
    assert {name: fields[name].default for name in OUTPUT_PINS} == {name: default_pin(name) for name in OUTPUT_PINS}
    pins = {name for name, field in fields.items() if "int" in str(field.annotation)}
    assert pins == set(OUTPUT_PINS) | set(INPUT_PINS), "a new output must be switched off too"


def test_all_outputs_go_to_their_off_level_the_relay_first() -> None:
    chips = Chips({0: "pinctrl-bcm2835", 1: "raspberrypi-exp-gpio"})
    all_off.all_outputs_off({"relay": 23}, chips)
    assert chips.done == [(0, 23, 0), (0, 18, 0), (0, 27, 0), (0, 22, 0), (0, 17, 0)]
    assert chips.open == []


def test_outputs_that_are_not_wired_are_not_touched() -> None:
    for kind in ("active", "passive"):
        chips = Chips({0: "pinctrl-bcm2835"})
        all_off.all_outputs_off({"buzzer": "none", "relay": "none", "buzzer_kind": kind}, chips)
        assert chips.done == [(0, 27, 0), (0, 22, 0), (0, 17, 0)]


def test_active_low_outputs_are_off_at_a_high_level() -> None:
    chips = Chips({0: "pinctrl-bcm2835"})
    all_off.all_outputs_off({"green": 4, "active_high": False}, chips)
    assert {level for _, _, level in chips.done} == {1}
    assert (0, 4, 1) in chips.done
    assert set(chips.pulls.values()) == {chips.SET_PULL_UP}


def test_a_passive_buzzer_is_silent_at_a_low_level_on_all_boards() -> None:
    """tests/unit/kiosk/hardware/gpio/test_lgpio_factory.py: its pulses are high also on boards whose lamps light on a low pin."""
    chips = Chips({0: "pinctrl-bcm2835"})
    all_off.all_outputs_off({"active_high": False, "buzzer_kind": "passive", "relay": 23}, chips)
    assert {pin: level for _, pin, level in chips.done} == {23: 1, 18: 0, 22: 1, 27: 1, 17: 1}
    all_off.all_outputs_off({"active_high": False, "buzzer_kind": "active", "relay": 23}, chips)
    assert chips.done[-4:][0] == (0, 18, 1)


def test_all_outputs_are_pulled_to_their_off_level() -> None:
    chips = Chips({0: "pinctrl-bcm2835"})
    all_off.all_outputs_off({"relay": 23}, chips)
    assert set(chips.pulls.values()) == {chips.SET_PULL_DOWN}


def test_the_forty_pins_are_found_behind_other_chips() -> None:
    chips = Chips({0: "gpio-brcmstb@107d508500", 4: "pinctrl-rp1"})
    all_off.all_outputs_off({}, chips)
    assert {chip for chip, _, _ in chips.done} == {4}


def test_without_a_known_chip_the_first_is_used() -> None:
    chips = Chips({0: "9030000.pl061"})
    all_off.all_outputs_off({}, chips)
    assert {chip for chip, _, _ in chips.done} == {0}


def test_a_busy_pin_is_an_error_and_the_chip_is_closed() -> None:
    chips = Chips({0: "pinctrl-bcm2835"}, taken=frozenset({17}))
    with pytest.raises(Chips.error, match="busy"):
        all_off.all_outputs_off({"relay": 23}, chips)
    assert (0, 23, 0) in chips.done
    assert chips.open == []


def test_mock_pins_need_no_chip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kiosk.toml").write_text('[gpio]\npin_factory = "mock"\n', encoding="utf-8")
    assert all_off.main(tmp_path / "kiosk.toml") == 0
    assert capsys.readouterr().err.strip() == all_off.DONE_MESSAGE


def test_an_unreadable_configuration_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert all_off.main(tmp_path / "absent.toml") == 1
    assert "could not be switched off" in capsys.readouterr().err


def test_no_slow_module_is_imported() -> None:
    ask = "import sys, kiosk.hardware.gpio.all_off; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {
        "pydantic",
        "click",
        "gpiozero",
        "numpy",
        "cv2",
        "logging",
        "importlib.metadata",
    }
