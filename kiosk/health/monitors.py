"""Measures with a memory: since when the picture has been frozen, dark or blurred; by how much the clock was set.

One thread notes, any thread asks: what was noted is replaced as a whole, never changed.
"""

import zlib
from dataclasses import dataclass, replace

from kiosk.core.frame import Frame
from kiosk.core.model import ClockReading, FrameQuality

_SAMPLE_STEP_PX = 8  # every 8th pixel of every 8th row: enough to meet a sensor's noise, 15 kB of a 1280 x 720 picture


@dataclass(frozen=True, slots=True)
class FrameQualityThresholds:
    """Which view is bad. Values of model.View, for uint8 luma."""

    dark_mean: float = 16.0
    bright_mean: float = 245.0
    flat_contrast: float = 6.0
    """Dark or bright, and nothing to be seen in it: somebody's black jacket is dark and has contrast."""
    blurred_sharpness: float = 1.0
    """Below what a sensor's own noise gives behind a clean lens: covered, fogged, or smeared."""


@dataclass(frozen=True, slots=True)
class _CameraRecord:
    captured_s: float
    fingerprint: int
    same_since_s: float
    dark_since_s: float | None
    bright_since_s: float | None
    blurred_since_s: float | None


class CameraMonitor:
    """What the pictures have been like, and for how long."""

    def __init__(self, started_s: float, limits: FrameQualityThresholds = FrameQualityThresholds()) -> None:
        """`started_s`: monotonic; until the first picture, its age counts from there."""
        self._limits = limits
        self._started_s = started_s
        self._last: _CameraRecord | None = None

    def observe(self, frame: Frame, quality: FrameQuality | None) -> None:
        """A picture was taken and looked at. `view` None: nobody measured it; the last judgement of the view stays."""
        now_s = frame.captured_s
        sample = frame.luma[::_SAMPLE_STEP_PX, ::_SAMPLE_STEP_PX].tobytes()
        found = zlib.crc32(sample)
        before = self._last or _CameraRecord(now_s, ~found, now_s, None, None, None)
        noted = replace(before, captured_s=now_s, fingerprint=found)
        if found != before.fingerprint:
            noted = replace(noted, same_since_s=now_s)
        if quality is not None:
            limits = self._limits
            flat = quality.contrast < limits.flat_contrast
            dark = flat and quality.mean_luma < limits.dark_mean
            bright = flat and quality.mean_luma > limits.bright_mean
            blurred = not dark and not bright and quality.sharpness < limits.blurred_sharpness
            noted = replace(
                noted,
                dark_since_s=_since(now_s, before.dark_since_s, bad=dark),
                bright_since_s=_since(now_s, before.bright_since_s, bad=bright),
                blurred_since_s=_since(now_s, before.blurred_since_s, bad=blurred),
            )
        self._last = noted

    @property
    def has_frame(self) -> bool:
        """At least one picture was noted."""
        return self._last is not None

    def frame_age_s(self, now_s: float) -> float:
        """Since the last picture; before the first, since the start."""
        return max(0.0, now_s - (self._last.captured_s if self._last else self._started_s))

    def frozen_s(self) -> float:
        """How long the pictures have all been the same."""
        return self._last.captured_s - self._last.same_since_s if self._last else 0.0

    def dark_s(self) -> float:
        """How long it has been black."""
        return self._duration_s(self._last.dark_since_s if self._last else None)

    def bright_s(self) -> float:
        """How long it has been white."""
        return self._duration_s(self._last.bright_since_s if self._last else None)

    def blurred_s(self) -> float:
        """How long nothing has been sharp."""
        return self._duration_s(self._last.blurred_since_s if self._last else None)

    def _duration_s(self, since_s: float | None) -> float:
        return self._last.captured_s - since_s if self._last and since_s is not None else 0.0


class ClockMonitor:
    """By how much somebody set the wall clock, against the monotonic one."""

    def __init__(self, *, report_for_s: float = 60.0, min_jump_s: float = 2.0) -> None:
        """Smaller differences than `least_s` are a time daemon's slewing; a jump is told for `remember_s`."""
        self._report_for_s = report_for_s
        self._min_jump_s = min_jump_s
        self._offset_s: float | None = None
        self._jump_s = 0.0
        self._jumped_s = 0.0

    def observe(self, now: ClockReading) -> float:
        """Seconds that the clock was last set by, if that was lately, else 0. One thread."""
        offset_s = now.utc_at.timestamp() - now.monotonic_s
        before_s, self._offset_s = self._offset_s, offset_s
        if before_s is not None and abs(offset_s - before_s) >= self._min_jump_s:
            self._jump_s, self._jumped_s = offset_s - before_s, now.monotonic_s
        return self._jump_s if now.monotonic_s - self._jumped_s < self._report_for_s else 0.0


class WebMonitor:
    """Whether the page, once seen, is still there. One thread."""

    def __init__(self) -> None:
        self._seen_s: float | None = None

    def observe(self, now_s: float, *, listening: bool | None) -> float | None:
        """Seconds since it was last seen; None where it never was: a site without a page misses none."""
        if listening:
            self._seen_s = now_s
        return None if self._seen_s is None else now_s - self._seen_s


def _since(now_s: float, before_s: float | None, *, bad: bool) -> float | None:
    if not bad:
        return None
    return now_s if before_s is None else before_s
