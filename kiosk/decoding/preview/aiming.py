"""Advice for mounting the camera: from measurements of its view to codes for distance, light and focus."""

from enum import StrEnum

from kiosk.core.frame_grades import FrameGrade, contrast_grade, focus_grade, light_grade
from kiosk.core.model import Corners, FrameQuality

MIN_MODULE_PX, COMFORTABLE_MODULE_PX, MAX_MODULE_PX = 2.5, 4.0, 14.0
"""2 px per module is the physical limit. From 4 px on, all engines read."""

EDGE_SHARE = 0.25
"""Share of width and height, on each side, in which a code counts as near the edge."""


class AimingAdvice(StrEnum):
    """One advice. Its words are the message `aiming-advice.VALUE` of the catalogues."""

    TOO_DARK = "too-dark"
    TOO_BRIGHT = "too-bright"
    LOW_CONTRAST = "low-contrast"
    OUT_OF_FOCUS = "out-of-focus"
    NO_CODE = "no-code"
    TOO_FAR = "too-far"
    SLIGHTLY_FAR = "slightly-far"
    TOO_NEAR = "too-near"
    NEAR_EDGE = "near-edge"
    GOOD = "good"

    @property
    def is_ok(self) -> bool:
        """Nothing has to be changed."""
        return self in (AimingAdvice.SLIGHTLY_FAR, AimingAdvice.GOOD)


def aiming_advice(
    quality: FrameQuality, module_px: float | None, *, near_edge: bool = False
) -> tuple[AimingAdvice, ...]:
    """What to change, most urgent first. GOOD alone if nothing has to be changed.

    `module_px`: of the last code read, if any. `near_edge`: that code was near the edge of the picture.
    """
    found = [*_light_advice(quality), *_distance_advice(module_px), *([AimingAdvice.NEAR_EDGE] if near_edge else [])]
    return tuple(found) or (AimingAdvice.GOOD,)


def is_near_edge(corners: Corners, size_px: tuple[int, int]) -> bool:
    """Whether the middle of a code is in the outer quarter of an image (width, height) on any side."""
    x, y = (sum(corner[axis] for corner in corners) / 4 / size_px[axis] for axis in (0, 1))
    return not (EDGE_SHARE <= x <= 1 - EDGE_SHARE and EDGE_SHARE <= y <= 1 - EDGE_SHARE)


def _light_advice(quality: FrameQuality) -> list[AimingAdvice]:
    light = light_grade(quality.mean_luma)
    if light is not FrameGrade.GOOD:
        return [AimingAdvice.TOO_DARK if light is FrameGrade.DARK else AimingAdvice.TOO_BRIGHT]
    if contrast_grade(quality.contrast) is not FrameGrade.GOOD:
        return [AimingAdvice.LOW_CONTRAST]
    return [] if focus_grade(quality.sharpness) is FrameGrade.GOOD else [AimingAdvice.OUT_OF_FOCUS]


def _distance_advice(module_px: float | None) -> list[AimingAdvice]:
    if module_px is None:
        return [AimingAdvice.NO_CODE]
    if module_px < MIN_MODULE_PX:
        return [AimingAdvice.TOO_FAR]
    if module_px < COMFORTABLE_MODULE_PX:
        return [AimingAdvice.SLIGHTLY_FAR]
    return [AimingAdvice.TOO_NEAR] if module_px > MAX_MODULE_PX else []
