"""A named thread that calls a step function, which returns the delay until its next call."""

import logging
import threading
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Calls `step` until `stop` is set. An exception ends the thread and is reported to `on_crash`: systemd restarts the daemon."""

    def __init__(
        self, name: str, step: Callable[[], float], stop: threading.Event, on_crash: Callable[[str], None]
    ) -> None:
        self.name = name
        self._step = step
        self._stop = stop
        self._on_crash = on_crash
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread. Does nothing if it was started before."""
        if self._thread.ident is None:
            self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end. False if the thread still runs after `timeout_s`."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._step()):
                """The condition makes the step."""
        except Exception as error:  # noqa: BLE001  # every error must be logged and end the daemon
            log.critical("%s stopped: %s", self.name, error_summary(error))
            self._on_crash(self.name)


def error_summary(error: BaseException) -> str:
    """Type and place of an error, without its message, which may contain the text of a code."""
    frames = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {trail}"
