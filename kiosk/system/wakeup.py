"""What wakes the main thread: a signal from the system or news from another thread, over one self-pipe.

A threading.Event will not do: `set` from a signal handler deadlocks when the handler interrupts `wait` in the same thread.
"""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Self


class Doorbell:
    """Made and waited for in the main thread; rung from anywhere. A context manager, so that handlers are put back."""

    def __init__(self, stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)) -> None:
        self._stop_signals = stop_signals
        self._hear, self._press = socket.socketpair()
        self._hear.setblocking(False)
        self._press.setblocking(False)
        self._stop_asked = False

    def __enter__(self) -> Self:
        self._old_fd = signal.set_wakeup_fd(self._press.fileno(), warn_on_full_buffer=False)
        self._old_handlers = [(number, signal.signal(number, self._asked)) for number in self._stop_signals]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old_handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_fd)
        self._hear.close()
        self._press.close()

    @property
    def stop_asked(self) -> bool:
        """Somebody sent SIGTERM or pressed Ctrl-C."""
        return self._stop_asked

    def ring(self) -> None:
        """Wake the waiter; any thread. A full pipe means that it is rung already, a closed one that nobody waits any more."""
        try:
            self._press.send(b"\0")
        except OSError:
            return

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring, at most `timeout_s`; rings that came together count as one."""
        ready, _, _ = select.select([self._hear], [], [], max(0.0, timeout_s))
        if ready:
            self._hear.recv(4096)
        return bool(ready)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_asked = True
