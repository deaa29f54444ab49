"""Both buttons of the guard held together: an act that never happens by accident. While both are down, neither acts alone."""

import logging
import threading
from collections.abc import Callable, Sequence

from kiosk.hardware.gpio.buttons import GuardButton

POLL_S = 0.1
_log = logging.getLogger(__name__)


class HoldTimer:
    """Counts how long something has been held without a break. Pure."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._held_s = 0.0
        self._is_done = False

    def advance(self, elapsed_s: float, *, held: bool) -> bool:
        """True once, when it has been held for long enough. It counts again after a release."""
        if not held:
            self._held_s, self._is_done = 0.0, False
            return False
        self._held_s += elapsed_s
        if self._is_done or self._held_s < self._hold_s:
            return False
        self._is_done = True
        return True


class BothHeld:
    """Calls `action` in a thread of its own after all buttons were held for `hold_s`. `close`: any thread."""

    def __init__(self, hold_s: float, action: Callable[[], object]) -> None:
        self._timer = HoldTimer(hold_s)
        self._action = action
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, buttons: Sequence[GuardButton]) -> None:
        """Begin to watch. From now on a held button does nothing while another one is down."""
        for button in buttons:
            others = [other for other in buttons if other is not button]
            button.is_overridden = lambda others=others: any(other.is_pressed for other in others)  # type: ignore[misc]
        self._thread = threading.Thread(target=self._run, args=(buttons,), name="both-buttons", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, buttons: Sequence[GuardButton]) -> None:
        while not self._stop.wait(POLL_S):
            held = all(button.is_pressed for button in buttons)
            if self._timer.advance(POLL_S, held=held):
                try:
                    self._action()
                except OSError as error:  # the disk is full or gone: the buttons can be held again
                    _log.error("both buttons were held, but nothing could be done: %s", error)
