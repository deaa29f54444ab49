"""Reading one still picture: no budget, every stage; what heavy stages read needs two of them, or a known grammar."""

from collections.abc import Callable

import cv2

from kiosk.model import Luma, Reading
from kiosk.reading.cascade import nothing_known
from kiosk.reading.scene import Scene
from kiosk.reading.stages import heavy_stages, plain
from kiosk.reading.witness import Witnesses

_ONE_PICTURE_S = 0.0


def read_picture(luma: Luma, *, known: Callable[[bytes], bool] = nothing_known) -> tuple[Reading, ...]:
    """All distinct codes in a picture (uint8, height x width). Never raises on any picture."""
    if luma.ndim != 2 or not luma.size:
        return ()
    cv2.setNumThreads(1)
    scene = Scene(luma)
    witnesses = Witnesses(known)
    readings = plain(scene).readings
    if readings:
        return witnesses.of_light(readings, _ONE_PICTURE_S)
    for stage in heavy_stages():
        for found in stage.run(scene):
            believed = witnesses.of_heavy(found.readings, _ONE_PICTURE_S)
            if believed:
                return believed
    return ()
