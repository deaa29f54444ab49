"""Whether the firmware holds every output at its off level before Linux runs, as the pins are configured now.

Source of the syntax: https://www.raspberrypi.com/documentation/computers/config_txt.html, "gpio".
"""

import re
from pathlib import Path

from kiosk.config.schema import GpioSettings
from kiosk.core.pins import OUTPUT_PINS, off_is_high
from kiosk.core.status import CheckStatus, HealthCheck

FIRMWARE_CONFIG_FILE = Path("/boot/firmware/entrance-kiosk.txt")
"""Where install.sh puts firmware_config/boot/config.txt on a Pi."""
INSTALL_COMMAND = "/opt/entrance-kiosk/current/install.sh"
"""Writes the configured pins there (kiosk/installer/machine/boot_pins.py)."""
_PINS = re.compile(r"\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*")


def driven_levels(text: str) -> dict[int, bool]:
    """Pin -> whether it is driven high, of the outputs that a config.txt sets; a later line counts. Raises nothing."""
    found: dict[int, bool] = {}
    for line in text.splitlines():
        pins, _, words = line.strip().removeprefix("gpio=").partition("=")
        if not line.strip().startswith("gpio=") or not _PINS.fullmatch(pins):
            continue
        asked = words.split(",")
        for part in pins.split(","):
            first, _, last = part.partition("-")
            for pin in range(int(first), int(last or first) + 1):
                found.pop(pin, None)
                if "op" in asked and ("dl" in asked or "dh" in asked):
                    found[pin] = "dh" in asked
    return found


def check_firmware_pins(signal: GpioSettings, path: Path = FIRMWARE_CONFIG_FILE) -> HealthCheck | None:
    """None where there is no such file: no Pi, or not installed. A passive buzzer is silent at a low level on every board."""
    try:
        levels = driven_levels(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    wrong = [
        f"GPIO {pin} (gpio.{name})"
        for name in OUTPUT_PINS
        if (pin := getattr(signal, name)) is not None and levels.get(pin) is not _off_is_high(signal, name)
    ]
    if not wrong:
        vi = "Trước khi Linux chạy, mọi ngõ ra đều ở mức tắt."
        return HealthCheck(
            "boot", CheckStatus.PASS, "", vi, "Before Linux runs, every output is held at its off level."
        )
    names = ", ".join(wrong)
    vi = (
        f"Trước khi Linux chạy, {names} không được giữ ở mức tắt: đèn có thể sáng sai, cửa có thể mở. "
        f"Hãy gõ: sudo {INSTALL_COMMAND}  rồi khởi động lại máy."
    )
    en = f"Before Linux runs, {names} is not held at its off level: a lamp may lie, a door open. Type:  sudo {INSTALL_COMMAND}   then reboot."
    return HealthCheck("boot", CheckStatus.WARN, "", vi, en)


def _off_is_high(signal: GpioSettings, name: str) -> bool:
    return off_is_high(name, active_high=signal.active_high, passive_buzzer=signal.buzzer_kind == "passive")
