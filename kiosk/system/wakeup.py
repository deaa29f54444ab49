"""Wakes the main thread: a system signal or another thread writes to a self-pipe.

threading.Event cannot be used: `set` in a signal handler deadlocks if the handler interrupts `wait` in the same thread.
"""

import select
import signal
import socket
from types import FrameType, TracebackType
from typing import Self


class WakeupPipe:
    """Created and waited on in the main thread, woken from any thread. A context manager, which restores the signal handlers."""

    def __init__(self, stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)) -> None:
        self._stop_signals = stop_signals
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._stop_requested = False

    def __enter__(self) -> Self:
        self._old_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old_handlers = [(number, signal.signal(number, self._on_stop_signal)) for number in self._stop_signals]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old_handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_fd)
        self._reader.close()
        self._writer.close()

    @property
    def stop_requested(self) -> bool:
        """SIGTERM or Ctrl-C was received."""
        return self._stop_requested

    def wake(self) -> None:
        """Wake the waiting thread. Any thread. Errors are ignored: a full pipe wakes it already, and a closed one has no waiter."""
        try:
            self._writer.send(b"\0")
        except OSError:
            return

    def wait(self, timeout_s: float) -> bool:
        """Wait until woken, at most `timeout_s`. Several wakes count as one."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, timeout_s))
        if ready:
            self._reader.recv(4096)
        return bool(ready)

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True
