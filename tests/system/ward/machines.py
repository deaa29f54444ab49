"""The machines of the tutorial: a centre and two gates, each a container with systemd and an address of its own."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.decoding.still_image import decode_image
from kiosk.simulation.renderer import FrameRenderer
from tests.system.container.container import Container, until

CENTRE_HOST = "centre.hue.example"
CAMERA = "/var/lib/gate-camera"
FRAMES = 3
"""Pictures of one view, each with its own noise: a camera whose picture never changes is broken."""
HARDWARE = f"""\
[camera]
source = "replay:{CAMERA}"
frames_per_s = 10

[gpio]
pin_factory = "mock"
"""
"""What stands for the camera module and the lamps of a board."""
READY_WITHIN_S = 120.0


class WardMachine:
    """One machine, and what a person does there."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def command(self, line: str) -> list[str]:
        """The command line of this machine that runs a line of a shell in there, as root who has just logged in."""
        return self.container.command("TERM=xterm", "sh", "-c", f"cd /root; {line}")

    def look(self, line: str) -> str:
        """A line that only the test needs. All that it printed."""
        return self.container.run("sh", "-c", f"exec 2>&1; {line}", check=False).stdout


class Gate(WardMachine):
    """A board with a synthetic camera: pictures in a folder, which the test changes."""

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self._renderer = FrameRenderer(1280, 720)

    def put_hardware(self) -> None:
        """Connect camera and lamps, before anything is installed."""
        (self.container.root / CAMERA[1:]).mkdir(parents=True)
        self.show(b"")
        folder = self.container.root / "etc/entrance-kiosk"
        folder.mkdir(parents=True)
        (folder / "kiosk.toml").write_text(HARDWARE, encoding="utf-8")

    def show(self, code: bytes) -> None:
        """Hold a code in front of the camera. Empty: no person is there."""
        for number in range(FRAMES):
            picture = self._renderer.render([code] if code else [], number)
            path = self.container.root / CAMERA[1:] / f"view-{number}.png"
            written = path.with_name(f".{path.name}.part")
            written.write_bytes(cv2.imencode(".png", np.asarray(picture))[1].tobytes())
            written.replace(path)

    def status(self) -> dict[str, Any]:
        """What the daemon says of itself."""
        printed = self.look("cat /run/entrance-kiosk/status.json")
        try:
            found: dict[str, Any] = json.loads(printed)
        except ValueError:
            return {}
        return found

    def wait_until(self, what: str, is_so: Any) -> None:
        """Until the status says so. Raises AssertionError with the log."""
        try:
            until(what, lambda: is_so(self.status()), READY_WITHIN_S)
        except AssertionError as error:
            log = self.look("kiosk status; journalctl -b -n 60 --no-pager -u kiosk -u kiosk-web")
            raise AssertionError(f"{error}\n{self.status()}\n{log}") from error


def code_on_screen(text: str) -> bytes:
    """The QR code that a terminal shows in half blocks, as a camera sees it."""
    blocks = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows: list[list[int]] = []
    for line in text.replace("\r", "").splitlines():
        if "\x1b[97;40m" in line:
            pairs = [blocks[mark] for mark in line.partition("\x1b[97;40m")[2].partition("\x1b[0m")[0]]
            rows += [[upper for upper, _ in pairs], [lower for _, lower in pairs]]
    assert rows, f"no code on the screen:\n{text}"
    return _read_code(np.asarray(np.kron(np.array(rows), np.ones((4, 4))), np.uint8))


def code_of_picture(path: Path) -> bytes:
    """The code of a picture of a pass."""
    luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert luma is not None, path
    return _read_code(np.asarray(luma, np.uint8))


def _read_code(luma: NDArray[np.uint8]) -> bytes:
    (found,) = decode_image(luma, is_known_format=lambda _: True)
    return found.data
