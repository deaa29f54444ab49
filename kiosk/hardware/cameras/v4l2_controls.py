"""A USB camera's own settings for reading codes: mains frequency, steady frame rate, autofocus. OpenCV knows the last one only.

Source: Linux's linux/videodev2.h and linux/v4l2-controls.h; a UVC camera's default for the mains is 60 Hz more often than not.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk import config

VIDIOC_S_CTRL = 0xC008561C
"""VIDIOC_S_CTRL: a control's number and its value, 32 bits each."""
POWER_LINE_FREQUENCY = 0x00980918
EXPOSURE_AUTO_PRIORITY = 0x009A0903
"""1: in the dark the camera may take longer exposures than a frame, and smears what moves."""
FOCUS_AUTO = 0x009A090C
_POWER_LINE_VALUES = {0: 0, 50: 1, 60: 2}
"""V4L2_CID_POWER_LINE_FREQUENCY_DISABLED, _50HZ, _60HZ."""

SetControl = Callable[[int, int, bytes], object]


def controls_for(settings: config.CameraSettings) -> dict[str, tuple[int, int]]:
    """Name -> (control, value), in the order in which they are set."""
    return {
        "power line frequency": (POWER_LINE_FREQUENCY, _POWER_LINE_VALUES[settings.flicker_hz]),
        "exposure auto priority": (EXPOSURE_AUTO_PRIORITY, 0),
        "continuous autofocus": (FOCUS_AUTO, 1),
    }


def apply_controls(device: Path, settings: config.CameraSettings, set_control: SetControl = fcntl.ioctl) -> list[str]:
    """Set what the camera has of them; the names of those. A device that cannot be asked has none. Raises nothing."""
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return list(_set_controls(handle, settings, set_control))
    finally:
        os.close(handle)


def _set_controls(handle: int, settings: config.CameraSettings, set_control: SetControl) -> Iterator[str]:
    for name, (control, value) in controls_for(settings).items():
        try:
            set_control(handle, VIDIOC_S_CTRL, struct.pack("Ii", control, value))
        except OSError:  # EINVAL: it has no such control; ENOTTY: it is no camera
            continue
        yield name
