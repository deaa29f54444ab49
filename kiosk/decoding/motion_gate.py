"""The motion gate: skips the search of frames that show nothing new.

A frame is compared with the last *searched* frame, not with the one before it: a code that moves into view slowly adds up to a
change. The gate closes only after several searches of a scene found nothing, so a code that is held still, or that was there at
the start, gets all stages. It opens again from time to time, for changes too faint to detect (a focus that settles).
"""

import cv2

from kiosk.core.frame import Luma

_MIN_THRESHOLD = 6.0  # grey levels of a cell of 64 pixels; sensor noise of 12 levels per pixel gives 2 levels here
_MAX_THRESHOLD = 16.0
_NOISE_FACTOR = 6.0
_MIN_CHANGED_CELLS = 3  # a code of 21 modules of 2 px covers 25 cells


class MotionGate:
    """Remembers one decimated frame. One thread."""

    def __init__(self, *, max_searches: int = 6, reopen_s: float = 8.0) -> None:
        """`max_searches`: searches of an unchanged scene before the gate closes. `reopen_s`: time until it is searched again."""
        self._max_searches = max_searches
        self._reopen_s = reopen_s
        self._reference: Luma | None = None
        self._searches_left = max_searches
        self._searched_s = float("-inf")

    def should_search(self, small: Luma, captured_s: float) -> bool:
        """Whether to search this frame. If true, the frame counts as searched."""
        if self._changed(small):
            self._searches_left = self._max_searches
        elif self._searches_left <= 0 and captured_s - self._searched_s < self._reopen_s:
            return False
        self._reference = small
        self._searches_left -= 1
        self._searched_s = captured_s
        return True

    def reset(self) -> None:
        """A code was found: search the following frames too."""
        self._searches_left = self._max_searches

    def _changed(self, small: Luma) -> bool:
        return has_changed(small, self._reference)


def has_changed(small: Luma, reference: Luma | None) -> bool:
    """Whether a decimated frame differs from the reference by more than noise. True if there is no reference."""
    if reference is None or reference.shape != small.shape:
        return True
    difference = cv2.absdiff(small, reference)
    threshold = min(max(_NOISE_FACTOR * cv2.mean(difference)[0], _MIN_THRESHOLD), _MAX_THRESHOLD)
    return cv2.countNonZero(cv2.threshold(difference, threshold, 1, cv2.THRESH_BINARY)[1]) >= _MIN_CHANGED_CELLS
