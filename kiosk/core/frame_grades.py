"""Grades of a camera image on scales that people understand: light, contrast and focus. Without numpy, for the pages."""

from enum import StrEnum

MIN_LUMA, MAX_LUMA = 45.0, 215.0
MIN_CONTRAST = 8.0
MIN_SHARPNESS = 30.0
"""Of the frame's middle at half size. Sensor noise alone stays below this. A code or a face in focus is far above."""


class FrameGrade(StrEnum):
    """One grade. Its words are the message `frame-grade.VALUE` of the catalogues."""

    GOOD = "good"
    DARK = "dark"
    BRIGHT = "bright"
    LOW = "low"
    """Contrast: fog, a smeared lens or glare."""
    SOFT = "soft"
    """Focus: blurred, or nothing with edges is in view."""


def light_grade(mean_luma: float) -> FrameGrade:
    """Of the mean luma, 0 to 255."""
    if mean_luma < MIN_LUMA:
        return FrameGrade.DARK
    return FrameGrade.BRIGHT if mean_luma > MAX_LUMA else FrameGrade.GOOD


def contrast_grade(contrast: float) -> FrameGrade:
    """Of the standard deviation of the luma."""
    return FrameGrade.LOW if contrast < MIN_CONTRAST else FrameGrade.GOOD


def focus_grade(sharpness: float) -> FrameGrade:
    """Of the variance of the edges."""
    return FrameGrade.SOFT if sharpness < MIN_SHARPNESS else FrameGrade.GOOD
