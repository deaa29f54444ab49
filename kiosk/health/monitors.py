"""Monitors that keep state: how long the image has been frozen, dark or blurred, and by how much the clock was set.

One thread calls `observe`, any thread may read: the state is an immutable value that is replaced as a whole.
"""

import zlib
from dataclasses import dataclass, replace

from kiosk.core.frame import Frame
from kiosk.core.model import ClockReading, FrameQuality

_SAMPLE_STEP_PX = 8  # every 8th pixel of every 8th row: enough to see sensor noise, 15 kB of a 1280 x 720 frame


@dataclass(frozen=True, slots=True)
class FrameQualityThresholds:
    """Limits for `model.FrameQuality`, for uint8 luma."""

    dark_mean: float = 16.0
    bright_mean: float = 245.0
    flat_contrast: float = 6.0
    """Dark and bright count only below this contrast. A person's black jacket is dark but has contrast."""
    blurred_sharpness: float = 1.0
    """Less than the noise of a sensor behind a clean lens: the lens is covered, fogged or smeared."""


@dataclass(frozen=True, slots=True)
class _CameraRecord:
    captured_s: float
    fingerprint: int
    same_since_s: float
    dark_since_s: float | None
    bright_since_s: float | None
    blurred_since_s: float | None


class CameraMonitor:
    """Frame quality and for how long it has been bad."""

    def __init__(self, started_s: float, limits: FrameQualityThresholds = FrameQualityThresholds()) -> None:
        """`started_s`: monotonic time. Until the first frame, `frame_age_s` counts from it."""
        self._limits = limits
        self._started_s = started_s
        self._last: _CameraRecord | None = None

    def observe(self, frame: Frame, quality: FrameQuality | None) -> None:
        """Record a frame. `quality` None: not measured, so the last known quality stays."""
        now_s = frame.captured_s
        sample = frame.luma[::_SAMPLE_STEP_PX, ::_SAMPLE_STEP_PX].tobytes()
        fingerprint = zlib.crc32(sample)
        previous = self._last or _CameraRecord(now_s, ~fingerprint, now_s, None, None, None)
        record = replace(previous, captured_s=now_s, fingerprint=fingerprint)
        if fingerprint != previous.fingerprint:
            record = replace(record, same_since_s=now_s)
        if quality is not None:
            limits = self._limits
            flat = quality.contrast < limits.flat_contrast
            dark = flat and quality.mean_luma < limits.dark_mean
            bright = flat and quality.mean_luma > limits.bright_mean
            blurred = not dark and not bright and quality.sharpness < limits.blurred_sharpness
            record = replace(
                record,
                dark_since_s=_since(now_s, previous.dark_since_s, bad=dark),
                bright_since_s=_since(now_s, previous.bright_since_s, bad=bright),
                blurred_since_s=_since(now_s, previous.blurred_since_s, bad=blurred),
            )
        self._last = record

    @property
    def has_frame(self) -> bool:
        """False until the first frame."""
        return self._last is not None

    def frame_age_s(self, now_s: float) -> float:
        """Since the last frame. Before the first: since the start."""
        return max(0.0, now_s - (self._last.captured_s if self._last else self._started_s))

    def frozen_s(self) -> float:
        """How long all frames have been identical."""
        return self._last.captured_s - self._last.same_since_s if self._last else 0.0

    def dark_s(self) -> float:
        """How long the image has been black."""
        return self._duration_s(self._last.dark_since_s if self._last else None)

    def bright_s(self) -> float:
        """How long the image has been white."""
        return self._duration_s(self._last.bright_since_s if self._last else None)

    def blurred_s(self) -> float:
        """How long no part of the image has been sharp."""
        return self._duration_s(self._last.blurred_since_s if self._last else None)

    def _duration_s(self, since_s: float | None) -> float:
        return self._last.captured_s - since_s if self._last and since_s is not None else 0.0


class ClockMonitor:
    """Detects that the wall clock was set, by comparison with the monotonic clock."""

    def __init__(self, *, report_for_s: float = 60.0, min_jump_s: float = 2.0) -> None:
        """Changes below `min_jump_s` are the slewing of a time daemon. A jump is reported for `report_for_s`."""
        self._report_for_s = report_for_s
        self._min_jump_s = min_jump_s
        self._offset_s: float | None = None
        self._jump_s = 0.0
        self._jumped_s = 0.0

    def observe(self, now: ClockReading) -> float:
        """Seconds by which the clock was set lately, else 0. Call it from one thread only."""
        offset_s = now.utc_at.timestamp() - now.monotonic_s
        before_s, self._offset_s = self._offset_s, offset_s
        if before_s is not None and abs(offset_s - before_s) >= self._min_jump_s:
            self._jump_s, self._jumped_s = offset_s - before_s, now.monotonic_s
        return self._jump_s if now.monotonic_s - self._jumped_s < self._report_for_s else 0.0


WEB_START_S = 60.0
"""So long may an expected web UI take to start before it is missed."""


class WebMonitor:
    """Detects that the web UI stopped after it ran, or never ran though it is expected. Call it from one thread only."""

    def __init__(self, *, expected: bool = False) -> None:
        """`expected`: the site has a web UI, so that one that cannot start is a fault, for example for its certificate."""
        self._expected = expected
        self._first_s: float | None = None
        self._seen_s: float | None = None

    def observe(self, now_s: float, *, listening: bool | None) -> float | None:
        """Seconds since it last listened. None if it never did, as long as it is not expected or may still be starting."""
        self._first_s = now_s if self._first_s is None else self._first_s
        if listening:
            self._seen_s = now_s
        if self._seen_s is not None:
            return now_s - self._seen_s
        waited_s = now_s - self._first_s
        return waited_s if self._expected and waited_s > WEB_START_S else None


def _since(now_s: float, before_s: float | None, *, bad: bool) -> float | None:
    if not bad:
        return None
    return now_s if before_s is None else before_s
