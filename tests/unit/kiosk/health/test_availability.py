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

from kiosk.core.model import ClockQuality, ClockReading, DeviceState
from kiosk.core.ports import StoreError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.health.availability import MIN_DURATION_S, AvailabilityRecorder
from kiosk.storage import SqliteEventStore
from kiosk.storage.availability_log import MAX_ENTRIES, AvailabilityEntry, AvailabilityLog, AvailabilityState
from tests.fakes.data.access_events import START_AT

OLD_LIST = (HealthCheck("list-trust", CheckStatus.WARN, "8 d", "", ""),)


def at(second: float, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> ClockReading:
    return ClockReading(START_AT + timedelta(seconds=second), second, quality)


class Kept:
    """What a keeper wrote; a disk that can refuse."""

    def __init__(self) -> None:
        self.entries: list[AvailabilityEntry] = []
        self.refuses = False
        self.keeper = AvailabilityRecorder(self.add)

    def add(self, entry: AvailabilityEntry) -> None:
        if self.refuses:
            raise StoreError("the disk is full")
        self.entries.append(entry)

    def live(self, *states: DeviceState, begin: int = 0) -> None:
        """One second in each of these states."""
        for second, state in enumerate(states, begin):
            self.keeper.observe(state, (), at(second))

    @property
    def told(self) -> list[tuple[float, AvailabilityState]]:
        return [(entry.at.monotonic_s, entry.state) for entry in self.entries]


def test_the_first_answer_after_a_start_is_written_at_once_and_says_that_it_is_the_first() -> None:
    kept = Kept()
    kept.live(DeviceState.STARTING, DeviceState.READY, DeviceState.READY)
    assert kept.told == [(1, AvailabilityState.SERVING)]
    assert kept.entries[0].process_start


def test_degraded_is_serving_too() -> None:
    kept = Kept()
    kept.live(*[DeviceState.READY] * 3, *[DeviceState.DEGRADED] * 30, *[DeviceState.READY] * 30)
    assert kept.told == [(0, AvailabilityState.SERVING)]


def test_an_outage_is_written_once_it_lasted_with_the_time_at_which_it_began() -> None:
    kept = Kept()
    kept.live(*[DeviceState.READY] * 10, *[DeviceState.OUT_OF_ORDER] * 20, *[DeviceState.READY] * 20)
    assert kept.told == [
        (0, AvailabilityState.SERVING),
        (10, AvailabilityState.OUT_OF_ORDER),
        (30, AvailabilityState.SERVING),
    ]
    assert [entry.process_start for entry in kept.entries] == [True, False, False]


def test_a_flapping_camera_does_not_fill_the_card() -> None:
    kept = Kept()
    kept.live(*[DeviceState.READY, DeviceState.OUT_OF_ORDER] * 500)
    assert kept.told == [(0, AvailabilityState.SERVING)]


def test_lists_that_grow_old_are_noted() -> None:
    kept = Kept()
    for second in range(20):
        kept.keeper.observe(DeviceState.DEGRADED, OLD_LIST if second >= 5 else (), at(second))
    assert [(entry.at.monotonic_s, entry.lists_stale) for entry in kept.entries] == [(0, False), (5, True)]


def test_a_clock_that_comes_to_be_believed_dates_the_condition_anew() -> None:
    kept = Kept()
    for second in range(20):
        quality = ClockQuality.UNSET if second < 10 else ClockQuality.SYNCHRONISED
        kept.keeper.observe(DeviceState.READY, (), at(second, quality))
    assert [entry.at.monotonic_s for entry in kept.entries] == [0, 10]


def test_what_the_disk_refused_is_written_when_it_takes_it_again_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept()
    kept.live(*[DeviceState.READY] * 3)
    kept.refuses = True
    with caplog.at_level(logging.WARNING):
        kept.live(*[DeviceState.OUT_OF_ORDER] * 60, begin=3)
    assert len(caplog.records) == 1
    kept.refuses = False
    kept.live(*[DeviceState.READY] * 10, begin=63)
    assert kept.told == [
        (0, AvailabilityState.SERVING),
        (3, AvailabilityState.OUT_OF_ORDER),
        (63, AvailabilityState.SERVING),
    ]


@given(states=st.lists(st.sampled_from(DeviceState), max_size=60))
def test_no_two_entries_in_a_row_are_the_same_and_none_is_shorter_than_lasting(states: list[DeviceState]) -> None:
    kept = Kept()
    kept.live(*states)
    kept.keeper.record_stop(at(len(states)))
    begun = [entry.at.monotonic_s for entry in kept.entries[1:-1]]
    assert kept.entries[-1].state is AvailabilityState.STOPPED
    assert all(one != other for one, other in pairwise(entry.state for entry in kept.entries))
    assert all(later - earlier >= MIN_DURATION_S for earlier, later in pairwise(begun))


def rows(path: Path) -> list[tuple[int, int, str, int, int]]:
    with closing(sqlite3.connect(path)) as database:
        found: list[tuple[int, int, str, int, int]] = database.execute(
            "SELECT at_us, clock_unset, state, lists_stale, process_start FROM availability_log ORDER BY number"
        ).fetchall()
    return found


def test_entries_lie_beside_the_passages_and_survive_a_restart(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    AvailabilityLog(tmp_path / "p.db").append(
        AvailabilityEntry(at(0), AvailabilityState.SERVING, lists_stale=False, process_start=True)
    )
    store.close()
    store = SqliteEventStore(tmp_path / "p.db")
    AvailabilityLog(tmp_path / "p.db").append(
        AvailabilityEntry(at(9), AvailabilityState.STOPPED, lists_stale=True, process_start=False)
    )
    store.close()
    first_us = int(START_AT.timestamp()) * 1_000_000
    assert rows(tmp_path / "p.db") == [(first_us, 0, "serving", 0, 1), (first_us + 9_000_000, 0, "stopped", 1, 0)]


def test_the_diary_does_not_grow_for_ever(tmp_path: Path) -> None:
    SqliteEventStore(tmp_path / "p.db").close()
    with closing(sqlite3.connect(tmp_path / "p.db")) as database:
        database.executemany(
            "INSERT INTO availability_log (at_us, clock_unset, state, lists_stale, process_start) VALUES (?, 0, 'serving', 0, 0)",
            [(number,) for number in range(MAX_ENTRIES)],
        )
        database.commit()
    AvailabilityLog(tmp_path / "p.db").append(
        AvailabilityEntry(at(0), AvailabilityState.STOPPED, lists_stale=False, process_start=False)
    )
    found = rows(tmp_path / "p.db")
    assert len(found) == MAX_ENTRIES
    assert found[-1][2] == "stopped"


def test_a_disk_that_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="diary"):
        AvailabilityLog(tmp_path / "none" / "p.db").append(
            AvailabilityEntry(at(0), AvailabilityState.SERVING, lists_stale=False, process_start=True)
        )
