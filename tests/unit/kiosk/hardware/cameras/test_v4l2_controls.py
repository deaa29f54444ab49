"""Controls of a USB camera: only those that it has are set."""

import errno
import struct
from pathlib import Path

import pytest

from kiosk.hardware.cameras import v4l2_controls


def set_on(device: Path, has: set[int], flicker_hz: int = 50) -> tuple[list[str], dict[int, int]]:
    """Returns the names reported as set and the controls that the camera received."""
    given: dict[int, int] = {}

    def set_control(_handle: int, request: int, argument: bytes) -> None:
        assert request == 0xC008561C
        control, value = struct.unpack("Ii", argument)
        if control not in has:
            raise OSError(errno.EINVAL, "no such control")
        given[control] = value

    return v4l2_controls.apply_controls(device, flicker_hz, set_control), given


@pytest.mark.parametrize(("hz", "value"), [(50, 1), (60, 2), (0, 0)])
def test_the_mains_frequency_is_the_configured_one(tmp_path: Path, hz: int, value: int) -> None:
    (tmp_path / "video0").touch()
    _, given = set_on(tmp_path / "video0", {0x00980918}, flicker_hz=hz)
    assert given == {0x00980918: value}


def test_only_controls_that_the_camera_has_are_set(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    names, given = set_on(tmp_path / "video0", {0x009A0903, 0x009A090C})
    assert names == ["exposure auto priority", "continuous autofocus"]
    assert given == {0x009A0903: 0, 0x009A090C: 1}
    assert set_on(tmp_path / "video0", set()) == ([], {})


def test_a_missing_device_or_another_device_has_no_controls(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    assert v4l2_controls.apply_controls(tmp_path / "video0", 50) == []
    assert v4l2_controls.apply_controls(tmp_path / "video1", 50) == []


def test_the_numbers_are_those_of_the_kernel_header() -> None:
    """linux/v4l2-controls.h: V4L2_CID_BASE + 24, V4L2_CID_CAMERA_CLASS_BASE + 3 and + 12; _IOWR('V', 28, 8 bytes)."""
    assert v4l2_controls.POWER_LINE_FREQUENCY == 0x00980900 + 24
    assert v4l2_controls.EXPOSURE_AUTO_PRIORITY == 0x009A0900 + 3
    assert v4l2_controls.FOCUS_AUTO == 0x009A0900 + 12
    assert 3 << 30 | 8 << 16 | ord("V") << 8 | 28 == v4l2_controls.VIDIOC_S_CTRL
