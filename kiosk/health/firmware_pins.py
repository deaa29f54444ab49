"""Checks that the firmware drives every configured output to its off level before Linux runs.

Source of the syntax: https://www.raspberrypi.com/documentation/computers/config_txt.html, "gpio".
"""

import re
from collections.abc import Mapping
from pathlib import Path

from kiosk.core.pins import off_is_high
from kiosk.core.status import CheckStatus, HealthCheck

FIRMWARE_CONFIG_FILE = Path("/boot/firmware/entrance-kiosk.txt")
"""Where `kiosk firmware` puts firmware_config/boot/config.txt on a Pi."""
INSTALL_COMMAND = "kiosk firmware"
"""Writes the configured pins into that file (kiosk/installer/machine/boot_pins.py)."""
_PINS = re.compile(r"\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*")


def driven_levels(text: str) -> dict[int, bool]:
    """Pin -> True if a config.txt drives it high. Only outputs. The last line of a pin counts. Never raises."""
    found: dict[int, bool] = {}
    for line in text.splitlines():
        pins, _, values = line.strip().removeprefix("gpio=").partition("=")
        if not line.strip().startswith("gpio=") or not _PINS.fullmatch(pins):
            continue
        options = values.split(",")
        for part in pins.split(","):
            first, _, last = part.partition("-")
            for pin in range(int(first), int(last or first) + 1):
                found.pop(pin, None)
                if "op" in options and ("dl" in options or "dh" in options):
                    found[pin] = "dh" in options
    return found


def check_firmware_pins(
    outputs: Mapping[str, int], *, active_high: bool, passive_buzzer: bool, path: Path = FIRMWARE_CONFIG_FILE
) -> HealthCheck | None:
    """`outputs`: name of each connected output -> pin. None if there is no such file: not a Pi, or not installed."""
    try:
        levels = driven_levels(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    wrong = [
        f"GPIO {pin} (gpio.{name})"
        for name, pin in outputs.items()
        if levels.get(pin) is not off_is_high(name, active_high=active_high, passive_buzzer=passive_buzzer)
    ]
    if wrong:
        return HealthCheck("firmware-pins", CheckStatus.WARN, reason="not-off", detail=", ".join(wrong))
    return HealthCheck("firmware-pins", CheckStatus.PASS)
