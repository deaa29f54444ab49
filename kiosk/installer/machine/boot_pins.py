"""Writes the gpio lines of our config.txt for the pins in the device's kiosk.toml. An upgrade must keep them. Pure text."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kiosk.core.pins import INPUT_PINS, LAMP_PINS, NOT_WIRED, OUTPUT_PINS, off_is_high

BUZZER_AND_RELAY_PINS = {name: pin for name, pin in OUTPUT_PINS.items() if name not in LAMP_PINS}
"""The firmware sets the level of these pins even if the hardware is not configured."""


def gpio_settings(toml: str) -> dict[str, Any]:
    """The table [gpio] of a configuration. Empty if it cannot be read: `kiosk check-config` reports this."""
    try:
        found = tomllib.loads(toml).get("gpio", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def replace_gpio_lines(text: str, gpio: Mapping[str, Any]) -> str:
    """Replace the lines `gpio=...=op` and `gpio=...=ip` of a config.txt by those for the pins in `gpio`. Idempotent."""
    wanted = {"op": list(_outputs(gpio)), "ip": list(_inputs(gpio))}
    lines: list[str] = []
    for line in text.splitlines():
        kind = line.rpartition("=")[2][:2] if line.startswith("gpio=") else ""
        if kind in wanted:
            lines += wanted[kind]
            wanted[kind] = []
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _outputs(gpio: Mapping[str, Any]) -> Iterator[str]:
    active_high, passive = gpio.get("active_high", True) is not False, gpio.get("buzzer_kind") == "passive"
    levels = {
        name: "dh" if off_is_high(name, active_high=active_high, passive_buzzer=passive) else "dl"
        for name in OUTPUT_PINS
    }
    lamps = (_pin(gpio, name, default) for name, default in LAMP_PINS.items())
    yield f"gpio={_join_pins(lamps)}=op,{levels['green']}"
    pins = {name: _pin(gpio, name, default) for name, default in BUZZER_AND_RELAY_PINS.items()}
    for level in dict.fromkeys(levels[name] for name in pins):
        pins_at_level = [pin for name, pin in pins.items() if levels[name] == level and pin is not None]
        if pins_at_level:
            yield f"gpio={_join_pins(pins_at_level)}=op,{level}"


def _inputs(gpio: Mapping[str, Any]) -> Iterator[str]:
    taken = {_pin(gpio, name, default) for name, default in OUTPUT_PINS.items()}
    pins = {name: _pin(gpio, name, default) for name, default in INPUT_PINS.items()}
    pulls = dict.fromkeys(INPUT_PINS, "pu")
    if gpio.get("presence_active_high") is False:
        pulls["presence_sensor"] = "pd"
    for pull in dict.fromkeys(pulls.values()):
        pins_at_level = [
            pin for name, pin in pins.items() if pulls[name] == pull and pin not in taken and pin is not None
        ]
        if pins_at_level:
            yield f"gpio={_join_pins(pins_at_level)}=ip,{pull}"


def _pin(gpio: Mapping[str, Any], name: str, default: int) -> int | None:
    """None if the setting says that nothing is connected."""
    found = gpio.get(name, default)
    if found == NOT_WIRED:
        return None
    return found if type(found) is int and 0 <= found <= 27 else default


def _join_pins(pins: Iterable[int | None]) -> str:
    return ",".join(map(str, dict.fromkeys(pins)))
