"""The decoder cascade: fast stages on each frame, slow stages in turn within a time budget, and confirmation of slow results."""

import time
from collections.abc import Callable

import cv2

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodedCode, DecodeResult, FrameQuality
from kiosk.decoding.confirmation import CodeConfirmation, unique_codes
from kiosk.decoding.frame_quality import decimate_frame, measure_quality
from kiosk.decoding.motion_gate import MotionGate
from kiosk.decoding.scene import Scene
from kiosk.decoding.stages import Stage, make_beside_stage, make_slow_stages, run_fast_stage

LARGEST_SIDE_PX = 16_384
"""OpenCV does not sample images with a side of 32767 px or more."""
_MIN_BUDGET_S = 0.030  # replayed images come faster than those of any camera
_FIRST_INTERVAL_S, _MAX_INTERVAL_S = 1 / 15, 0.25


def no_known_format(data: bytes) -> bool:  # noqa: ARG001  (the signature is the port)
    """Used if no known formats are given. Each code from a slow stage then needs a second confirmation."""
    return False


class Cascade:
    """Decoder (ports.py) on zxing-cpp and zbar. Owned by one thread. Never raises, whatever the image."""

    def __init__(
        self,
        *,
        is_known_format: Callable[[bytes], bool] = no_known_format,
        frame_budget_s: float | None = None,
        budget_share: float = 0.6,
        motion_gate: bool = True,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`is_known_format`: whether bytes fit a format that has a check of its own.

        `frame_budget_s`: mean time per frame for slow stages. None: `budget_share` of the measured frame interval. The rest is
        left for camera, store and web UI.
        """
        # The other cores belong to camera, store and delivery. More OpenCV threads cost more than they gain here.
        cv2.setNumThreads(1)
        self._confirmation = CodeConfirmation(is_known_format)
        self._fixed_budget_s = frame_budget_s
        self._budget_share = budget_share
        self._interval_s = _FIRST_INTERVAL_S
        self._last_captured_s: float | None = None
        self._motion_gate = MotionGate() if motion_gate else None
        self._clock_s = clock_s
        self._slow_stages = make_slow_stages()
        self._next_stage = 0
        self._budget_left_s = self._budget_s()
        self._costs_s: dict[str, float] = {}
        self._last_quality: FrameQuality | None = None

    def decode(self, frame: Frame) -> DecodeResult:
        """All distinct confirmed codes in the frame, and its quality."""
        luma = frame.luma
        if luma.ndim != 2 or not luma.size or max(luma.shape) > LARGEST_SIDE_PX:
            return DecodeResult()
        self._update_interval(frame.captured_s)
        small = decimate_frame(luma)
        if self._motion_gate is not None and not self._motion_gate.should_search(small, frame.captured_s):
            return DecodeResult(frame_quality=self._static_quality(luma, small))
        self._last_quality = measure_quality(luma, small)
        readings = self._run_stages(luma, frame.captured_s)
        if readings and self._motion_gate is not None:
            self._motion_gate.reset()
        return DecodeResult(readings, self._last_quality)

    def _static_quality(self, luma: Luma, small: Luma) -> FrameQuality:
        seen = self._last_quality or measure_quality(luma, small)
        return FrameQuality(seen.mean_luma, seen.contrast, seen.sharpness, is_static=True)

    def _run_stages(self, luma: Luma, captured_s: float) -> tuple[DecodedCode, ...]:
        scene = Scene(luma)
        readings = run_fast_stage(scene).codes
        if readings:
            believed = self._confirmation.accept_fast(readings, captured_s)
            return unique_codes((*believed, *self._look_beside(scene, readings, captured_s)))
        self._budget_left_s = min(self._budget_left_s, self._most_expensive_s()) + self._budget_s()
        first, *others = self._slow_stages
        turns = [first, *(others[(self._next_stage + i) % len(others)] for i in range(len(others)))]
        for stage in turns:
            if self._costs_s.get(stage.name, 0.0) > self._budget_left_s:
                break
            self._next_stage += stage is not first
            believed = self._run_slow_stage(stage, scene, captured_s)
            if believed:
                return believed
        return ()

    def _look_beside(
        self, scene: Scene, readings: tuple[DecodedCode, ...], captured_s: float
    ) -> tuple[DecodedCode, ...]:
        """A further code that only a slow stage reads, if the budget allows it."""
        self._budget_left_s = min(self._budget_left_s, self._most_expensive_s()) + self._budget_s()
        stage = make_beside_stage(readings)
        if self._costs_s.get(stage.name, 0.0) > self._budget_left_s:
            return ()
        return self._run_slow_stage(stage, scene, captured_s)

    def _budget_s(self) -> float:
        return (
            self._fixed_budget_s
            if self._fixed_budget_s is not None
            else max(_MIN_BUDGET_S, self._budget_share * self._interval_s)
        )

    def _update_interval(self, captured_s: float) -> None:
        """The budget grows slowly and shrinks fast: frames skipped because decoding was slow must not lengthen it."""
        if self._last_captured_s is not None and captured_s > self._last_captured_s:
            interval_s = min(captured_s - self._last_captured_s, _MAX_INTERVAL_S)
            weight = 0.3 if interval_s < self._interval_s else 0.02
            self._interval_s += weight * (interval_s - self._interval_s)
        self._last_captured_s = captured_s

    def _most_expensive_s(self) -> float:
        """Limit for the saved budget: enough for the most expensive stage, so that it also runs on a slow machine."""
        return max(self._costs_s.values(), default=0.0)

    def _run_slow_stage(self, stage: Stage, scene: Scene, captured_s: float) -> tuple[DecodedCode, ...]:
        """Run one stage. Stop at the first result with a confirmed code."""
        started_s = self._clock_s()
        believed: tuple[DecodedCode, ...] = ()
        for found in stage.run(scene):
            believed = self._confirmation.confirm_slow(found.codes, captured_s)
            if believed:
                break
        took_s = self._clock_s() - started_s
        self._budget_left_s -= took_s
        self._costs_s[stage.name] = 0.8 * self._costs_s.get(stage.name, took_s) + 0.2 * took_s
        return believed
