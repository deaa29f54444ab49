"""Work that other threads bring to the gate's thread, because the disk and the visits belong to it alone."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from kiosk.core.ports import KioskError

T = TypeVar("T")

MAX_PENDING = 8


class QueueBusyError(KioskError):
    """The gate's thread did not come to it in time, or has too much to do; nothing was done."""


class CallQueue:
    """`ask` is for any thread, `run_all` for the gate's."""

    def __init__(self) -> None:
        self._pending: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue(MAX_PENDING)

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Have `what` called in the gate's thread, and wait for its result. Raises NotNow, and what `what` raises."""
        done: Future[T] = Future()
        try:
            self._pending.put_nowait((function, done))
        except queue.Full:
            raise QueueBusyError("The kiosk has too much to do; try again.") from None
        try:
            return done.result(timeout_s)
        except TimeoutError:
            if done.cancel():
                raise QueueBusyError("The kiosk is busy; nothing was done. Try again.") from None
            return done.result()  # it began at the last moment: its result is the truth

    def run_pending(self) -> None:
        """Do what waits. An error goes to whoever asked, not to the gate."""
        while True:
            try:
                what, done = self._pending.get_nowait()
            except queue.Empty:
                return
            if done.set_running_or_notify_cancel():
                _run_call(what, done)


def _run_call(function: Callable[[], Any], future: "Future[Any]") -> None:
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to the thread that asked
        future.set_exception(error)
