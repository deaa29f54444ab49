"""`python -m kiosk.hardware.gpio.all_off CONFIG`: lamps, buzzer and relay off, at once; systemd calls it (ExecStopPost) however the daemon ended.

`kiosk signal dark` does the same, but reads the configuration with all its checks, which takes a small board several seconds; so
long a relay would hold a door open. Here only the pins' numbers are read, and nothing but the standard library and lgpio is loaded.
"""

import contextlib
import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

OUTPUTS: dict[str, int | None] = {"green": 17, "red": 27, "amber": 22, "buzzer": 18, "relay": None}
"""The outputs of `[signal]` and their defaults, as kiosk/config/schema.py has them; a test holds the two together."""
NOT_WIRED = "none"
"""As in kiosk/config/schema.py."""
CHIPS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""The labels of the chips with a board's forty pins; where there is none of them, it is the first chip."""
LEDS = Path("/sys/class/leds")
SAID = "lamps, buzzer and relay are off"


def outputs_of(gpio: dict[str, Any]) -> list[int]:
    """The pins that the daemon drives; none where they are mock pins."""
    if gpio.get("pins", "gpio") == "mock":
        return []
    pins = (gpio.get(name, default) for name, default in OUTPUTS.items())
    return [pin for pin in pins if pin not in (None, NOT_WIRED)]


def put_dark(gpio: dict[str, Any], lgpio: Any, max_chips: int = 8) -> None:
    """Every output to its off level and pulled to it, then let go. `lgpio` is the module. Raises lgpio.error: a pin is taken."""
    pins = outputs_of(gpio)
    if pins:
        chip = _chip(lgpio, max_chips)
        passive = gpio.get("buzzer", OUTPUTS["buzzer"]) if gpio.get("buzzer_kind") == "passive" else None
        try:
            for pin in reversed(pins):  # the relay first
                off = 0 if gpio.get("active_high", True) or pin == passive else 1  # a passive one sounds by pulses
                lgpio.gpio_claim_output(chip, pin, off, lgpio.SET_PULL_UP if off else lgpio.SET_PULL_DOWN)
        finally:
            lgpio.gpiochip_close(chip)


def _chip(lgpio: Any, max_chips: int) -> int:
    for number in range(max_chips):
        with contextlib.suppress(lgpio.error):
            chip: int = lgpio.gpiochip_open(number)
            if lgpio.gpio_get_chip_info(chip)[3] in CHIPS:
                return chip
            lgpio.gpiochip_close(chip)
    first: int = lgpio.gpiochip_open(0)
    return first


def main(path: Path) -> int:
    """Exit status 0 where everything is off."""
    try:
        signal = tomllib.loads(path.read_text(encoding="utf-8")).get("signal", {})
        if signal.get("relay_led"):
            leds = Path(signal.get("relay_leds", LEDS))
            # As kiosk/hardware/gpio/kernel_relay.py does it.
            (leds / signal["relay_led"] / "invert").write_text("0", encoding="ascii")
        if outputs_of(signal):
            put_dark(signal, importlib.import_module("lgpio"))  # a Pi has it; it makes a pipe in the working folder
    except Exception as trouble:  # noqa: BLE001  lgpio.error derives from Exception alone; whatever it is, it is told
        print(f"lamps, buzzer and relay could not be put off: {trouble}", file=sys.stderr)  # noqa: T201
        return 1
    print(SAID, file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
