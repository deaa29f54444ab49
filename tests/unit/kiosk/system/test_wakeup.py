"""The main thread's doorbell: rings from threads and signals from the system wake it."""

import os
import signal
import threading

from kiosk.system.wakeup import WakeupPipe


def test_a_ring_from_another_thread_wakes_the_waiter() -> None:
    with WakeupPipe() as bell:
        threading.Thread(target=bell.wake).start()
        assert bell.wait(10)


def test_without_a_ring_the_wait_ends_when_the_time_is_over() -> None:
    with WakeupPipe() as bell:
        assert not bell.wait(0)


def test_many_rings_count_as_one() -> None:
    with WakeupPipe() as bell:
        for _ in range(100):
            bell.wake()
        assert bell.wait(0)
        assert not bell.wait(0)


def test_sigterm_wakes_and_is_remembered() -> None:
    with WakeupPipe() as bell:
        assert not bell.stop_requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert bell.wait(10)
        assert bell.stop_requested


def test_afterwards_the_old_handlers_are_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with WakeupPipe():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_ring_after_the_end_harms_nobody() -> None:
    with WakeupPipe() as bell:
        late = bell
    late.wake()
