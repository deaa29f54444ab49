"""Reading one still picture: no budget, every stage; what heavy stages read needs two of them, or a known grammar."""

from collections.abc import Callable

import cv2

from kiosk.model import Corners, Luma, Reading
from kiosk.reading.cascade import nothing_known
from kiosk.reading.stages import heavy_stages, light_stages
from kiosk.reading.witness import distinct


def read_picture(luma: Luma, *, known: Callable[[bytes], bool] = nothing_known) -> tuple[Reading, ...]:
    """All distinct codes in a picture (uint8, height x width). Never raises on any picture."""
    if luma.ndim != 2 or not luma.size:
        return ()
    cv2.setNumThreads(1)
    hints: list[Corners] = []
    for stage in light_stages():
        found = stage.run(luma, tuple(hints))
        hints.extend(found.unfinished)
        if found.readings:
            return distinct(found.readings)
    seen: dict[bytes, Reading] = {}
    for stage in heavy_stages():
        readings = distinct(stage.run(luma, tuple(hints)).readings)
        believed = tuple(reading for reading in readings if reading.data in seen or known(reading.data))
        if believed:
            return believed
        seen.update((reading.data, reading) for reading in readings)
    return ()
