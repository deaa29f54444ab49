"""The synthetic camera: frames of synthetic people, from a scenario in this process or from a frame server over a Unix socket."""

import socket
import struct
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np

from kiosk.core.frame import Frame
from kiosk.core.ports import CameraError
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.scenario import Scenario

FRAME_HEADER = struct.Struct("!QHH")  # frame number, width, height; followed by width x height bytes of luma
FRAME_REQUEST = b"n"


class FrameSource(Protocol):
    """Source of the synthetic camera's frames."""

    def fetch(self, timeout_s: float) -> Frame:
        """The next frame. Raises CameraError."""

    def close(self) -> None:
        """Stop. A running `fetch` ends soon."""


class LocalFrameSource:
    """Plays a scenario in this process at its frame rate."""

    def __init__(self, scenario: Scenario, renderer: FrameRenderer) -> None:
        self._scenario = scenario
        self._renderer = renderer
        self._closed = threading.Event()

    def fetch(self, timeout_s: float) -> Frame:
        """Wait for the frame interval, then render."""
        if self._closed.wait(min(timeout_s, 1 / self._scenario.timing.frames_per_s)):
            raise CameraError("the synthetic camera was closed")
        number, visitor = self._scenario.next_frame()
        return Frame(self._renderer.render(visitor.codes if visitor else (), number), number, time.monotonic())

    def close(self) -> None:
        """End a wait."""
        self._closed.set()


class SocketFrameSource:
    """Requests one frame at a time from a FrameServer in another process."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(5.0)
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise CameraError(f"the frame server at {path} does not respond: {error}") from error

    def fetch(self, timeout_s: float) -> Frame:
        """Request a frame and wait for it."""
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(FRAME_REQUEST)
            number, width, height = FRAME_HEADER.unpack(self._receive_exactly(FRAME_HEADER.size))
            luma = np.frombuffer(self._receive_exactly(width * height), np.uint8).reshape(height, width)
        except OSError as error:
            raise CameraError(f"the frame server sent no frame: {error or type(error).__name__}") from error
        return Frame(luma, number, time.monotonic())

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _receive_exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(min(1 << 20, size - len(received)))
            if not part:
                raise ConnectionError("the frame server closed the connection")
            received += part
        return bytes(received)


class SyntheticCamera:
    """A ports.Camera that reads from a FrameSource. Each `open` makes a new one."""

    def __init__(
        self, socket_path: Path | None = None, *, width: int = 1280, height: int = 720, frames_per_s: float = 15.0
    ) -> None:
        """`socket_path`: of a frame server, which then sets size and rate. None: a scenario of our own in this process."""
        self._path = socket_path
        self._size = (width, height)
        self._frames_per_s = frames_per_s
        self._source: FrameSource | None = None

    def open(self) -> None:
        """Connect to the frame server, or start a scenario in this process."""
        self.close()
        self._source = SocketFrameSource(self._path) if self._path else self._make_local_source()

    def capture(self, timeout_s: float) -> Frame:
        """The next frame. Raises CameraError."""
        if self._source is None:
            raise CameraError("the synthetic camera is not open")
        return self._source.fetch(timeout_s)

    def close(self) -> None:
        """Close the source. Does nothing if it is closed."""
        source, self._source = self._source, None
        if source:
            source.close()

    def _make_local_source(self) -> FrameSource:
        # The visitors need keys and sample codes. They are loaded only if this camera is used.
        from kiosk.simulation.visitors import make_looping_scenario  # noqa: PLC0415

        painter = FrameRenderer(*self._size)
        return LocalFrameSource(make_looping_scenario(self._frames_per_s), painter)
