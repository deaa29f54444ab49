"""Driver of the Pi's camera, through picamera2 and libcamera.

Two streams of one size in YUV420: `main` for aiming and snapshots, `lores` for decoding. Only the Y plane of `lores` is used.
The camera is configured once per open. A control is set only if the sensor advertises it, because picamera2 raises RuntimeError
for others (a fixed-focus module has no AfMode). Reasons for the controls: docs/decisions/0025.
"""

import atexit
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any

import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import CameraError

# Enumerations of libcamera (control_ids_core.yaml), as numbers because picamera2 passes them on unchanged.
AE_METERING_CENTRE_WEIGHTED = 0
AE_EXPOSURE_SHORT = 1
AE_FLICKER_OFF = 0
AE_FLICKER_MANUAL = 1
AF_MODE_CONTINUOUS = 2
AF_RANGE_FULL = 2
AF_SPEED_FAST = 1

_log = logging.getLogger(__name__)


def select_controls(advertised: Mapping[str, Any], *, frames_per_s: float, flicker_hz: int) -> dict[str, Any]:
    """The controls to set, in picamera2's names: those useful for reading codes that the sensor advertises."""
    frame_us = int(1_000_000 / frames_per_s)
    wanted: dict[str, Any] = {
        "AeEnable": True,
        "AeMeteringMode": AE_METERING_CENTRE_WEIGHTED,
        "AeExposureMode": AE_EXPOSURE_SHORT,
        "AfMode": AF_MODE_CONTINUOUS,
        "AfRange": AF_RANGE_FULL,
        "AfSpeed": AF_SPEED_FAST,
        "FrameDurationLimits": (frame_us, frame_us),
    }
    if flicker_hz:
        wanted["AeFlickerMode"] = AE_FLICKER_MANUAL
        wanted["AeFlickerPeriod"] = 1_000_000 // (2 * flicker_hz)
    else:
        wanted["AeFlickerMode"] = AE_FLICKER_OFF
    return {name: value for name, value in wanted.items() if name in advertised}


class Picamera2Camera:
    """The first camera module that libcamera finds."""

    def __init__(
        self,
        *,
        width: int = 1280,
        height: int = 720,
        frames_per_s: float = 15.0,
        flicker_hz: int = 50,
        rotation: int = 0,
        library: Callable[[], Any] | None = None,
    ) -> None:
        """`library` returns the class Picamera2."""
        self._asked_size = (width, height)
        self._frames_per_s = frames_per_s
        self._flicker_hz = flicker_hz
        self._upside_down = rotation == 180
        self._library = library or _import_picamera2
        self._picamera2: Any = None
        self._import_error = ""
        self._sensor: Any = None
        self._size = self._asked_size
        self._number = 0

    def open(self) -> None:
        """Find, configure and start the sensor. Raises CameraError and leaves nothing open."""
        self.close()
        self._load()
        # Checked first, because Picamera2() leaves a pipe open each time it finds no camera, and we may retry for days.
        if not self._picamera2.global_camera_info():
            raise CameraError(
                "picamera2: no camera module found. Switch the device off and check the ribbon cable at both ends"
            )
        try:
            self._sensor = _create_camera(self._picamera2)
            self._start(self._sensor)
        except (RuntimeError, OSError, ValueError, IndexError) as error:
            self.close()
            raise CameraError(f"picamera2: the camera module does not start: {error.__cause__ or error}") from error

    def _load(self) -> None:
        """Import once: a library that could not be imported cannot be imported later in this process."""
        if self._import_error:
            raise CameraError(self._import_error)
        if self._picamera2 is None:
            try:
                self._picamera2 = self._library()
            except CameraError as error:
                self._import_error = str(error)
                raise

    def _start(self, sensor: Any) -> None:
        size = self._asked_size
        asked: dict[str, Any] = {
            "main": {"size": size, "format": "YUV420"},
            "lores": {"size": size, "format": "YUV420"},
            "raw": None,
            "buffer_count": 4,
            "queue": False,  # a queued image may show a person who has left
            "controls": select_controls(
                sensor.camera_controls, frames_per_s=self._frames_per_s, flicker_hz=self._flicker_hz
            ),
        }
        if self._upside_down:
            asked["transform"] = _rotate_180()
        sensor.configure(sensor.create_video_configuration(**asked))
        self._size = sensor.camera_config["lores"]["size"]
        sensor.start()
        _log.info(
            "camera: %s, %s of %s", sensor.camera_properties.get("Model", "?"), self._size, sorted(asked["controls"])
        )

    def capture(self, timeout_s: float) -> Frame:
        """The next frame. Raises CameraError if none arrives in time. Close and reopen the camera then."""
        sensor = self._sensor
        if sensor is None:
            raise CameraError("picamera2: the camera is not open")
        try:
            picture = sensor.wait(sensor.capture_array("lores", wait=False), timeout=timeout_s)
        except TimeoutError:  # the job stays in its queue: removing it needs a lock that the hanging thread may hold
            raise CameraError(f"picamera2: no frame for {timeout_s:g} s") from None
        except CancelledError:
            raise CameraError("picamera2: closed") from None
        except (RuntimeError, OSError) as error:
            raise CameraError(f"picamera2: {error}") from error
        captured_s = time.monotonic()
        self._number += 1
        return Frame(_y_plane(picture, self._size), self._number, captured_s)

    def close(self) -> None:
        """Stop the sensor. This may block as long as libcamera does. The watchdog then ends the process."""
        sensor, self._sensor = self._sensor, None
        if sensor is None:
            return
        _cancel_capture(sensor)
        try:
            sensor.close()
        except (RuntimeError, OSError) as error:
            atexit.unregister(sensor.close)
            _log.warning("camera: close failed: %s", error)


def _create_camera(library: Any) -> Any:
    """Create Picamera2(0), and release the camera if that fails.

    A constructor that fails after it acquired the camera would keep it for the life of this process ("Camera in Acquired state
    trying acquire()"). So the incomplete object is kept in a variable and its camera released.
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
    """The first `height` rows of a YUV420 or NV12 array are luma. Rows may be padded on the right."""
    width, height = size
    return np.ascontiguousarray(picture[:height, :width], dtype=np.uint8)


def _cancel_capture(sensor: Any) -> None:
    """Wake a thread that waits for a frame. A job that finished at the same moment needs no wake."""
    try:
        sensor.cancel_all_and_flush()
    except InvalidStateError:
        _log.debug("camera: a frame arrived while it was being cancelled")


def _import_picamera2() -> Any:
    """Raises CameraError if it is missing or does not fit other packages (a wrong ABI of numpy is a ValueError)."""
    try:
        from picamera2 import Picamera2  # noqa: PLC0415  exists on a Pi only
    except (ImportError, AttributeError, ValueError, OSError, RuntimeError) as error:
        raise CameraError(
            f"picamera2 cannot be used here ({error}). On Raspberry Pi OS: sudo apt install python3-picamera2, "
            "then sudo systemctl restart kiosk"
        ) from error
    return Picamera2


def _rotate_180() -> Any:
    from libcamera import Transform  # noqa: PLC0415  exists on a Pi only

    return Transform(hflip=1, vflip=1)
