"""Retention event by event: what is not settled holds nothing back, and only a clock that can be trusted deletes by age."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.delivery.steady_clock import SteadyClock
from kiosk.storage import RetentionLimits, SqliteEventStore
from tests.fakes.data.access_events import START_AT, an_event

LATER = ClockReading(START_AT + timedelta(days=30), 1.0, ClockQuality.SYNCHRONISED)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(SqliteEventStore(tmp_path / "p.db", limits=RetentionLimits(max_rows=200))) as made:
        yield made


def run_maintenance(store: SqliteEventStore, now: ClockReading = LATER) -> int:
    deleted = 0
    while (some := store.run_maintenance(now)) > 0:
        deleted += some
    return deleted


def commit(store: SqliteEventStore, first: int, last: int) -> None:
    store.commit_all([an_event(number) for number in range(first, last + 1)])


def test_an_event_in_quarantine_and_one_without_receipt_hold_no_other_back(store: SqliteEventStore) -> None:
    commit(store, 1, 100)
    store.acknowledge(0, [(2, 49), (51, 100)], [(1, "bad-data")])
    assert run_maintenance(store, replace(LATER, utc_at=START_AT + timedelta(days=22))) == 97
    assert {stored.seq for stored in store.recent(999)} == {1, 50, 100}
    assert (store.backlog_size(), store.quarantined_count()) == (1, 1)


def test_a_gate_with_one_event_in_quarantine_reaches_no_row_limit_while_nothing_waits(store: SqliteEventStore) -> None:
    for round_ in range(20):
        first = round_ * 50 + 1
        commit(store, first, first + 49)
        store.acknowledge(0, [(2, first + 49)], [(1, "bad-data")])
        run_maintenance(store, ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED))
    assert len(store.recent(9999)) == 200
    assert store.quarantined_count() == 1


def test_an_event_in_quarantine_is_deleted_after_its_days_with_a_notice(store: SqliteEventStore) -> None:
    commit(store, 1, 3)
    store.acknowledge(0, [(2, 3)], [(1, "bad-data")])
    quarantined = ClockReading(START_AT + timedelta(days=3650), 1.0, ClockQuality.SYNCHRONISED)
    run_maintenance(store, quarantined)
    run_maintenance(store, replace(quarantined, utc_at=quarantined.utc_at + timedelta(days=22)))
    assert store.quarantined_count() == 0
    assert [stored.seq for stored in store.recent(9)] == [3]
    assert {notice.kind: notice.count for notice in store.notices()} == {"purged-quarantine": 1, "purged-age": 1}


@pytest.mark.parametrize("quality", [ClockQuality.UNSET, ClockQuality.FREE_RUNNING])
def test_a_clock_that_is_not_synchronised_deletes_nothing_by_age(
    store: SqliteEventStore, quality: ClockQuality
) -> None:
    commit(store, 1, 9)
    store.acknowledge(9)
    assert run_maintenance(store, replace(LATER, quality=quality)) == 0


def test_the_newest_event_always_stays(store: SqliteEventStore) -> None:
    commit(store, 1, 9)
    store.acknowledge(9)
    assert run_maintenance(store, replace(LATER, utc_at=START_AT + timedelta(days=9999))) == 8
    assert [stored.seq for stored in store.recent(9)] == [9]


def test_events_with_a_time_in_the_future_are_as_old_as_their_neighbours(store: SqliteEventStore) -> None:
    commit(store, 1, 4)
    future = [replace(an_event(number), occurred_at=START_AT + timedelta(days=900)) for number in (5, 6)]
    store.commit_all(future)
    commit(store, 7, 9)
    store.acknowledge(9)
    assert run_maintenance(store, replace(LATER, utc_at=START_AT + timedelta(days=22))) == 8


def reading(seconds: float, ahead: timedelta, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> ClockReading:
    """That many seconds after the start of the device, on a clock that is ahead."""
    return ClockReading(START_AT + timedelta(seconds=seconds) + ahead, 100.0 + seconds, quality)


def trusted_after_s(clock: SteadyClock, since_s: float, ahead: timedelta) -> float:
    """How long a clock that nothing changes any more is not believed."""
    for seconds in range(0, 200_000, 600):
        if clock.observe(reading(since_s + seconds, ahead)).quality is ClockQuality.SYNCHRONISED:
            return seconds
    raise AssertionError("it is never believed")


def test_after_a_start_nothing_is_deleted_by_age_for_an_hour() -> None:
    """A daemon that starts while the clock is wrong cannot know it."""
    assert trusted_after_s(SteadyClock(), 0.0, timedelta(days=3650)) == 3600


@pytest.mark.parametrize("step", [timedelta(minutes=-5), timedelta(minutes=30), timedelta(minutes=-61)])
def test_a_synchronised_clock_that_was_set_deletes_nothing_for_an_hour(step: timedelta) -> None:
    clock = SteadyClock()
    trusted_after_s(clock, 0.0, timedelta())
    assert 3600 <= trusted_after_s(clock, 3660.0, step) <= 4200


@pytest.mark.parametrize("step", [timedelta(days=3650), timedelta(days=-3650), timedelta(days=2)])
def test_a_synchronised_clock_that_was_set_far_deletes_nothing_for_a_day(step: timedelta) -> None:
    clock = SteadyClock()
    trusted_after_s(clock, 0.0, timedelta())
    assert trusted_after_s(clock, 3660.0, step) == 86_400
    assert trusted_after_s(clock, 3660.0 + 86_400.0 + 60.0, timedelta()) == 86_400


@pytest.mark.parametrize("quality", [ClockQuality.UNSET, ClockQuality.FREE_RUNNING])
def test_a_clock_that_a_time_server_sets_after_the_start_is_believed_after_an_hour(quality: ClockQuality) -> None:
    """A gate that is switched off every night must still delete what is too old."""
    clock = SteadyClock()
    assert clock.observe(reading(0.0, timedelta(days=-20_000), quality)).quality is quality
    assert trusted_after_s(clock, 60.0, timedelta()) == 3600


def test_only_pending_events_fill_the_database(store: SqliteEventStore) -> None:
    commit(store, 1, 150)
    store.acknowledge(0, [(2, 150)], [(1, "bad-data")])
    commit(store, 151, 349)
    with pytest.raises(StoreError, match="200 events wait"):
        commit(store, 350, 350)


def test_rows_that_are_gone_are_reported_and_nothing_waits_for_them(store: SqliteEventStore) -> None:
    commit(store, 1, 10)
    store._gate_connection.execute("DELETE FROM event WHERE seq IN (3, 4)")
    store.settle_missing_rows()
    assert store.backlog_size() == 8
    assert [(notice.kind, notice.first_seq, notice.last_seq, notice.count) for notice in store.notices()] == [
        ("rows-missing", 3, 4, 2)
    ]


def test_a_gate_works_through_a_year_of_quarantines_gaps_outages_and_clock_jumps(tmp_path: Path) -> None:
    """400 people a day, as 40 with a tenth of the limits."""
    limits = RetentionLimits(max_rows=2_000)
    store = SqliteEventStore(tmp_path / "p.db", limits=limits)
    clock, number, delivered, blocked = SteadyClock(), 0, 0, []
    rejected: set[int] = set()
    for day in range(365):
        at = START_AT + timedelta(days=day)
        events = [replace(an_event(number + place), occurred_at=at) for place in range(40)]
        try:
            store.commit_all(events)
        except StoreError:
            blocked.append(day)
        number += 40
        offline = day % 90 in range(70, 85)
        if not offline:
            if day % 10 == 3:
                rejected.add(store.newest_seq - 5)
            ranges = [(seq, seq) for seq in range(delivered + 1, store.newest_seq + 1) if seq not in rejected]
            store.acknowledge(0, ranges, [(seq, "bad-data") for seq in rejected if seq > delivered])
            delivered = store.newest_seq
        jump = timedelta(days=3650 if day % 30 == 7 else 0)
        for minute in range(3):
            now = ClockReading(at + jump, day * 86400.0 + minute * 7200.0 + 1, ClockQuality.SYNCHRONISED)
            now = replace(now, utc_at=now.utc_at + timedelta(seconds=minute * 7200))
            store.run_maintenance(clock.observe(now if minute == 0 else replace(now, utc_at=now.utc_at - jump)))
    rows = store.recent(99_999)
    assert blocked == []
    assert store.backlog_size() == 0
    assert 20 * 40 <= len(rows) <= 23 * 40 + len(rejected)
    assert store.commit(an_event(number)).seq == number + 1
    store.close()
