"""Worker threads: steps, stop, and reports of crashes."""

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


def test_a_worker_with_a_long_delay_stops_at_once() -> None:
    stop, began = threading.Event(), threading.Event()

    def step() -> float:
        began.set()
        return 3600.0

    worker = Worker("patient", step, stop, on_crash=lambda name: None)
    worker.start()
    assert began.wait(10)
    stop.set()
    assert worker.join(10)


def test_a_crash_is_reported_with_its_place_and_without_the_error_message(caplog: pytest.LogCaptureFixture) -> None:
    crashed: list[str] = []

    def step() -> float:
        raise ValueError("046090001234|NGUYEN VAN A")

    worker = Worker("gate", step, threading.Event(), crashed.append)
    with caplog.at_level(logging.CRITICAL):
        worker.start()
        assert worker.join(10)
    assert crashed == ["gate"]
    assert "ValueError at test_worker.py" in caplog.text
    assert "NGUYEN" not in caplog.text


def test_a_worker_that_was_not_started_counts_as_ended() -> None:
    assert Worker("unborn", lambda: 0.0, threading.Event(), lambda name: None).join(0)


def test_an_error_summary_has_the_innermost_frame_first() -> None:
    def inner() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError) as error:
        inner()
    crashed = error_summary(error.value)
    assert crashed.startswith("KeyError at test_worker.py:")
    assert crashed.index("inner") < crashed.index("test_an_error_summary")
