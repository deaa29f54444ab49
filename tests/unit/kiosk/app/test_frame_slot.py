"""The frame slot between camera thread and gate thread."""

import threading

import numpy as np

from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.frame import Frame


def frame(number: int) -> Frame:
    return Frame(np.zeros((2, 2), np.uint8), number, float(number))


def test_the_newest_frame_is_taken_and_dropped_ones_are_counted() -> None:
    frame_slot = LatestFrameSlot()
    for number in (1, 2, 3):
        frame_slot.put(frame(number))
    taken = frame_slot.take(0)
    assert taken is not None
    assert taken.number == 3
    assert frame_slot.dropped_frames == 2


def test_a_frame_is_taken_once() -> None:
    frame_slot = LatestFrameSlot()
    frame_slot.put(frame(1))
    frame_slot.take(0)
    assert frame_slot.take(0) is None


def test_an_empty_slot_returns_none_after_the_timeout() -> None:
    assert LatestFrameSlot().take(0.001) is None


def test_close_wakes_a_waiting_thread() -> None:
    frame_slot = LatestFrameSlot()
    taken: list[Frame | None] = []
    thread = threading.Thread(target=lambda: taken.append(frame_slot.take(60)))
    thread.start()
    frame_slot.close()
    thread.join(10)
    assert taken == [None]
