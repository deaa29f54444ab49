"""Runs functions of other threads in the gate thread, which owns the database connection and the visits."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from kiosk.core.ports import KioskError

T = TypeVar("T")

MAX_PENDING = 8


class QueueBusyError(KioskError):
    """The gate thread did not run the call in time, or the queue is full. The function was not called."""


class CallQueue:
    """Any thread may use `call`. Only the gate thread uses `run_pending`."""

    def __init__(self) -> None:
        self._pending: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue(MAX_PENDING)

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Call `function` in the gate thread and wait for its result. Raises QueueBusyError and all errors of `function`."""
        done: Future[T] = Future()
        try:
            self._pending.put_nowait((function, done))
        except queue.Full:
            raise QueueBusyError("The kiosk has too many pending calls. Try again.") from None
        try:
            return done.result(timeout_s)
        except TimeoutError:
            if done.cancel():
                raise QueueBusyError("The kiosk is busy. Nothing was done. Try again.") from None
            return done.result()  # it started just before the timeout: wait for its result

    def run_pending(self) -> None:
        """Run all pending calls. An error is raised in the calling thread, not here."""
        while True:
            try:
                function, done = self._pending.get_nowait()
            except queue.Empty:
                return
            if done.set_running_or_notify_cancel():
                _run_call(function, done)


def _run_call(function: Callable[[], Any], future: "Future[Any]") -> None:
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001  # the calling thread raises it
        future.set_exception(error)
