"""`python -m kiosk.hardware.gpio.all_off CONFIG`: switches lamps, buzzer and relay off after the daemon has ended.

systemd calls it (ExecStopPost) however the daemon ended. `kiosk signal off` does the same, but checks the whole configuration,
which takes several seconds on a small board. A relay would keep a door open for that long. This module reads only the pin
numbers and loads only the standard library and lgpio.
"""

import contextlib
import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

from kiosk.core.pins import DEFAULT_LEDS_DIR, NOT_WIRED, OUTPUT_PINS, default_pin, off_is_high

GPIO_CHIP_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Labels of the chips with a board's forty pins. If none is found, the first chip is used."""
DONE_MESSAGE = "lamps, buzzer and relay are off"


def output_pins(gpio: dict[str, Any]) -> list[int]:
    """Pins that the daemon drives. None for mock pins."""
    if gpio.get("pin_factory") == "mock":
        return []
    return [pin for name in OUTPUT_PINS if (pin := _pin(gpio, name)) is not None]


def all_outputs_off(gpio: dict[str, Any], lgpio: Any, max_chips: int = 8) -> None:
    """Set each output to its off level with a pull to that level, then release it. Raises lgpio.error if a pin is in use.

    `lgpio`: the module.
    """
    pins = output_pins(gpio)
    if pins:
        chip = _open_chip(lgpio, max_chips)
        passive = gpio.get("buzzer_kind") == "passive"
        try:
            for name in reversed(list(OUTPUT_PINS)):  # the relay first
                pin = _pin(gpio, name)
                if pin is not None:
                    off = int(off_is_high(name, active_high=gpio.get("active_high", True), passive_buzzer=passive))
                    lgpio.gpio_claim_output(chip, pin, off, lgpio.SET_PULL_UP if off else lgpio.SET_PULL_DOWN)
        finally:
            lgpio.gpiochip_close(chip)


def _pin(gpio: dict[str, Any], name: str) -> int | None:
    pin = gpio.get(name, default_pin(name))
    return None if pin == NOT_WIRED else pin


def _open_chip(lgpio: Any, max_chips: int) -> int:
    for number in range(max_chips):
        with contextlib.suppress(lgpio.error):
            chip: int = lgpio.gpiochip_open(number)
            if lgpio.gpio_get_chip_info(chip)[3] in GPIO_CHIP_LABELS:
                return chip
            lgpio.gpiochip_close(chip)
    first: int = lgpio.gpiochip_open(0)
    return first


def main(path: Path) -> int:
    """Switch all off. Exit status 0 on success."""
    try:
        gpio = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("gpio", {})
        if gpio.get("relay_led"):
            leds = Path(gpio.get("leds_dir", DEFAULT_LEDS_DIR))
            # The same as in kiosk/hardware/gpio/kernel_relay.py.
            (leds / gpio["relay_led"] / "invert").write_text("0", encoding="ascii")
        if output_pins(gpio):
            all_outputs_off(
                gpio, importlib.import_module("lgpio")
            )  # exists on a Pi; importing it makes a pipe in the working folder
    except Exception as error:  # noqa: BLE001  lgpio.error derives from Exception alone; every failure is reported
        print(f"lamps, buzzer and relay could not be switched off: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(DONE_MESSAGE, file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
