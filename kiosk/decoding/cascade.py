"""The cascade: cheap stages on every frame, heavy ones in turn within a budget, no reading without its witness."""

import time
from collections.abc import Callable

import cv2

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodedCode, DecodeResult, FrameQuality
from kiosk.decoding.confirmation import Witnesses
from kiosk.decoding.frame_quality import decimate, view_of
from kiosk.decoding.motion_gate import MotionGate
from kiosk.decoding.scene import Scene
from kiosk.decoding.stages import Stage, heavy_stages, plain

LARGEST_SIDE_PX = 16_384
"""OpenCV samples no picture with a side of 32767 px or more."""
_LEAST_BUDGET_S = 0.030  # replayed pictures come faster than any camera's
_FIRST_INTERVAL_S, _LONGEST_INTERVAL_S = 1 / 15, 0.25


def nothing_known(data: bytes) -> bool:  # noqa: ARG001  (the signature is the port)
    """The `known` of a cascade without grammars: every heavy reading needs a second witness."""
    return False


class Cascade:
    """Decoder (ports.py) on zxing-cpp and zbar. Owned by one thread; never raises on any picture."""

    def __init__(
        self,
        *,
        is_known_format: Callable[[bytes], bool] = nothing_known,
        frame_budget_s: float | None = None,
        budget_share: float = 0.6,
        motion_gate: bool = True,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`known`: whether bytes fit a code with a check of its own. `frame_budget_s`: heavy stages' mean time per frame; None:
        `budget_share` of the measured interval between frames, so that the rest is left for camera, store and pages."""
        # The other cores belong to camera, store and courier; threads cost more than they bring here.
        cv2.setNumThreads(1)
        self._witnesses = Witnesses(is_known_format)
        self._fixed_budget_s = frame_budget_s
        self._budget_share = budget_share
        self._interval_s = _FIRST_INTERVAL_S
        self._captured_s: float | None = None
        self._motion = MotionGate() if motion_gate else None
        self._clock_s = clock_s
        self._heavy = heavy_stages()
        self._turn = 0
        self._saved_s = self._budget_s()
        self._costs_s: dict[str, float] = {}
        self._view: FrameQuality | None = None

    def read(self, frame: Frame) -> DecodeResult:
        """All distinct codes in the frame that are beyond doubt, and what the frame says about the view."""
        luma = frame.luma
        if luma.ndim != 2 or not luma.size or max(luma.shape) > LARGEST_SIDE_PX:
            return DecodeResult()
        self._note_interval(frame.captured_s)
        small = decimate(luma)
        if self._motion is not None and not self._motion.wants(small, frame.captured_s):
            return DecodeResult(frame_quality=self._still_view(luma, small))
        self._view = view_of(luma, small)
        readings = self._search(luma, frame.captured_s)
        if readings and self._motion is not None:
            self._motion.keep_open()
        return DecodeResult(readings, self._view)

    def _still_view(self, luma: Luma, small: Luma) -> FrameQuality:
        seen = self._view or view_of(luma, small)
        return FrameQuality(seen.mean_luma, seen.contrast, seen.sharpness, is_static=True)

    def _search(self, luma: Luma, captured_s: float) -> tuple[DecodedCode, ...]:
        scene = Scene(luma)
        readings = plain(scene).readings
        if readings:
            return self._witnesses.of_light(readings, captured_s)
        self._saved_s = min(self._saved_s, self._dearest_s()) + self._budget_s()
        first, *others = self._heavy
        turns = [first, *(others[(self._turn + i) % len(others)] for i in range(len(others)))]
        for stage in turns:
            if self._costs_s.get(stage.name, 0.0) > self._saved_s:
                break
            self._turn += stage is not first
            believed = self._run_heavy(stage, scene, captured_s)
            if believed:
                return believed
        return ()

    def _budget_s(self) -> float:
        return (
            self._fixed_budget_s
            if self._fixed_budget_s is not None
            else max(_LEAST_BUDGET_S, self._budget_share * self._interval_s)
        )

    def _note_interval(self, captured_s: float) -> None:
        """Frames skipped because reading took long must not make the budget longer: it grows slowly and shrinks fast."""
        if self._captured_s is not None and captured_s > self._captured_s:
            interval_s = min(captured_s - self._captured_s, _LONGEST_INTERVAL_S)
            weight = 0.3 if interval_s < self._interval_s else 0.02
            self._interval_s += weight * (interval_s - self._interval_s)
        self._captured_s = captured_s

    def _dearest_s(self) -> float:
        """How much budget may be saved up: enough for the dearest stage, so that it gets its turn on a slow machine as well."""
        return max(self._costs_s.values(), default=0.0)

    def _run_heavy(self, stage: Stage, scene: Scene, captured_s: float) -> tuple[DecodedCode, ...]:
        """Stop at the first look that leaves no doubt."""
        started_s = self._clock_s()
        believed: tuple[DecodedCode, ...] = ()
        for found in stage.run(scene):
            believed = self._witnesses.of_heavy(found.readings, captured_s)
            if believed:
                break
        took_s = self._clock_s() - started_s
        self._saved_s -= took_s
        self._costs_s[stage.name] = 0.8 * self._costs_s.get(stage.name, took_s) + 0.2 * took_s
        return believed
