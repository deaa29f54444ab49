"""A named thread that steps: nothing sleeps, each step returns the delay until the next one."""

import logging
import threading
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Runs `step` until `stop` is set. An exception ends it for good and is told to `crashed`: crash only, systemd restarts."""

    def __init__(
        self, name: str, step: Callable[[], float], stop: threading.Event, on_crash: Callable[[str], None]
    ) -> None:
        self.name = name
        self._step = step
        self._stop = stop
        self._on_crash = on_crash
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, if it has not been started."""
        if self._thread.ident is None:
            self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when the thread still runs after `timeout_s`."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._step()):
                """Each turn is one step."""
        except Exception as error:  # noqa: BLE001  # the thread's last line of defence: say it, then end the daemon
            log.critical("%s stopped: %s", self.name, error_summary(error))
            self._on_crash(self.name)


def error_summary(error: BaseException) -> str:
    """Type and place of an error, without its message: a message may quote what a person showed (law 2)."""
    places = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno} {place.name}" for place in reversed(places))
    return f"{type(error).__name__} at {trail}"
