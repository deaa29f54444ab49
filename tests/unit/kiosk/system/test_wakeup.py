"""The wakeup pipe: threads and system signals wake the main thread."""

import os
import signal
import threading

from kiosk.system.wakeup import WakeupPipe


def test_another_thread_wakes_the_waiting_thread() -> None:
    with WakeupPipe() as pipe:
        threading.Thread(target=pipe.wake).start()
        assert pipe.wait(10)


def test_without_a_wake_the_wait_ends_after_the_timeout() -> None:
    with WakeupPipe() as pipe:
        assert not pipe.wait(0)


def test_several_wakes_count_as_one() -> None:
    with WakeupPipe() as pipe:
        for _ in range(100):
            pipe.wake()
        assert pipe.wait(0)
        assert not pipe.wait(0)


def test_sigterm_wakes_and_is_remembered() -> None:
    with WakeupPipe() as pipe:
        assert not pipe.stop_requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert pipe.wait(10)
        assert pipe.stop_requested


def test_the_old_signal_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with WakeupPipe():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_wake_after_close_does_nothing() -> None:
    with WakeupPipe() as pipe:
        late = pipe
    late.wake()
