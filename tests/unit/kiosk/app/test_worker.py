"""Worker threads: they step, they stop, and they never die in silence."""

import logging
import threading

import pytest

from kiosk.app.worker import Worker, error_summary


def test_a_worker_steps_until_it_is_stopped() -> None:
    stop = threading.Event()
    steps: list[int] = []

    def step() -> float:
        steps.append(len(steps))
        if len(steps) == 3:
            stop.set()
        return 0.0

    worker = Worker("three", step, stop, on_crash=lambda name: steps.append(-1))
    worker.start()
    assert worker.join(10)
    assert steps == [0, 1, 2]


def test_a_worker_that_waits_long_is_stopped_at_once() -> None:
    stop, began = threading.Event(), threading.Event()

    def step() -> float:
        began.set()
        return 3600.0

    worker = Worker("patient", step, stop, on_crash=lambda name: None)
    worker.start()
    assert began.wait(10)
    stop.set()
    assert worker.join(10)


def test_a_crash_is_told_and_says_where_but_never_what_was_shown(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def step() -> float:
        raise ValueError("046090001234|NGUYEN VAN A")

    worker = Worker("gate", step, threading.Event(), told.append)
    with caplog.at_level(logging.CRITICAL):
        worker.start()
        assert worker.join(10)
    assert told == ["gate"]
    assert "ValueError at test_worker.py" in caplog.text
    assert "NGUYEN" not in caplog.text


def test_a_worker_that_was_never_started_counts_as_ended() -> None:
    assert Worker("unborn", lambda: 0.0, threading.Event(), lambda name: None).join(0)


def test_the_place_of_an_error_is_described_innermost_first() -> None:
    def inner() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError) as error:
        inner()
    told = error_summary(error.value)
    assert told.startswith("KeyError at test_worker.py:")
    assert told.index("inner") < told.index("test_the_place")
