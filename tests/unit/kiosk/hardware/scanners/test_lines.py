"""What serial scanners and keyboard scanners send becomes the same bytes, and an unplugged scanner is noticed."""

import fcntl
import os
import string
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.ports import ScannerError
from kiosk.hardware.scanners.device_scanner import DeviceScanner, found_devices
from kiosk.hardware.scanners.factory import create_scanner
from kiosk.hardware.scanners.lines import EVENT, KeyboardLine
from tests.fakes.hardware.scanners import SerialPlug, key_events

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "
UINPUT = Path("/dev/uinput")


class PipedKeyboard(KeyboardLine):
    """A keyboard whose events come through a pipe, which cannot be grabbed."""

    def prepare(self, descriptor: int) -> None:
        """Nothing to grab."""


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[SerialPlug]:
    plugged = SerialPlug(tmp_path / "scanner")
    yield plugged
    plugged.unplug()


@given(st.text(PRINTABLE, max_size=80), st.lists(st.integers(1, 30), max_size=20))
def test_a_keyboard_scanner_gives_the_text_however_its_events_are_cut(text: str, cuts: list[int]) -> None:
    line, raw, data = KeyboardLine(), key_events(text + "\n"), b""
    for cut in [*cuts, len(raw)]:
        data += line.translate(raw[:cut]) or b""
        raw = raw[cut:]
    assert data == text.encode() + b"\n"


@given(st.binary(max_size=600))
def test_any_bytes_from_an_input_device_are_survived(raw: bytes) -> None:
    line = KeyboardLine()
    assert line.translate(raw) in (None, b"") or len(raw) >= EVENT.size


def test_events_that_the_kernel_dropped_damage_the_code() -> None:
    line = KeyboardLine()
    shift_down, dropped = struct.pack("@llHHi", 0, 0, 1, 42, 1), struct.pack("@llHHi", 0, 0, 0, 3, 0)
    assert line.translate(shift_down) == b""
    assert line.translate(dropped) is None
    assert line.translate(key_events("a")) == b"a"


def test_a_keyboard_scanner_is_read_through_its_device(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    scanner = DeviceScanner(path, PipedKeyboard)
    scanner.open()
    with path.open("wb") as keyboard:
        keyboard.write(key_events("KP1:Ab+/=\n"))
        keyboard.flush()
        assert scanner.read(5) == b"KP1:Ab+/="
    scanner.close()


def test_a_serial_scanner_is_read_through_a_real_terminal(tmp_path: Path, plug: SerialPlug) -> None:
    scanner = create_scanner(f"scanner:{tmp_path / 'scanner'}", baud_rate=115200)
    scanner.open()
    plug.send("049202000001||Nguyễn Thị Hường|01011990\r\n".encode())
    assert scanner.read(5) == "049202000001||Nguyễn Thị Hường|01011990".encode()
    plug.send(b"\x03\x04\x11\x13 no control key of a terminal\r")
    assert scanner.read(5) == b"\x03\x04\x11\x13 no control key of a terminal"
    assert scanner.read(0.01) is None
    scanner.close()


def test_codes_that_were_sent_before_the_start_are_dropped(tmp_path: Path, plug: SerialPlug) -> None:
    plug.send(b"of a person who has left\r")
    scanner = create_scanner(f"scanner:{tmp_path / 'scanner'}", baud_rate=9600)
    scanner.open()
    assert scanner.read(0.05) is None
    scanner.close()


def test_a_scanner_that_is_unplugged_and_plugged_in_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "scanner"
    scanner = create_scanner(f"scanner:{path}", baud_rate=9600)
    with pytest.raises(ScannerError, match="not plugged in"):
        scanner.open()
    first = SerialPlug(path)
    scanner.open()
    first.send(b"KP1:one")
    first.unplug()
    with pytest.raises(ScannerError, match="unplugged"):
        scanner.read(5)
    second = SerialPlug(path)
    scanner.open()
    second.send(b"KP1:two\r")
    assert scanner.read(5) == b"KP1:two", "half a code of before is no part of it"
    scanner.close()
    second.unplug()


def test_a_file_that_is_no_device_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    with pytest.raises(ScannerError, match="file"):
        create_scanner(f"scanner:{path}", baud_rate=9600).open()


def test_a_path_of_an_input_device_is_a_keyboard() -> None:
    with pytest.raises(ScannerError, match="not plugged in"):
        create_scanner("scanner:/dev/input/by-id/no-such-event-kbd", baud_rate=9600).open()


def test_the_message_names_what_is_plugged_in(tmp_path: Path) -> None:
    for name in (
        "serial/by-id/usb-Scanner-if00",
        "input/by-id/usb-Keys-event-kbd",
        "input/by-id/usb-Mouse-event-mouse",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = found_devices((tmp_path / "serial/by-id", tmp_path / "input/by-id", tmp_path / "none"))
    assert [path.name for path in found] == ["usb-Scanner-if00", "usb-Keys-event-kbd"]


@pytest.mark.skipif(not os.access(UINPUT, os.W_OK), reason="needs /dev/uinput")
def test_a_keyboard_of_the_kernel_is_read_and_typed_nowhere_else() -> None:
    """A real device: uinput makes a keyboard, and the kernel carries its events."""
    device = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x40045564, 1)  # UI_SET_EVBIT EV_KEY
    for key in range(1, 128):
        fcntl.ioctl(device, 0x40045565, key)  # UI_SET_KEYBIT
    os.write(device, struct.pack("80sHHHHi", b"test scanner", 3, 1, 1, 1, 0) + b"\0" * (4 * 64 * 4))
    before = set(Path("/dev/input").glob("event*"))
    fcntl.ioctl(device, 0x5501)  # UI_DEV_CREATE
    appeared = threading.Event()
    while not set(Path("/dev/input").glob("event*")) - before and not appeared.wait(0.01):
        """udev makes the file."""
    (path,) = set(Path("/dev/input").glob("event*")) - before
    scanner = create_scanner(f"scanner:{path}", baud_rate=9600)
    scanner.open()
    os.write(device, key_events("KP1:abc\n"))
    assert scanner.read(5) == b"KP1:abc"
    with pytest.raises(ScannerError):
        create_scanner(f"scanner:{path}", baud_rate=9600).open()
    os.close(device)
