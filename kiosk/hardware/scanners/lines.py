"""The two ways in which scanners send codes: as text over a serial port, or as the keys of a keyboard (USB HID)."""

import fcntl
import struct
import termios
import tty

from kiosk.hardware.scanners.key_codes import KeyDecoder

BAUD_RATES = {rate: getattr(termios, f"B{rate}") for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}
EVENT = struct.Struct("@llHHi")
"""struct input_event of linux/input.h: time, type, code, value."""
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
EVIOCGRAB = 0x40044590
"""_IOW('E', 0x90, int): the events of this device go to one program only."""


class SerialLine:
    """USB-CDC (`/dev/ttyACM0`), a USB adapter (`/dev/ttyUSB0`) or RS-232: 8 data bits, no parity, one stop bit."""

    def __init__(self, baud_rate: int) -> None:
        self._baud_rate = baud_rate

    def prepare(self, descriptor: int) -> None:
        """See Line. What the scanner sent before is dropped: the person may have left."""
        try:
            tty.setraw(descriptor, termios.TCSANOW)
            settings = termios.tcgetattr(descriptor)
            speed = BAUD_RATES[self._baud_rate]
            settings[2] = (settings[2] | termios.CLOCAL | termios.CREAD) & ~(termios.HUPCL | termios.CRTSCTS)
            settings[4:6] = [speed, speed]
            termios.tcsetattr(descriptor, termios.TCSANOW, settings)
            fcntl.ioctl(descriptor, termios.TIOCEXCL)
            termios.tcflush(descriptor, termios.TCIFLUSH)
        except termios.error as error:  # it is no OSError
            raise OSError(*error.args) from error

    def translate(self, raw: bytes) -> bytes:
        """See Line."""
        return raw


class KeyboardLine:
    """An input device of the kernel (`/dev/input/by-id/...-event-kbd`)."""

    def __init__(self) -> None:
        self._keys = KeyDecoder()
        self._rest = b""

    def prepare(self, descriptor: int) -> None:
        """See Line. No other program gets the keys from now on: otherwise codes would be typed into a console."""
        fcntl.ioctl(descriptor, EVIOCGRAB, 1)

    def translate(self, raw: bytes) -> bytes | None:
        """See Line."""
        raw = self._rest + raw
        whole = len(raw) - len(raw) % EVENT.size
        self._rest = raw[whole:]
        data, lost = b"", False
        for _, _, kind, code, value in EVENT.iter_unpack(raw[:whole]):
            if kind == EV_KEY:
                data += self._keys.feed(code, value)
            elif (kind, code) == (EV_SYN, SYN_DROPPED):
                self._keys.reset()
                lost = True
        return None if lost else data
