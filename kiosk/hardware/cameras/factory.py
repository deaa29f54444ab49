"""Which camera driver a configuration asks for. A driver and its heavy library are imported only when it is chosen."""

from pathlib import Path

from kiosk import config
from kiosk.core.ports import Camera


def open_camera(settings: config.CameraSettings) -> Camera:
    """Make the driver that `settings.source` names; its sensor starts with `open()`.

    Raises CameraTrouble where no attempt can ever succeed: a replay folder without pictures, a missing library.
    """
    kind, _, rest = settings.source.partition(":")
    if kind == "picamera2":
        from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera  # noqa: PLC0415  libcamera exists on a Pi only

        return Picamera2Camera(settings)
    if kind == "webcam":
        from kiosk.hardware.cameras.webcam_camera import WebcamCamera  # noqa: PLC0415  OpenCV's video part costs start-up time

        return WebcamCamera(settings, int(rest))
    if kind == "replay":
        from kiosk.hardware.cameras.replay_camera import ReplayCamera  # noqa: PLC0415  needs OpenCV's picture formats

        return ReplayCamera(settings, Path(rest))
    from kiosk.simulation.synthetic_camera import SyntheticCamera  # noqa: PLC0415  renders people: laboratory code

    return SyntheticCamera(settings)
