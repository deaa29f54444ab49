"""A camera that shows the pictures of a folder, again and again, at the configured frame rate."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kiosk import config
from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import CameraError
from kiosk.decoding.preview.image_files import IMAGE_SUFFIXES, ImageFileError, list_image_files, load_luma

_log = logging.getLogger(__name__)


class ReplayCamera:
    """Pictures of a folder and of the folders in it, in the order of their names; none is scaled."""

    def __init__(
        self,
        settings: config.CameraSettings,
        folder: Path,
        *,
        load: Callable[[Path], Luma] = load_luma,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait(seconds)` returns True when the camera was closed meanwhile; the default is an event that `close` sets.

        Raises CameraTrouble when the folder has no picture.
        """
        self._folder = folder
        self._interval_s = 1.0 / settings.frames_per_s
        self._load = load
        self._now = now
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._paths = _image_paths(folder)
        self._next = 0
        self._number = 0
        self._due_s = 0.0
        self._reported: set[Path] = set()

    def open(self) -> None:
        """Begin again with the first picture. Raises CameraTrouble when the folder has no picture (any more)."""
        self._paths = _image_paths(self._folder)
        self._closed.clear()
        self._next = 0
        self._due_s = self._now()

    def capture(self, timeout_s: float) -> Frame:
        """The next picture, at its time; what cannot be opened is logged once and skipped. Raises CameraTrouble."""
        luma = self._next_luma()
        pause_s = self._due_s - self._now()
        if pause_s > 0 and self._wait(min(pause_s, timeout_s)):
            raise CameraError(f"replay:{self._folder}: closed")
        if pause_s > timeout_s:
            raise CameraError(
                f"replay:{self._folder}: no picture is due within {timeout_s:g} s; raise camera.frames_per_s"
            )
        captured_s = self._now()
        in_time = captured_s - self._due_s < self._interval_s
        self._due_s = (self._due_s if in_time else captured_s) + self._interval_s
        self._number += 1
        return Frame(luma, self._number, captured_s)

    def close(self) -> None:
        """Wake a waiting capture; harmless when closed already."""
        self._closed.set()

    def _next_luma(self) -> Luma:
        for _ in self._paths:
            path = self._paths[self._next]
            self._next = (self._next + 1) % len(self._paths)
            try:
                return self._load(path)
            except ImageFileError as trouble:
                if path not in self._reported:
                    self._reported.add(path)
                    _log.warning("replay: skipped: %s", trouble)
        raise CameraError(f"replay:{self._folder}: none of the {len(self._paths)} pictures can be opened")


def _image_paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise CameraError(f"replay:{folder}: this is not a folder; name one that holds pictures")
    paths = list_image_files(folder)
    if not paths:
        raise CameraError(f"replay:{folder}: no picture is in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return paths
