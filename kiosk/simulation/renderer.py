"""Renders camera frames of a gate: a hall, and a phone or card with a code, tilted, blurred and noisy."""

import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from kiosk.core.frame import Luma

_FRAMES_PER_SCENE = 6  # different frames of one scene; they repeat
_QUIET_MODULES = 4
_CELL_PX = 8  # resolution of the flat card before it is drawn into the frame
_SENSOR_NOISE = 3.0  # standard deviation, of 255


class FrameRenderer:
    """Renders frames of one size. Scenes are rendered once and cached, so that rendering is as fast as decoding."""

    def __init__(self, width: int, height: int, seed: int = 1) -> None:
        self._width = width
        self._height = height
        self._rng = np.random.default_rng(seed)
        self._background = self._render_background()
        self._scenes: dict[tuple[bytes, ...], list[Luma]] = {}

    def render(self, codes: Sequence[bytes], number: int) -> Luma:
        """uint8 (height, width): frame `number` of the scene with these codes. The caller must not write to it."""
        key = tuple(codes)
        if key not in self._scenes:
            self._scenes[key] = [self._render_scene(key, pose) for pose in range(_FRAMES_PER_SCENE)]
        return self._scenes[key][number % _FRAMES_PER_SCENE]

    def _render_scene(self, codes: tuple[bytes, ...], pose: int) -> Luma:
        rng = np.random.default_rng([zlib.crc32(code) for code in codes] + [pose])
        frame = self._background.copy()
        for place, code in enumerate(codes):
            self._draw_card(frame, render_card(code), (place + 0.5) / len(codes), 1 / len(codes), rng)
        soft = cv2.GaussianBlur(frame, (0, 0), float(rng.uniform(0.4, 0.9)))
        noisy = soft + rng.standard_normal(frame.shape, dtype=np.float32) * _SENSOR_NOISE
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def _render_background(self) -> NDArray[np.float32]:
        across = np.linspace(70, 130, self._width, dtype=np.float32)[None, :]
        down = np.linspace(20, -25, self._height, dtype=np.float32)[:, None]
        hall: NDArray[np.float32] = np.ascontiguousarray(across + down)
        for _ in range(14):  # door frames, shelves, distant people
            x, y = int(self._rng.integers(self._width)), int(self._rng.integers(self._height))
            wide, high = int(self._rng.integers(20, 240)), int(self._rng.integers(40, 400))
            cv2.rectangle(
                hall, (x, y), (x + wide, y + high), float(self._rng.uniform(30, 190)), int(self._rng.integers(1, 9))
            )
        blurred: NDArray[np.float32] = cv2.GaussianBlur(hall, (0, 0), 2.0).astype(np.float32)
        return blurred

    def _draw_card(
        self, frame: NDArray[np.float32], card: Luma, centre: float, share: float, rng: np.random.Generator
    ) -> None:
        """Draw the flat card into the frame, slightly rotated and tilted, in its share of the width."""
        side = min(0.62 * self._height, 0.8 * share * self._width) * float(rng.uniform(0.85, 1.0))
        middle = np.array([centre * self._width, 0.5 * self._height]) + rng.uniform(-12, 12, 2)
        turn, lean = np.deg2rad(rng.uniform(-12, 12)), float(rng.uniform(0.0, 0.12))
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
        corners[:, 0] *= 1 - lean * (corners[:, 1] + 0.5)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        target = (corners @ rotation.T * side + middle).astype(np.float32)
        size = card.shape[0]
        source = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
        warp = cv2.getPerspectiveTransform(source, target)
        whole = (self._width, self._height)
        laid = cv2.warpPerspective(card, warp, whole, flags=cv2.INTER_AREA)
        mask = cv2.warpPerspective(np.full_like(card, 255), warp, whole)
        np.copyto(frame, laid.astype(np.float32) * 0.85 + 12, where=mask > 127)


def render_card(code: bytes) -> Luma:
    """A card seen straight on, uint8 (side, side): the QR code at level M with its quiet zone on white."""
    symbol = segno.make(code, error="m", boost_error=False, micro=False)
    modules = np.array([[bool(value) for value in row] for row in symbol.matrix])
    quiet = np.pad(~modules, _QUIET_MODULES, constant_values=True)
    card: Luma = np.kron(quiet, np.full((_CELL_PX, _CELL_PX), 1, np.uint8)).astype(np.uint8) * 235 + 10
    return card
