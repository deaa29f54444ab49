"""The table of default GPIO pins (docs/reference/hardware.md). Standard library only, because the installer reads it.

Numbers are BCM numbers.
"""

from collections.abc import Mapping
from pathlib import Path

LAMP_PINS: Mapping[str, int] = {"green": 17, "amber": 22, "red": 27}
OUTPUT_PINS: Mapping[str, int] = {**LAMP_PINS, "buzzer": 18, "relay": 23}
INPUT_PINS: Mapping[str, int] = {"admit_button": 5, "undo_button": 6, "presence_sensor": 7}
NOT_CONNECTED_BY_DEFAULT = frozenset({"relay", *INPUT_PINS})
"""The wiring plan keeps a pin for each of these. It is used only where the configuration names it."""
NOT_WIRED = "none"
"""The value of an optional pin that is not connected. TOML has no null."""
DEFAULT_LEDS_DIR = Path("/sys/class/leds")
"""Where the kernel lists its LEDs. A relay with the one-shot trigger is one of them."""


def default_pin(name: str) -> int | None:
    """The pin of an output or input that the configuration does not name. None if it is not connected."""
    return None if name in NOT_CONNECTED_BY_DEFAULT else {**OUTPUT_PINS, **INPUT_PINS}[name]


def off_is_high(name: str, *, active_high: bool, passive_buzzer: bool) -> bool:
    """Whether an output is off at a high level. A passive buzzer sounds by pulses: low is off on every board."""
    return not active_high and not (name == "buzzer" and passive_buzzer)
