"""Reading one still picture: no budget, every stage; what heavy stages read needs two of them, or a known grammar."""

from collections.abc import Callable

import cv2

from kiosk.model import Luma, Reading
from kiosk.reading.cascade import nothing_known
from kiosk.reading.scene import Scene
from kiosk.reading.stages import heavy_stages, plain
from kiosk.reading.witness import distinct


def read_picture(luma: Luma, *, known: Callable[[bytes], bool] = nothing_known) -> tuple[Reading, ...]:
    """All distinct codes in a picture (uint8, height x width). Never raises on any picture."""
    if luma.ndim != 2 or not luma.size:
        return ()
    cv2.setNumThreads(1)
    scene = Scene(luma)
    readings = plain(scene).readings
    if readings:
        return distinct(readings)
    stages: dict[bytes, str] = {}
    for stage in heavy_stages():
        for found in stage.run(scene):
            believed = [
                reading
                for reading in distinct(found.readings)
                if stages.get(reading.data, reading.stage) != reading.stage or known(reading.data)
            ]
            if believed:
                return tuple(believed)
            stages.update((reading.data, reading.stage) for reading in found.readings)
    return ()
