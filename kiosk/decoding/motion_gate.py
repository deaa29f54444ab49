"""The motion gate: is there anything in this frame that the last search has not seen?

A frame is compared with the frame that was last *searched*, not with the one before it, so that a code which creeps into view
adds up to a change. The gate closes only after a scene was searched several times in vain, so a code that is held still, or
that was there at the start, gets every stage; and it opens again by itself from time to time, for changes too faint to see
(a focus that settles).
"""

import cv2

from kiosk.core.frame import Luma

_FAINTEST = 6.0  # grey levels of a cell of 64 pixels; sensor noise of 12 levels a pixel is 2 levels here
_PLAINEST = 16.0
_NOISE_FACTOR = 6.0
_CELLS = 3  # a code of 21 modules of 2 px covers 25 cells


class MotionGate:
    """Remembers one decimated frame. One thread."""

    def __init__(self, *, max_searches: int = 6, reopen_s: float = 8.0) -> None:
        """`searches`: of an unchanged scene before the gate closes. `reopen_s`: after how long it is searched once more."""
        self._searches = max_searches
        self._reopen_s = reopen_s
        self._reference: Luma | None = None
        self._left = max_searches
        self._searched_s = float("-inf")

    def wants(self, small: Luma, captured_s: float) -> bool:
        """Whether this frame is to be searched. When it says yes it takes the frame for searched."""
        if self._changed(small):
            self._left = self._searches
        elif self._left <= 0 and captured_s - self._searched_s < self._reopen_s:
            return False
        self._reference = small
        self._left -= 1
        self._searched_s = captured_s
        return True

    def keep_open(self) -> None:
        """Something was found: the scene is worth every frame."""
        self._left = self._searches

    def _changed(self, small: Luma) -> bool:
        return has_changed(small, self._reference)


def has_changed(small: Luma, reference: Luma | None) -> bool:
    """Whether a decimated frame shows more than another one and noise; yes where there is no other to compare with."""
    if reference is None or reference.shape != small.shape:
        return True
    difference = cv2.absdiff(small, reference)
    threshold = min(max(_NOISE_FACTOR * cv2.mean(difference)[0], _FAINTEST), _PLAINEST)
    return cv2.countNonZero(cv2.threshold(difference, threshold, 1, cv2.THRESH_BINARY)[1]) >= _CELLS
