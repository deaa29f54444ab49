"""A code scanner at a device file: reads what it sends, whichever way it does that, and notices when it is unplugged."""

import errno
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kiosk.core.ports import ScannerError
from kiosk.hardware.scanners.scan_buffer import ScanBuffer

READ_BYTES = 4096
DEVICE_FOLDERS = (Path("/dev/serial/by-id"), Path("/dev/input/by-id"))
"""Where udev names scanners so that the name stays the same at each plug."""


class Line(Protocol):
    """How a kind of scanner sends its codes."""

    def prepare(self, descriptor: int) -> None:
        """Set up the open device. Raises OSError."""

    def translate(self, raw: bytes) -> bytes | None:
        """What the raw bytes mean. None: some of the code was lost."""


class DeviceScanner:
    """A CodeScanner (kiosk/core/ports.py) at a path of /dev. One thread."""

    def __init__(
        self, path: Path, make_line: Callable[[], Line], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`make_line`: called at each opening, so that nothing of an earlier plug is left."""
        self._path = path
        self._make_line = make_line
        self._monotonic = monotonic
        self._descriptor: int | None = None
        self._line: Line | None = None
        self._buffer = ScanBuffer()

    def open(self) -> None:
        """See CodeScanner."""
        self.close()
        line, self._buffer = self._make_line(), ScanBuffer()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ScannerError(f"{self._path}: {_open_error(error)}") from error
        try:
            line.prepare(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise ScannerError(f"{self._path}: {error.strerror or error}. Another program may use it") from error
        self._descriptor, self._line = descriptor, line

    def read(self, timeout_s: float) -> bytes | None:
        """See CodeScanner."""
        end_s = self._monotonic() + timeout_s
        while True:
            now_s = self._monotonic()
            code = self._buffer.take(now_s)
            if code is not None:
                return code
            wait_s = end_s - now_s if self._buffer.is_empty else self._buffer.wait_s(now_s)
            if self._buffer.is_empty and wait_s <= 0:
                return None
            self._receive(wait_s)

    def close(self) -> None:
        """See CodeScanner."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _receive(self, wait_s: float) -> None:
        """Append what arrives within the time. Raises ScannerError."""
        if self._descriptor is None or self._line is None:
            raise ScannerError(f"{self._path}: not open")
        if not select.select([self._descriptor], [], [], max(0.0, wait_s))[0]:
            return
        try:
            raw = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ScannerError(f"{self._path}: {_read_error(error)}") from error
        if not raw:
            raise ScannerError(f"{self._path}: unplugged")
        data = self._line.translate(raw)
        if data is None:
            self._buffer.mark_damaged(self._monotonic())
        elif data:
            self._buffer.add(data, self._monotonic())


def found_devices(folders: tuple[Path, ...] = DEVICE_FOLDERS) -> tuple[Path, ...]:
    """Devices that may be scanners: serial ports, and keyboards."""
    return tuple(
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if "serial" in folder.parts or path.name.endswith("-event-kbd")
    )


def _open_error(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        found = ", ".join(map(str, found_devices()))
        return f"not plugged in{f'. There is {found}' if found else ''}"
    if error.errno == errno.EACCES:
        return "access denied. The user of the kiosk needs the groups dialout and input"
    return error.strerror or str(error)


def _read_error(error: OSError) -> str:
    return "unplugged" if error.errno in (errno.ENODEV, errno.EIO) else error.strerror or str(error)
