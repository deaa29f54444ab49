"""The QR of a text: its modules, its picture, and the proof that our own reader reads it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import segno
from numpy.typing import NDArray

from kiosk.core.frame import Luma
from kiosk.core.ports import KioskError
from kiosk.credentials import is_known_format
from kiosk.decoding.still_image import decode_image

QUIET_MODULES = 4
"""ISO/IEC 18004 section 6.3.8."""
CHECK_DPI = 200
"""A print at this resolution must be readable: less than any office printer has."""

MIN_MODULE_MM = 0.5
"""A camera at arm's length, 1280 pixels wide, gives a module of this size about two pixels."""


class PrintTrouble(KioskError):
    """A code could not be read back; nothing was written."""


@dataclass(frozen=True, slots=True)
class Code:
    """One QR symbol."""

    text: str = field(repr=False)
    modules: NDArray[np.bool_] = field(repr=False)
    """(size, size), True where dark, without the quiet zone."""
    designator: str
    """Version and level, like `7-M`."""

    @property
    def size(self) -> int:
        """Modules along one side."""
        return int(self.modules.shape[0])

    @property
    def size_with_quiet_zone(self) -> int:
        """Modules along one side, with the quiet zone."""
        return self.size + 2 * QUIET_MODULES

    def render(self, module_px: int) -> Luma:
        """A luma picture with its quiet zone."""
        light = np.where(np.pad(self.modules, QUIET_MODULES), 0, 255).astype(np.uint8)
        return np.kron(light, np.ones((module_px, module_px), np.uint8))


def make_qr_code(text: str) -> Code:
    """Encode a text at level M, in the smallest version. Raises PrintTrouble where it does not fit."""
    try:
        made = segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError as trouble:
        raise PrintTrouble(f"The text is too long for a QR code: {len(text)} characters.") from trouble
    return Code(text, np.array(list(made.matrix), dtype=bool), made.designator)


def check_readable(code: Code, width_mm: float) -> None:
    """Read the code back as it will look in print, `width_mm` wide with its quiet zone. Raises PrintTrouble."""
    module_mm = width_mm / code.size_with_quiet_zone
    if module_mm < MIN_MODULE_MM:
        raise PrintTrouble(f"A code of {code.size} modules is too fine for {width_mm:.0f} mm. Print it larger.")
    module_px = int(module_mm / 25.4 * CHECK_DPI)
    found = [reading.data for reading in decode_image(code.render(module_px), is_known_format=is_known_format)]
    if code.text.encode("utf-8") not in found:
        raise PrintTrouble(
            f"Our own reader cannot read a code of {code.size} modules at {width_mm:.0f} mm. Nothing was written."
        )


def write_png(code: Code, path: Path, module_px: int = 10) -> None:
    """Write the picture as PNG."""
    segno.make_qr(code.text, error="m", boost_error=False).save(str(path), scale=module_px, border=QUIET_MODULES)
