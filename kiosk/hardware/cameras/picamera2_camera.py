"""The Pi's own camera, through picamera2 and libcamera.

Two streams of one size in YUV420: `main` for aiming and snapshots, `lores` for reading. Only the Y plane of `lores` is
taken. The camera is configured once per open; a control is set only where the sensor advertises it, because picamera2
raises RuntimeError for the others (a fixed-focus module has no AfMode). Why these: docs/decisions/0025.
"""

import atexit
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any

import numpy as np

from kiosk import config
from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import CameraError

# libcamera's enumerations (control_ids_core.yaml); as numbers, because picamera2 passes them on as they are.
AE_METERING_CENTRE_WEIGHTED = 0
AE_EXPOSURE_SHORT = 1
AE_FLICKER_OFF = 0
AE_FLICKER_MANUAL = 1
AF_MODE_CONTINUOUS = 2
AF_RANGE_FULL = 2
AF_SPEED_FAST = 1

_log = logging.getLogger(__name__)


def select_controls(advertised: Mapping[str, Any], settings: config.CameraSettings) -> dict[str, Any]:
    """The controls to set, in picamera2's names: those wanted for reading codes that the sensor advertises."""
    frame_us = int(1_000_000 / settings.frames_per_s)
    wanted: dict[str, Any] = {
        "AeEnable": True,
        "AeMeteringMode": AE_METERING_CENTRE_WEIGHTED,
        "AeExposureMode": AE_EXPOSURE_SHORT,
        "AfMode": AF_MODE_CONTINUOUS,
        "AfRange": AF_RANGE_FULL,
        "AfSpeed": AF_SPEED_FAST,
        "FrameDurationLimits": (frame_us, frame_us),
    }
    if settings.flicker_hz:
        wanted["AeFlickerMode"] = AE_FLICKER_MANUAL
        wanted["AeFlickerPeriod"] = 1_000_000 // (2 * settings.flicker_hz)
    else:
        wanted["AeFlickerMode"] = AE_FLICKER_OFF
    return {name: value for name, value in wanted.items() if name in advertised}


class Picamera2Camera:
    """The first camera module that libcamera finds."""

    def __init__(self, settings: config.CameraSettings, *, library: Callable[[], Any] | None = None) -> None:
        """`library` gives the class Picamera2."""
        self._settings = settings
        self._library = library or _import_picamera2
        self._picamera2: Any = None
        self._import_error = ""
        self._sensor: Any = None
        self._size = (settings.width, settings.height)
        self._number = 0

    def open(self) -> None:
        """Find, configure and start the sensor. Raises CameraTrouble; nothing stays open then."""
        self.close()
        self._load()
        # Asked first, because Picamera2() leaves a pipe open whenever it finds no camera, and we ask again for days.
        if not self._picamera2.global_camera_info():
            raise CameraError("picamera2: no camera module is found; switch off and seat the ribbon cable at both ends")
        try:
            self._sensor = _create_camera(self._picamera2)
            self._start(self._sensor)
        except (RuntimeError, OSError, ValueError, IndexError) as trouble:
            self.close()
            raise CameraError(
                f"picamera2: the camera module does not start: {trouble.__cause__ or trouble}"
            ) from trouble

    def _load(self) -> None:
        """Once: a library that could not be imported is not to be had in this process any more."""
        if self._import_error:
            raise CameraError(self._import_error)
        if self._picamera2 is None:
            try:
                self._picamera2 = self._library()
            except CameraError as trouble:
                self._import_error = str(trouble)
                raise

    def _start(self, sensor: Any) -> None:
        size = (self._settings.width, self._settings.height)
        asked: dict[str, Any] = {
            "main": {"size": size, "format": "YUV420"},
            "lores": {"size": size, "format": "YUV420"},
            "raw": None,
            "buffer_count": 4,
            "queue": False,  # a queued picture is of somebody who may have gone
            "controls": select_controls(sensor.camera_controls, self._settings),
        }
        if self._settings.rotation == 180:
            asked["transform"] = _rotate_180()
        sensor.configure(sensor.create_video_configuration(**asked))
        self._size = sensor.camera_config["lores"]["size"]
        sensor.start()
        _log.info(
            "camera: %s, %s of %s", sensor.camera_properties.get("Model", "?"), self._size, sorted(asked["controls"])
        )

    def capture(self, timeout_s: float) -> Frame:
        """The next picture. Raises CameraTrouble when none comes in time; then close the camera and open it again."""
        sensor = self._sensor
        if sensor is None:
            raise CameraError("picamera2: the camera is not open")
        try:
            picture = sensor.wait(sensor.capture_array("lores", wait=False), timeout=timeout_s)
        except TimeoutError:  # the job is left in its queue: taking it out needs a lock that what hangs may hold
            raise CameraError(f"picamera2: no picture for {timeout_s:g} s") from None
        except CancelledError:
            raise CameraError("picamera2: closed") from None
        except (RuntimeError, OSError) as trouble:
            raise CameraError(f"picamera2: {trouble}") from trouble
        captured_s = time.monotonic()
        self._number += 1
        return Frame(_y_plane(picture, self._size), self._number, captured_s)

    def close(self) -> None:
        """Stop the sensor. It may block for as long as libcamera does: the watchdog's business, see the self-check."""
        sensor, self._sensor = self._sensor, None
        if sensor is None:
            return
        _cancel_capture(sensor)
        try:
            sensor.close()
        except (RuntimeError, OSError) as trouble:
            atexit.unregister(sensor.close)
            _log.warning("camera: it did not close cleanly: %s", trouble)


def _create_camera(library: Any) -> Any:
    """Picamera2(0). A constructor that fails after it took the camera would keep it taken as long as this process lives
    ("Camera in Acquired state trying acquire()"): so the half-made object is kept in hand, and what it took is given back.
    """
    sensor = library.__new__(library)
    try:
        sensor.__init__(0)
    except Exception:
        taken = getattr(sensor, "camera", None)
        if taken is not None:
            taken.release()
        raise
    return sensor


def _y_plane(picture: Any, size: tuple[int, int]) -> Luma:
    """The first `height` rows of a YUV420 or NV12 array are luma; rows may be padded to the right."""
    width, height = size
    return np.ascontiguousarray(picture[:height, :width], dtype=np.uint8)


def _cancel_capture(sensor: Any) -> None:
    """Wake whoever waits for a picture. A job that finished at this very moment needs no waking."""
    try:
        sensor.cancel_all_and_flush()
    except InvalidStateError:
        _log.debug("camera: a picture came while it was being cancelled")


def _import_picamera2() -> Any:
    """Raises CameraTrouble where it is missing, or does not fit its neighbours: numpy's ABI is a ValueError."""
    try:
        from picamera2 import Picamera2  # noqa: PLC0415  exists on a Pi only
    except (ImportError, AttributeError, ValueError, OSError, RuntimeError) as trouble:
        raise CameraError(
            f"picamera2 is not usable here ({trouble}); on Raspberry Pi OS: sudo apt install python3-picamera2, "
            "then sudo systemctl restart kiosk"
        ) from trouble
    return Picamera2


def _rotate_180() -> Any:
    from libcamera import Transform  # noqa: PLC0415  exists on a Pi only

    return Transform(hflip=1, vflip=1)
