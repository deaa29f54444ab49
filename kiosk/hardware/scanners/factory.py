"""Chooses how a scanner is read from its path."""

from functools import partial
from pathlib import Path

from kiosk.core.ports import CodeScanner
from kiosk.hardware.scanners.device_scanner import DeviceScanner
from kiosk.hardware.scanners.lines import KeyboardLine, SerialLine

PREFIX = "scanner:"
INPUT_FOLDER = Path("/dev/input")


def create_scanner(source: str, *, baud_rate: int) -> CodeScanner:
    """The scanner of `scanner:PATH`. Below /dev/input it is a keyboard, anywhere else a serial port. Not open yet."""
    path = Path(source.removeprefix(PREFIX))
    if path.is_relative_to(INPUT_FOLDER):
        return DeviceScanner(path, KeyboardLine)
    return DeviceScanner(path, partial(SerialLine, baud_rate))
