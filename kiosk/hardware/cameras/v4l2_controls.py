"""Controls of a USB camera for reading codes: mains frequency, steady frame rate, autofocus. OpenCV supports only the last.

Source: Linux's linux/videodev2.h and linux/v4l2-controls.h. Most UVC cameras have 60 Hz as their default.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

VIDIOC_S_CTRL = 0xC008561C
"""VIDIOC_S_CTRL: number and value of a control, 32 bits each."""
POWER_LINE_FREQUENCY = 0x00980918
EXPOSURE_AUTO_PRIORITY = 0x009A0903
"""1: in the dark the camera may expose longer than one frame, which blurs motion."""
FOCUS_AUTO = 0x009A090C
_POWER_LINE_VALUES = {0: 0, 50: 1, 60: 2}
"""V4L2_CID_POWER_LINE_FREQUENCY_DISABLED, _50HZ, _60HZ."""

SetControl = Callable[[int, int, bytes], object]


def controls_for(flicker_hz: int) -> dict[str, tuple[int, int]]:
    """Name -> (control, value), in the order in which they are set."""
    return {
        "power line frequency": (POWER_LINE_FREQUENCY, _POWER_LINE_VALUES[flicker_hz]),
        "exposure auto priority": (EXPOSURE_AUTO_PRIORITY, 0),
        "continuous autofocus": (FOCUS_AUTO, 1),
    }


def apply_controls(device: Path, flicker_hz: int, set_control: SetControl = fcntl.ioctl) -> list[str]:
    """Set the controls that the camera has. Returns their names. A device that cannot be opened has none. Raises nothing."""
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return list(_set_controls(handle, flicker_hz, set_control))
    finally:
        os.close(handle)


def _set_controls(handle: int, flicker_hz: int, set_control: SetControl) -> Iterator[str]:
    for name, (control, value) in controls_for(flicker_hz).items():
        try:
            set_control(handle, VIDIOC_S_CTRL, struct.pack("Ii", control, value))
        except OSError:  # EINVAL: no such control; ENOTTY: not a camera
            continue
        yield name
