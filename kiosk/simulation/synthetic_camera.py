"""The synthetic camera: frames of synthetic people, from a stage in this process or from another process over a Unix socket."""

import socket
import struct
import threading
import time
from pathlib import Path
from typing import Protocol

import numpy as np

from kiosk import config
from kiosk.core.frame import Frame
from kiosk.core.ports import CameraError
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.scenario import Scenario

FRAME_HEADER = struct.Struct("!QHH")  # frame number, width, height; then width x height bytes of luma
FRAME_REQUEST = b"n"


class FrameSource(Protocol):
    """Where the pictures come from."""

    def fetch(self, timeout_s: float) -> Frame:
        """The next frame. Raises CameraTrouble."""

    def close(self) -> None:
        """Let go; a fetch under way ends soon."""


class LocalFrameSource:
    """Plays a stage of our own, at the pace of its frames."""

    def __init__(self, scenario: Scenario, renderer: FrameRenderer) -> None:
        self._scenario = scenario
        self._renderer = renderer
        self._closed = threading.Event()

    def fetch(self, timeout_s: float) -> Frame:
        """Wait out the frame interval, then paint."""
        if self._closed.wait(min(timeout_s, 1 / self._scenario.timing.frames_per_s)):
            raise CameraError("the synthetic camera was closed")
        number, visitor = self._scenario.next_frame()
        return Frame(self._renderer.render(visitor.codes if visitor else (), number), number, time.monotonic())

    def close(self) -> None:
        """End a wait."""
        self._closed.set()


class SocketFrameSource:
    """Asks the stage of another process (`StageServer`) for one frame at a time."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(5.0)
            self._socket.connect(str(path))
        except OSError as trouble:
            self._socket.close()
            raise CameraError(f"the stage at {path} does not answer: {trouble}") from trouble

    def fetch(self, timeout_s: float) -> Frame:
        """Ask, and wait for the answer."""
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(FRAME_REQUEST)
            number, width, height = FRAME_HEADER.unpack(self._receive_exactly(FRAME_HEADER.size))
            luma = np.frombuffer(self._receive_exactly(width * height), np.uint8).reshape(height, width)
        except OSError as trouble:
            raise CameraError(f"the stage gave no frame: {trouble or type(trouble).__name__}") from trouble
        return Frame(luma, number, time.monotonic())

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive_exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(min(1 << 20, size - len(received)))
            if not part:
                raise ConnectionError("the stage hung up")
            received += part
        return bytes(received)


class SyntheticCamera:
    """ports.Camera on a FrameSource, which `connect` makes at every `open`."""

    def __init__(self, settings: config.CameraSettings) -> None:
        address = settings.source.partition(":")[2]
        self._path = Path(address) if address else None
        self._settings = settings
        self._source: FrameSource | None = None

    def open(self) -> None:
        """Connect to the stage, or set up one of our own."""
        self.close()
        self._source = SocketFrameSource(self._path) if self._path else self._make_local_source()

    def capture(self, timeout_s: float) -> Frame:
        """The next frame. Raises CameraTrouble."""
        if self._source is None:
            raise CameraError("the synthetic camera is not open")
        return self._source.fetch(timeout_s)

    def close(self) -> None:
        """Hang up; harmless when closed."""
        source, self._source = self._source, None
        if source:
            source.close()

    def _make_local_source(self) -> FrameSource:
        # The queue needs keys and sample codes: loaded only where this camera is really used.
        from kiosk.simulation.visitors import make_looping_scenario  # noqa: PLC0415

        painter = FrameRenderer(self._settings.width, self._settings.height)
        return LocalFrameSource(make_looping_scenario(self._settings.frames_per_s), painter)
