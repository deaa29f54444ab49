"""Serves the frames of a scenario over a Unix socket to the daemon's synthetic camera, one per request."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import Protocol

from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.scenario import ScenarioTiming, Visitor
from kiosk.simulation.synthetic_camera import FRAME_HEADER, FRAME_REQUEST


class FrameScript(Protocol):
    """Says who is in front of the camera."""

    @property
    def timing(self) -> ScenarioTiming:
        """The frame rate."""

    def next_frame(self) -> tuple[int, Visitor | None]:
        """The next frame number and who is in it."""


class FrameServer:
    """Serves one camera at a time. After a camera's process was killed, the next one may connect."""

    def __init__(self, scenario: FrameScript, renderer: FrameRenderer, path: Path) -> None:
        self._scenario = scenario
        self._renderer = renderer
        self._stop = threading.Event()
        self.frozen = False
        """While true, one image is sent repeatedly, as by a hanging sensor. Any thread."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path = path
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, name="stage", daemon=True)

    def start(self) -> None:
        """Serve in a separate thread."""
        self._thread.start()

    def close(self) -> None:
        """Close the connection and accept no other."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            with connection, contextlib.suppress(ConnectionError):
                self._serve_connection(connection)

    def _serve_connection(self, connection: socket.socket) -> None:
        interval_s, sent = 1 / self._scenario.timing.frames_per_s, b""
        while connection.recv(1) == FRAME_REQUEST:
            if self._stop.wait(interval_s):
                return
            if not sent or not self.frozen:
                sent = self._next_message()
            connection.sendall(sent)

    def _next_message(self) -> bytes:
        """The first pixel holds the frame's number too: the renderer's scenes repeat, and images of a live sensor never do."""
        number, visitor = self._scenario.next_frame()
        luma = self._renderer.render(visitor.codes if visitor else (), number)
        pixels = bytearray(luma.tobytes())
        pixels[0] = number % 256
        return FRAME_HEADER.pack(number, luma.shape[1], luma.shape[0]) + pixels
