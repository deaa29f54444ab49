"""The kiosk's diary: what lasts is written once, with the time at which it began."""

import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import ClockQuality, Moment, State
from kiosk.core.ports import StoreTrouble
from kiosk.core.status import Fact, Grade
from kiosk.health.availability import LASTING_S, DiaryKeeper
from kiosk.storage import Store
from kiosk.storage.availability_log import KEPT, Condition, Diary, Entry
from tests.fakes.data.access_events import START_AT

OLD_LIST = (Fact("list-trust", Grade.WARN, "8 d", "", ""),)


def at(second: float, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> Moment:
    return Moment(START_AT + timedelta(seconds=second), second, quality)


class Kept:
    """What a keeper wrote; a disk that can refuse."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.refuses = False
        self.keeper = DiaryKeeper(self.add)

    def add(self, entry: Entry) -> None:
        if self.refuses:
            raise StoreTrouble("the disk is full")
        self.entries.append(entry)

    def live(self, *states: State, begin: int = 0) -> None:
        """One second in each of these states."""
        for second, state in enumerate(states, begin):
            self.keeper.observe(state, (), at(second))

    @property
    def told(self) -> list[tuple[float, Condition]]:
        return [(entry.at.s, entry.condition) for entry in self.entries]


def test_the_first_answer_after_a_start_is_written_at_once_and_says_that_it_is_the_first() -> None:
    kept = Kept()
    kept.live(State.STARTING, State.READY, State.READY)
    assert kept.told == [(1, Condition.SERVING)]
    assert kept.entries[0].first


def test_degraded_is_serving_too() -> None:
    kept = Kept()
    kept.live(*[State.READY] * 3, *[State.DEGRADED] * 30, *[State.READY] * 30)
    assert kept.told == [(0, Condition.SERVING)]


def test_an_outage_is_written_once_it_lasted_with_the_time_at_which_it_began() -> None:
    kept = Kept()
    kept.live(*[State.READY] * 10, *[State.OUT_OF_ORDER] * 20, *[State.READY] * 20)
    assert kept.told == [(0, Condition.SERVING), (10, Condition.OUT_OF_ORDER), (30, Condition.SERVING)]
    assert [entry.first for entry in kept.entries] == [True, False, False]


def test_a_flapping_camera_does_not_fill_the_card() -> None:
    kept = Kept()
    kept.live(*[State.READY, State.OUT_OF_ORDER] * 500)
    assert kept.told == [(0, Condition.SERVING)]


def test_lists_that_grow_old_are_noted() -> None:
    kept = Kept()
    for second in range(20):
        kept.keeper.observe(State.DEGRADED, OLD_LIST if second >= 5 else (), at(second))
    assert [(entry.at.s, entry.stale) for entry in kept.entries] == [(0, False), (5, True)]


def test_a_clock_that_comes_to_be_believed_dates_the_condition_anew() -> None:
    kept = Kept()
    for second in range(20):
        quality = ClockQuality.UNSET if second < 10 else ClockQuality.SYNCHRONISED
        kept.keeper.observe(State.READY, (), at(second, quality))
    assert [entry.at.s for entry in kept.entries] == [0, 10]


def test_what_the_disk_refused_is_written_when_it_takes_it_again_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept()
    kept.live(*[State.READY] * 3)
    kept.refuses = True
    with caplog.at_level(logging.WARNING):
        kept.live(*[State.OUT_OF_ORDER] * 60, begin=3)
    assert len(caplog.records) == 1
    kept.refuses = False
    kept.live(*[State.READY] * 10, begin=63)
    assert kept.told == [(0, Condition.SERVING), (3, Condition.OUT_OF_ORDER), (63, Condition.SERVING)]


@given(states=st.lists(st.sampled_from(State), max_size=60))
def test_no_two_entries_in_a_row_are_the_same_and_none_is_shorter_than_lasting(states: list[State]) -> None:
    kept = Kept()
    kept.live(*states)
    kept.keeper.stop(at(len(states)))
    begun = [entry.at.s for entry in kept.entries[1:-1]]
    assert kept.entries[-1].condition is Condition.STOPPED
    assert all(one != other for one, other in pairwise(entry.condition for entry in kept.entries))
    assert all(later - earlier >= LASTING_S for earlier, later in pairwise(begun))


def rows(path: Path) -> list[tuple[int, int, str, int, int]]:
    with closing(sqlite3.connect(path)) as database:
        found: list[tuple[int, int, str, int, int]] = database.execute(
            "SELECT at_us, unset, condition, stale, first FROM diary ORDER BY number"
        ).fetchall()
    return found


def test_entries_lie_beside_the_passages_and_survive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "p.db")
    Diary(tmp_path / "p.db").add(Entry(at(0), Condition.SERVING, stale=False, first=True))
    store.close()
    store = Store(tmp_path / "p.db")
    Diary(tmp_path / "p.db").add(Entry(at(9), Condition.STOPPED, stale=True, first=False))
    store.close()
    first_us = int(START_AT.timestamp()) * 1_000_000
    assert rows(tmp_path / "p.db") == [(first_us, 0, "serving", 0, 1), (first_us + 9_000_000, 0, "stopped", 1, 0)]


def test_the_diary_does_not_grow_for_ever(tmp_path: Path) -> None:
    Store(tmp_path / "p.db").close()
    with closing(sqlite3.connect(tmp_path / "p.db")) as database:
        database.executemany(
            "INSERT INTO diary (at_us, unset, condition, stale, first) VALUES (?, 0, 'serving', 0, 0)",
            [(number,) for number in range(KEPT)],
        )
        database.commit()
    Diary(tmp_path / "p.db").add(Entry(at(0), Condition.STOPPED, stale=False, first=False))
    found = rows(tmp_path / "p.db")
    assert len(found) == KEPT
    assert found[-1][2] == "stopped"


def test_a_disk_that_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreTrouble, match="diary"):
        Diary(tmp_path / "none" / "p.db").add(Entry(at(0), Condition.SERVING, stale=False, first=True))
