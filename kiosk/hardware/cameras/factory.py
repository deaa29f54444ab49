"""Chooses the camera driver of a configuration. Each driver and its large library are imported only if chosen."""

from pathlib import Path

from kiosk.core.ports import Camera


def create_camera(
    source: str, *, width: int, height: int, frames_per_s: float, flicker_hz: int = 50, rotation: int = 0
) -> Camera:
    """The driver of `picamera2`, `webcam:N`, `replay:FOLDER`, `synthetic`, `synthetic:SOCKET` or `scanner:PATH`.

    Its sensor starts with `open()`. With `scanner:PATH` there is none.

    `flicker_hz`: mains frequency of the lamps at the gate, 0 to ignore it. `rotation`: 0, or 180 for a camera upside down.
    Raises CameraError where no attempt can ever succeed: a replay folder without images, a missing library.
    """
    kind, _, rest = source.partition(":")
    if kind == "picamera2":
        from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera  # noqa: PLC0415  libcamera exists on a Pi only

        return Picamera2Camera(
            width=width, height=height, frames_per_s=frames_per_s, flicker_hz=flicker_hz, rotation=rotation
        )
    if kind == "webcam":
        from kiosk.hardware.cameras.webcam_camera import WebcamCamera  # noqa: PLC0415  OpenCV's video module makes the start slower

        return WebcamCamera(
            int(rest), width=width, height=height, frames_per_s=frames_per_s, flicker_hz=flicker_hz, rotation=rotation
        )
    if kind == "scanner":
        from kiosk.hardware.cameras.blank_camera import BlankCamera  # noqa: PLC0415  gates without a camera only

        return BlankCamera()
    if kind == "replay":
        from kiosk.hardware.cameras.replay_camera import ReplayCamera  # noqa: PLC0415  needs OpenCV's image formats

        return ReplayCamera(Path(rest), frames_per_s=frames_per_s)
    from kiosk.simulation.synthetic_camera import SyntheticCamera  # noqa: PLC0415  renders people: simulation code

    return SyntheticCamera(Path(rest) if rest else None, width=width, height=height, frames_per_s=frames_per_s)
