"""Errands: other threads' work, done in the gate's thread, once or not at all."""

import threading

import pytest

from kiosk.app.call_queue import MAX_PENDING, CallQueue, QueueBusyError


def test_an_errand_runs_in_the_thread_that_runs_them_and_its_result_comes_back() -> None:
    errands, stop, found = CallQueue(), threading.Event(), []

    def gate() -> None:
        while not stop.wait(0.001):
            errands.run_pending()

    thread = threading.Thread(target=gate, name="the gate")
    thread.start()
    found.append(errands.call(lambda: threading.current_thread().name, 5))
    stop.set()
    thread.join()
    assert found == ["the gate"]


def test_an_error_goes_to_whoever_asked_and_not_to_the_gate() -> None:
    errands, heard = CallQueue(), []

    def refuse() -> None:
        raise ValueError("no")

    def ask() -> None:
        with pytest.raises(ValueError, match="no"):
            errands.call(refuse, 5)
        heard.append(True)

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        errands.run_pending()
    assert heard == [True]


def test_an_errand_that_was_given_up_is_never_done_later() -> None:
    errands, done = CallQueue(), []
    with pytest.raises(QueueBusyError, match="nothing was done"):
        errands.call(lambda: done.append(True), 0.0)
    errands.run_pending()
    assert done == []


def test_errands_are_bounded() -> None:
    errands = CallQueue()
    for _ in range(MAX_PENDING):
        with pytest.raises(QueueBusyError):
            errands.call(lambda: None, 0.0)
    with pytest.raises(QueueBusyError, match="too much to do"):
        errands.call(lambda: None, 0.0)
