"""The gpio lines of our part of config.txt, for the pins of this device's kiosk.toml: an upgrade must not undo them. Pure text."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kiosk.core.pins import INPUT_PINS, LAMP_PINS, NOT_WIRED, OUTPUT_PINS, off_is_high

BUZZER_AND_RELAY_PINS = {name: pin for name, pin in OUTPUT_PINS.items() if name not in LAMP_PINS}
"""Optional hardware keeps its pin and its level even where it is not configured."""


def gpio_settings(toml: str) -> dict[str, Any]:
    """The table [gpio] of a configuration; empty where it cannot be read, which `kiosk check-config` tells."""
    try:
        found = tomllib.loads(toml).get("gpio", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def replace_gpio_lines(text: str, signal: Mapping[str, Any]) -> str:
    """A config.txt whose lines `gpio=...=op` and `gpio=...=ip` are those for these pins; as it was where they fit already."""
    wanted = {"op": list(_outputs(signal)), "ip": list(_inputs(signal))}
    made: list[str] = []
    for line in text.splitlines():
        kind = line.rpartition("=")[2][:2] if line.startswith("gpio=") else ""
        if kind in wanted:
            made += wanted[kind]
            wanted[kind] = []
        else:
            made.append(line)
    return "\n".join(made) + "\n"


def _outputs(signal: Mapping[str, Any]) -> Iterator[str]:
    active_high, passive = signal.get("active_high", True) is not False, signal.get("buzzer_kind") == "passive"
    levels = {
        name: "dh" if off_is_high(name, active_high=active_high, passive_buzzer=passive) else "dl"
        for name in OUTPUT_PINS
    }
    lamps = (_pin(signal, name, default) for name, default in LAMP_PINS.items())
    yield f"gpio={_join_pins(lamps)}=op,{levels['green']}"
    pins = {name: _pin(signal, name, default) for name, default in BUZZER_AND_RELAY_PINS.items()}
    for level in dict.fromkeys(levels[name] for name in pins):
        held = [pin for name, pin in pins.items() if levels[name] == level and pin is not None]
        if held:
            yield f"gpio={_join_pins(held)}=op,{level}"


def _inputs(signal: Mapping[str, Any]) -> Iterator[str]:
    taken = {_pin(signal, name, default) for name, default in OUTPUT_PINS.items()}
    pins = {name: _pin(signal, name, default) for name, default in INPUT_PINS.items()}
    pulls = dict.fromkeys(INPUT_PINS, "pu")
    if signal.get("presence_active_high") is False:
        pulls["presence_sensor"] = "pd"
    for pull in dict.fromkeys(pulls.values()):
        held = [pin for name, pin in pins.items() if pulls[name] == pull and pin not in taken and pin is not None]
        if held:
            yield f"gpio={_join_pins(held)}=ip,{pull}"


def _pin(signal: Mapping[str, Any], name: str, default: int) -> int | None:
    """None where it is said that nothing is wired."""
    found = signal.get(name, default)
    if found == NOT_WIRED:
        return None
    return found if type(found) is int and 0 <= found <= 27 else default


def _join_pins(pins: Iterable[int | None]) -> str:
    return ",".join(map(str, dict.fromkeys(pins)))
