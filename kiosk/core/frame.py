"""One picture, on its way from camera to reading: apart from kiosk/core/model.py, so that only who holds pictures loads numpy."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture. The receiver may read `luma` until it asks for the next frame, and never writes to it."""

    luma: Luma = field(repr=False)
    """uint8 (height, width): the Y plane."""
    number: int
    """Counts up within one life of one camera."""
    captured_s: float
    """Monotonic time at which the driver had the picture."""
