"""Availability recorder: a lasting change is written once, with the time at which it began."""

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

OLD_LIST = (HealthCheck("trust-list", CheckStatus.WARN, 8 * 86400, "s", "old"),)


def at(second: float, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> ClockReading:
    return ClockReading(START_AT + timedelta(seconds=second), second, quality)


class Recording:
    """A recorder with its written entries, on a disk that can fail."""

    def __init__(self) -> None:
        self.entries: list[AvailabilityEntry] = []
        self.disk_full = False
        self.recorder = AvailabilityRecorder(self.add)

    def add(self, entry: AvailabilityEntry) -> None:
        if self.disk_full:
            raise StoreError("the disk is full")
        self.entries.append(entry)

    def observe(self, *states: DeviceState, begin: int = 0) -> None:
        """One second in each of these states."""
        for second, state in enumerate(states, begin):
            self.recorder.observe(state, (), at(second))

    @property
    def changes(self) -> list[tuple[float, AvailabilityState]]:
        return [(entry.at.monotonic_s, entry.state) for entry in self.entries]


def test_the_first_state_after_a_start_is_written_at_once_and_marked_as_the_first() -> None:
    recording = Recording()
    recording.observe(DeviceState.STARTING, DeviceState.READY, DeviceState.READY)
    assert recording.changes == [(1, AvailabilityState.SERVING)]
    assert recording.entries[0].process_start


def test_a_degraded_device_still_serves() -> None:
    recording = Recording()
    recording.observe(*[DeviceState.READY] * 3, *[DeviceState.DEGRADED] * 30, *[DeviceState.READY] * 30)
    assert recording.changes == [(0, AvailabilityState.SERVING)]


def test_an_outage_that_lasts_is_written_with_the_time_at_which_it_began() -> None:
    recording = Recording()
    recording.observe(*[DeviceState.READY] * 10, *[DeviceState.OUT_OF_ORDER] * 20, *[DeviceState.READY] * 20)
    assert recording.changes == [
        (0, AvailabilityState.SERVING),
        (10, AvailabilityState.OUT_OF_ORDER),
        (30, AvailabilityState.SERVING),
    ]
    assert [entry.process_start for entry in recording.entries] == [True, False, False]


def test_a_flapping_camera_does_not_fill_the_card() -> None:
    recording = Recording()
    recording.observe(*[DeviceState.READY, DeviceState.OUT_OF_ORDER] * 500)
    assert recording.changes == [(0, AvailabilityState.SERVING)]


def test_stale_lists_are_recorded() -> None:
    recording = Recording()
    for second in range(20):
        recording.recorder.observe(DeviceState.DEGRADED, OLD_LIST if second >= 5 else (), at(second))
    assert [(entry.at.monotonic_s, entry.lists_stale) for entry in recording.entries] == [(0, False), (5, True)]


def test_when_the_clock_is_set_the_state_is_recorded_again() -> None:
    recording = Recording()
    for second in range(20):
        quality = ClockQuality.UNSET if second < 10 else ClockQuality.SYNCHRONISED
        recording.recorder.observe(DeviceState.READY, (), at(second, quality))
    assert [entry.at.monotonic_s for entry in recording.entries] == [0, 10]


def test_a_failed_write_is_retried_until_the_disk_works_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recording = Recording()
    recording.observe(*[DeviceState.READY] * 3)
    recording.disk_full = True
    with caplog.at_level(logging.WARNING):
        recording.observe(*[DeviceState.OUT_OF_ORDER] * 60, begin=3)
    assert len(caplog.records) == 1
    recording.disk_full = False
    recording.observe(*[DeviceState.READY] * 10, begin=63)
    assert recording.changes == [
        (0, AvailabilityState.SERVING),
        (3, AvailabilityState.OUT_OF_ORDER),
        (63, AvailabilityState.SERVING),
    ]


@given(states=st.lists(st.sampled_from(DeviceState), max_size=60))
def test_neighbouring_entries_differ_and_no_entry_is_shorter_than_the_minimum_duration(
    states: list[DeviceState],
) -> None:
    recording = Recording()
    recording.observe(*states)
    recording.recorder.record_stop(at(len(states)))
    begun = [entry.at.monotonic_s for entry in recording.entries[1:-1]]
    assert recording.entries[-1].state is AvailabilityState.STOPPED
    assert all(one != other for one, other in pairwise(entry.state for entry in recording.entries))
    assert all(later - earlier >= MIN_DURATION_S for earlier, later in pairwise(begun))


def rows(path: Path) -> list[tuple[int, int, str, int, int]]:
    with closing(sqlite3.connect(path)) as database:
        found: list[tuple[int, int, str, int, int]] = database.execute(
            "SELECT at_us, clock_unset, state, lists_stale, process_start FROM availability_log ORDER BY number"
        ).fetchall()
    return found


def test_entries_are_in_the_database_of_events_and_survive_a_restart(tmp_path: Path) -> None:
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


def test_the_availability_log_has_a_maximum_size(tmp_path: Path) -> None:
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


def test_an_unwritable_database_raises_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="availability log"):
        AvailabilityLog(tmp_path / "none" / "p.db").append(
            AvailabilityEntry(at(0), AvailabilityState.SERVING, lists_stale=False, process_start=True)
        )
