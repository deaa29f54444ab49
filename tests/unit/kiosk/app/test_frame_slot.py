"""The mailbox between camera and gate."""

import threading

import numpy as np

from kiosk.app.frame_slot import LatestFrameSlot
from kiosk.core.frame import Frame


def frame(number: int) -> Frame:
    return Frame(np.zeros((2, 2), np.uint8), number, float(number))


def test_the_newest_frame_wins_and_the_lost_ones_are_counted() -> None:
    mailbox = LatestFrameSlot()
    for number in (1, 2, 3):
        mailbox.put(frame(number))
    taken = mailbox.take(0)
    assert taken is not None
    assert taken.number == 3
    assert mailbox.dropped_frames == 2


def test_a_frame_is_given_out_once() -> None:
    mailbox = LatestFrameSlot()
    mailbox.put(frame(1))
    mailbox.take(0)
    assert mailbox.take(0) is None


def test_an_empty_mailbox_answers_none_when_the_time_is_over() -> None:
    assert LatestFrameSlot().take(0.001) is None


def test_closing_wakes_a_taker_who_waits() -> None:
    mailbox = LatestFrameSlot()
    taken: list[Frame | None] = []
    waiting = threading.Thread(target=lambda: taken.append(mailbox.take(60)))
    waiting.start()
    mailbox.close()
    waiting.join(10)
    assert taken == [None]
