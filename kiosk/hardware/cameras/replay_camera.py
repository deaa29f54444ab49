"""A camera that repeats the images of a folder at the configured frame rate."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import CameraError
from kiosk.decoding.preview.image_files import IMAGE_SUFFIXES, ImageFileError, list_image_files, load_luma

_log = logging.getLogger(__name__)


class ReplayCamera:
    """Images of a folder and its subfolders, in the order of their names, without scaling."""

    def __init__(
        self,
        folder: Path,
        *,
        frames_per_s: float = 15.0,
        load: Callable[[Path], Luma] = load_luma,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait(seconds)` returns True if the camera was closed meanwhile. The default is an event set by `close`.

        Raises CameraError if the folder has no image.
        """
        self._folder = folder
        self._interval_s = 1.0 / frames_per_s
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
        """Start again with the first image. Raises CameraError if the folder has no image any more."""
        self._paths = _image_paths(self._folder)
        self._closed.clear()
        self._next = 0
        self._due_s = self._now()

    def capture(self, timeout_s: float) -> Frame:
        """The next image at its time. An image that cannot be opened is logged once and skipped. Raises CameraError."""
        luma = self._next_luma()
        pause_s = self._due_s - self._now()
        if pause_s > 0 and self._wait(min(pause_s, timeout_s)):
            raise CameraError(f"replay:{self._folder}: closed")
        if pause_s > timeout_s:
            raise CameraError(
                f"replay:{self._folder}: no image is due within {timeout_s:g} s. Raise camera.frames_per_s"
            )
        captured_s = self._now()
        in_time = captured_s - self._due_s < self._interval_s
        self._due_s = (self._due_s if in_time else captured_s) + self._interval_s
        self._number += 1
        return Frame(luma, self._number, captured_s)

    def close(self) -> None:
        """Wake a waiting capture. Does nothing if it is closed."""
        self._closed.set()

    def _next_luma(self) -> Luma:
        for _ in self._paths:
            path = self._paths[self._next]
            self._next = (self._next + 1) % len(self._paths)
            try:
                return self._load(path)
            except ImageFileError as error:
                if path not in self._reported:
                    self._reported.add(path)
                    _log.warning("replay: skipped: %s", error)
        raise CameraError(f"replay:{self._folder}: none of the {len(self._paths)} images can be opened")


def _image_paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise CameraError(f"replay:{folder}: not a folder. Name a folder with images")
    try:
        paths = list_image_files(folder)
    except OSError as error:
        raise CameraError(f"replay:{folder}: cannot be read: {error.strerror}") from error
    if not paths:
        raise CameraError(f"replay:{folder}: no image in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return paths
