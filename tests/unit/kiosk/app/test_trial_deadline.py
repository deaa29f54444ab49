"""A trial whose main loop does not end it is ended by a thread, which replaces the process if it must."""

import pytest

from kiosk.app.trial_deadline import FORCE_S, GRACE_S, TrialDeadline
from mqtt.remote.configuration import TrialCode
from tests.fakes.parts.connection import ManualClock


class Tried:
    """A trial of 180 s. `ends`: whether it can be ended, which a full disk forbids."""

    def __init__(self, deadline_s: float | None = 180.0, *, ends: bool = True) -> None:
        self.deadline_s, self.is_restart_due, self.ends = deadline_s, False, ends
        self.codes: list[tuple[TrialCode, str]] = []

    def end_trial(self, code: TrialCode, detail: str = "") -> None:
        self.codes.append((code, detail))
        self.is_restart_due = True
        if self.ends:
            self.deadline_s = None


class Watched:
    """A deadline, and how often it replaced the process."""

    def __init__(self, tried: Tried) -> None:
        self.tried, self.replaced = tried, 0
        self.deadline = TrialDeadline(tried, ManualClock(), lambda: "camera: no device", self._replace)

    def _replace(self) -> None:
        self.replaced += 1


def test_a_kiosk_that_hangs_or_does_not_start_goes_back_and_is_started_again() -> None:
    watched = Watched(Tried())
    assert not watched.deadline.step(180.0 + GRACE_S - 0.1)
    assert watched.tried.codes == []
    assert not watched.deadline.step(180.0 + GRACE_S)
    assert watched.tried.codes == [(TrialCode.NOT_STARTED, "camera: no device")]
    assert not watched.deadline.step(180.0 + GRACE_S + FORCE_S - 0.1)
    assert watched.replaced == 0
    assert watched.deadline.step(180.0 + GRACE_S + FORCE_S)
    assert watched.replaced == 1


def test_a_trial_that_was_kept_is_left_alone() -> None:
    watched = Watched(Tried())
    watched.tried.deadline_s = None
    assert watched.deadline.step(180.0 + GRACE_S)
    assert (watched.replaced, watched.tried.codes) == (0, [])


def test_also_without_a_disk_the_process_is_replaced() -> None:
    watched = Watched(Tried(ends=False))
    assert not watched.deadline.step(180.0 + GRACE_S)
    assert watched.deadline.step(180.0 + GRACE_S + FORCE_S)
    assert watched.replaced == 1


@pytest.mark.parametrize("at_s", [0.0, 1e6])
def test_without_a_trial_nothing_is_watched(at_s: float) -> None:
    watched = Watched(Tried(None))
    assert not watched.deadline.step(at_s)
    watched.deadline.start()
    watched.deadline.close()
    assert (watched.replaced, watched.tried.codes) == (0, [])
