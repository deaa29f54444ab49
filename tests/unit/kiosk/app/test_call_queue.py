"""Call queue: calls of other threads run in the gate thread, once or not at all."""

import threading

import pytest

from kiosk.app.call_queue import MAX_PENDING, CallQueue, QueueBusyError


def test_a_call_runs_in_the_gate_thread_and_returns_its_result() -> None:
    call_queue, stop, found = CallQueue(), threading.Event(), []

    def gate() -> None:
        while not stop.wait(0.001):
            call_queue.run_pending()

    thread = threading.Thread(target=gate, name="the gate")
    thread.start()
    found.append(call_queue.call(lambda: threading.current_thread().name, 5))
    stop.set()
    thread.join()
    assert found == ["the gate"]


def test_an_error_is_raised_in_the_calling_thread_and_not_in_the_gate_thread() -> None:
    call_queue, raised = CallQueue(), []

    def refuse() -> None:
        raise ValueError("no")

    def call() -> None:
        with pytest.raises(ValueError, match="no"):
            call_queue.call(refuse, 5)
        raised.append(True)

    caller = threading.Thread(target=call)
    caller.start()
    while caller.is_alive():
        call_queue.run_pending()
    assert raised == [True]


def test_a_call_that_timed_out_never_runs_later() -> None:
    call_queue, done = CallQueue(), []
    with pytest.raises(QueueBusyError, match="Nothing was done"):
        call_queue.call(lambda: done.append(True), 0.0)
    call_queue.run_pending()
    assert done == []


def test_the_number_of_pending_calls_is_limited() -> None:
    call_queue = CallQueue()
    for _ in range(MAX_PENDING):
        with pytest.raises(QueueBusyError):
            call_queue.call(lambda: None, 0.0)
    with pytest.raises(QueueBusyError, match="too many pending calls"):
        call_queue.call(lambda: None, 0.0)
