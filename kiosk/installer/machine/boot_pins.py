"""Writes the gpio lines of our config.txt for the pins in the device's kiosk.toml. An upgrade must keep them. Pure text."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kiosk.core.pins import INPUT_PINS, LAMP_PINS, NOT_WIRED, OUTPUT_PINS, default_pin, off_is_high

BUZZER_AND_RELAY_PINS = {name: pin for name, pin in OUTPUT_PINS.items() if name not in LAMP_PINS}
"""The firmware sets the level of these pins even if the hardware is not configured."""
_PINS = frozenset({*OUTPUT_PINS, *INPUT_PINS})
LEVEL_KEYS = _PINS | {"active_high", "presence_active_high", "buzzer_kind"}
"""Keys of [gpio] that decide the lines. In another section they stand there by mistake."""
OTHER_GPIO_KEYS = frozenset({"pin_factory", "relay_pulse_s", "relay_led", "leds_dir", "idle_after_s", "patterns"})
"""Keys of [gpio] that do not change the lines. Any other key is a misspelt one."""


class GpioUnreadableError(ValueError):
    """The gpio settings of the configuration are not certain. The text says why."""


def gpio_settings(content: bytes) -> dict[str, Any]:
    """The table [gpio] of a configuration. Raises GpioUnreadableError where the daemon would refuse it or could read it otherwise.

    A default in place of a setting that cannot be read would energise the relay of a board that switches on a low pin.
    """
    try:
        tree = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GpioUnreadableError(f"it is not TOML: {error}") from error
    gpio = tree.pop("gpio", {})
    if not isinstance(gpio, dict):
        raise _unclear("gpio", gpio)
    for place, key, value in _keys_of_tables(tree):
        if key in LEVEL_KEYS:
            raise _unclear(f"{place}{key}", value)
    for key, value in gpio.items():
        if not _is_clear(key, value):
            raise _unclear(f"gpio.{key}", value)
    pins = [pin for name in _PINS if (pin := gpio.get(name, default_pin(name))) not in (None, NOT_WIRED)]
    if len(set(pins)) < len(pins):
        raise GpioUnreadableError("two functions are on one pin")
    return gpio


def _keys_of_tables(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Keys at the top and in each section, with the name of the section and a full stop in front."""
    for key, value in tree.items():
        yield "", key, value
        if isinstance(value, dict):
            yield from ((f"{key}.", inner, found) for inner, found in value.items())


def _is_clear(key: str, value: object) -> bool:
    if key in _PINS:
        return (value == NOT_WIRED and key not in LAMP_PINS) or (type(value) is int and 0 <= value <= 27)
    if key in ("active_high", "presence_active_high"):
        return type(value) is bool
    return value in ("active", "passive") if key == "buzzer_kind" else key in OTHER_GPIO_KEYS


def _unclear(key: str, value: object) -> GpioUnreadableError:
    shown = repr(value)[:40]
    return GpioUnreadableError(f"{key} = {shown} is not clear")


def replace_gpio_lines(text: str, gpio: Mapping[str, Any]) -> str:
    """Replace the lines `gpio=...=op` and `gpio=...=ip` of a config.txt by those for the pins in `gpio`. Idempotent."""
    return _with_gpio_lines(text, list(_outputs(gpio)), list(_inputs(gpio)))


def keep_gpio_lines(text: str, installed: str) -> str:
    """`text` with the gpio lines of the `installed` config.txt in place of its own. Without such lines: none."""
    kept = [line.strip() for line in installed.splitlines() if line.strip().startswith("gpio=")]
    inputs = [line for line in kept if _gpio_kind(line) == "ip"]
    return _with_gpio_lines(text, [line for line in kept if line not in inputs], inputs)


def _with_gpio_lines(text: str, outputs: list[str], inputs: list[str]) -> str:
    wanted = {"op": outputs, "ip": inputs}
    lines: list[str] = []
    for line in text.splitlines():
        kind = _gpio_kind(line)
        if kind in wanted:
            lines += wanted[kind]
            wanted[kind] = []
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _gpio_kind(line: str) -> str:
    return line.rpartition("=")[2][:2] if line.startswith("gpio=") else ""


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
