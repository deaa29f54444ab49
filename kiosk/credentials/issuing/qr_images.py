"""Makes QR codes: the modules and the image of a text, and a check that our decoder reads it."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import segno
from numpy.typing import NDArray

from kiosk.core.frame import Luma
from kiosk.core.ports import KioskError
from kiosk.credentials import is_known_format
from kiosk.credentials.issuing.output_files import write_output
from kiosk.decoding.still_image import decode_image

QUIET_MODULES = 4
"""ISO/IEC 18004 section 6.3.8."""
CHECK_DPI = 200
"""A print at this resolution must be readable. Any office printer has more."""

MIN_MODULE_MM = 0.5
"""A module of this size covers about two pixels of a camera with 1280 pixels at arm's length."""


class QrCodeError(KioskError):
    """A code could not be read back. Nothing was written."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """One QR symbol."""

    text: str = field(repr=False)
    modules: NDArray[np.bool_] = field(repr=False)
    """(size, size), True where dark, without the quiet zone."""
    designator: str
    """Version and level, for example `7-M`."""

    @property
    def size(self) -> int:
        """Modules per side."""
        return int(self.modules.shape[0])

    @property
    def size_with_quiet_zone(self) -> int:
        """Modules per side, including the quiet zone."""
        return self.size + 2 * QUIET_MODULES

    def render(self, module_px: int) -> Luma:
        """The code as luma, with its quiet zone."""
        light = np.where(np.pad(self.modules, QUIET_MODULES), 0, 255).astype(np.uint8)
        return np.kron(light, np.ones((module_px, module_px), np.uint8))


def make_qr_code(text: str) -> QrCode:
    """Encode a text at level M in the smallest version. Raises QrCodeError if it does not fit."""
    try:
        made = segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError as error:
        raise QrCodeError(f"The text is too long for a QR code: {len(text)} characters.") from error
    return QrCode(text, np.array(list(made.matrix), dtype=bool), made.designator)


def check_readable(code: QrCode, width_mm: float) -> None:
    """Decode the code as it will look in print, `width_mm` wide with its quiet zone. Raises QrCodeError."""
    module_mm = width_mm / code.size_with_quiet_zone
    if module_mm < MIN_MODULE_MM:
        raise QrCodeError(f"A code of {code.size} modules is too small for {width_mm:.0f} mm. Print it larger.")
    module_px = int(module_mm / 25.4 * CHECK_DPI)
    found = [reading.data for reading in decode_image(code.render(module_px), is_known_format=is_known_format)]
    if code.text.encode("utf-8") not in found:
        raise QrCodeError(
            f"The decoder cannot read a code of {code.size} modules at {width_mm:.0f} mm. Nothing was written."
        )


def write_png(code: QrCode, path: Path, module_px: int = 10) -> None:
    """Write the picture as PNG. Raises OutputError."""
    picture = io.BytesIO()
    segno.make_qr(code.text, error="m", boost_error=False).save(
        picture, kind="png", scale=module_px, border=QUIET_MODULES
    )
    write_output(path, picture.getvalue())
