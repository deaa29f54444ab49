"""Where codes come from: the camera with the limits of decoding, and a scanner."""

from typing import Literal

from pydantic import Field

from kiosk.config.schema.section import Section


class CameraSettings(Section):
    """Where frames come from."""

    source: str = Field(
        default="picamera2", pattern=r"^(picamera2|webcam:\d+|replay:.+|synthetic(:.+)?|scanner:/dev/.+)$"
    )
    """`picamera2`, `webcam:N`, `replay:FOLDER`, `synthetic` (rendered people), `synthetic:SOCKET`, `scanner:PATH` for no camera."""
    width: int = Field(default=1280, ge=320, le=4096)
    """Width of a frame, px."""
    height: int = Field(default=720, ge=240, le=3072)
    """Height of a frame, px."""
    frames_per_s: float = Field(default=15.0, gt=0, le=120)
    """Frame rate requested from the sensor, and of replayed images."""
    timeout_s: float = Field(default=2.0, gt=0, le=30)
    """A capture that takes longer counts as a camera failure, seconds."""
    flicker_hz: Literal[0, 50, 60] = 50
    """Mains frequency of the light at the gate. Exposure is a multiple of its half period. 0: any."""
    rotation: Literal[0, 180] = 0
    """180 for a camera that is mounted upside down."""


class DecodingSettings(Section):
    """Limits of decoding."""

    budget_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the measured interval between frames that the slow stages may take, on average."""


class ScannerSettings(Section):
    """A scanner with USB or a serial port, beside the camera. Its codes go the same way as those of the camera."""

    source: str | None = Field(default=None, pattern=r"^scanner:/dev/.+$")
    """`scanner:PATH` of a serial port, such as `/dev/ttyACM0`, or of a scanner that acts as a keyboard, below `/dev/input`."""
    baud_rate: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    """Speed of a serial port. Scanners with USB ignore it."""
