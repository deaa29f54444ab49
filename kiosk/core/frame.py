"""A camera frame. Separate from model.py so that only code that handles images imports numpy."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One camera image. The receiver may read `luma` until it asks for the next frame. It must not write to it."""

    luma: Luma = field(repr=False)
    """uint8 (height, width): the Y plane."""
    number: int
    """Counts up from the moment the camera is opened."""
    captured_s: float
    """Monotonic time at which the driver received the image."""
