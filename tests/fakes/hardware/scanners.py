"""Scanners: one that hands out prepared codes, and one with a real serial line, a pseudo-terminal."""

import os
import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.core.ports import ScannerError
from kiosk.hardware.scanners.key_codes import PLAIN, SHIFTED


@dataclass
class ScriptedScanner:
    """A CodeScanner that is plugged in or not."""

    codes: deque[bytes] = field(default_factory=deque)
    plugged: bool = True
    opened: int = 0
    closed: int = 0

    def open(self) -> None:
        if not self.plugged:
            raise ScannerError("not plugged in")
        self.opened += 1

    def read(self, timeout_s: float) -> bytes | None:
        if not self.plugged:
            raise ScannerError("unplugged")
        return self.codes.popleft() if self.codes else None

    def close(self) -> None:
        self.closed += 1


class SerialPlug:
    """The scanner's end of a serial line. The other end is at `path`, as a USB scanner that is plugged in."""

    def __init__(self, path: Path) -> None:
        self._master, slave = os.openpty()
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(slave))
        self._slave = slave

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def unplug(self) -> None:
        os.close(self._master)
        os.close(self._slave)


def key_events(text: str) -> bytes:
    """The events of a keyboard that types this text, as the kernel of this machine writes them."""
    shifted = {letter: key for key, letter in SHIFTED.items() if PLAIN[key] != letter}
    plain = {letter: key for key, letter in PLAIN.items()}
    raw = b""
    for letter in text:
        if letter in plain:
            raw += _press(plain[letter])
        else:
            raw += _event(1, 42, 1) + _press(shifted[letter]) + _event(1, 42, 0)
    return raw


def _press(key: int) -> bytes:
    return _event(1, key, 1) + _event(0, 0, 0) + _event(1, key, 0) + _event(0, 0, 0)


def _event(kind: int, code: int, value: int) -> bytes:
    return struct.pack("@llHHi", 0, 0, kind, code, value)
