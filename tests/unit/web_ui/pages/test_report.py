"""The inspectors' report: what the diary and the passages say of the last days, and nothing of persons."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import AccessEvent, ClockQuality, ClockReading, Outcome
from kiosk.core.rules import OpeningHours
from kiosk.storage import SqliteEventStore
from kiosk.storage.availability_log import AvailabilityEntry, AvailabilityLog, AvailabilityState
from kiosk.storage.queries.availability import AvailabilityData, AvailabilityRecord, read_availability
from tests.fakes.data.access_events import an_event, an_undo_event
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.kiosk.data import availability_report

HUE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # Monday 12:30 in Hue
OFFICE = (OpeningHours.parse("mon-fri 07:30-17:00"), OpeningHours.parse("sat 08:00-12:00"))


def hue(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=HUE)


def serving(at: datetime, *, first: bool = False, stale: bool = False) -> AvailabilityRecord:
    return AvailabilityRecord(at, serving=True, lists_stale=stale, process_start=first, stopped=False)


def broken(at: datetime) -> AvailabilityRecord:
    return AvailabilityRecord(at, serving=False, lists_stale=False, process_start=False, stopped=False)


def stopped(at: datetime) -> AvailabilityRecord:
    return AvailabilityRecord(at, serving=False, lists_stale=False, process_start=False, stopped=True)


def started(at: datetime) -> AvailabilityRecord:
    return serving(at, first=True)


def made(
    *lines: AvailabilityRecord,
    live: bool = True,
    signs: dict[datetime, datetime] | None = None,
    newest: datetime | None = None,
) -> dict[int, availability_report.ReportDay]:
    records = AvailabilityData(lines, Counter(), signs or {}, newest)
    return {
        day.date.day: day
        for day in availability_report.report_days(records, NOW, online=live, zone=HUE, opening_hours=OFFICE)
    }


def test_an_outage_counts_on_its_day_and_what_of_it_fell_into_the_open_hours() -> None:
    days = made(serving(hue(17, 6), first=True), broken(hue(20, 16)), serving(hue(20, 18)))
    assert availability_report.total_duration_s(days[20].down) == 2 * 3600
    assert availability_report.total_duration_s(days[20].down_while_open) == 3600
    assert [day for day, told in days.items() if told.down] == [20]
    assert days[20].down[0].certain


def test_a_night_in_which_it_was_stopped_is_cut_at_midnight_and_was_not_open() -> None:
    days = made(serving(hue(16, 6), first=True), stopped(hue(18, 20)), serving(hue(19, 6), first=True))
    assert (
        availability_report.total_duration_s(days[18].down),
        availability_report.total_duration_s(days[19].down),
    ) == (
        4 * 3600,
        6 * 3600,
    )
    assert not days[18].down_while_open
    assert not days[19].down_while_open


def test_a_power_cut_counts_from_the_last_passage_and_says_that_it_is_an_upper_bound() -> None:
    back = hue(19, 9)
    days = made(serving(hue(16, 6), first=True), serving(back, first=True), signs={back: hue(19, 8, 20)})
    (gap,) = days[19].down
    assert (gap.from_at, gap.until_at, gap.certain) == (hue(19, 8, 20), back, False)


def test_a_kiosk_that_does_not_answer_now_is_down_since_its_last_passage() -> None:
    days = made(serving(hue(16, 6), first=True), live=False, newest=hue(23, 12))
    assert availability_report.total_duration_s(days[23].down) == 30 * 60
    assert not made(serving(hue(16, 6), first=True), newest=hue(23, 12))[23].down


def test_stale_lists_are_told_and_are_no_downtime() -> None:
    days = made(serving(hue(16, 6), first=True), serving(hue(21, 12), stale=True), serving(hue(21, 13)))
    assert availability_report.total_duration_s(days[21].lists_stale) == 3600
    assert not days[21].down


def test_days_before_the_diary_began_are_not_known() -> None:
    days = made(serving(hue(20, 6), first=True))
    assert [day for day, told in days.items() if told.known] == [20, 21, 22, 23]


def test_open_hours_stand_on_their_days() -> None:
    days = made()
    assert days[22].opening_hours == ()  # a Sunday
    assert [(span.from_at, span.until_at) for span in days[21].opening_hours or ()] == [(hue(21, 8), hue(21, 12))]
    always = availability_report.report_days(
        AvailabilityData((), Counter(), {}), NOW, online=True, zone=HUE, opening_hours=()
    )
    assert always[0].opening_hours is None


@given(
    changes=st.lists(
        st.tuples(st.integers(1, 10_000), st.sampled_from([serving, started, broken, stopped])), min_size=1, max_size=30
    ),
    live=st.booleans(),
)
def test_no_moment_is_counted_twice_and_none_in_the_future(
    changes: list[tuple[int, Callable[[datetime], AvailabilityRecord]]], live: bool
) -> None:
    at, lines = hue(16, 0), []
    for minutes, make in changes:
        at += timedelta(minutes=minutes)
        if at < NOW:
            lines.append(make(at))
    for day in availability_report.report_days(
        AvailabilityData(tuple(lines), Counter(), {}), NOW, online=live, zone=HUE, opening_hours=OFFICE
    ):
        spans = sorted((*day.down, *day.lists_stale), key=lambda span: span.from_at)
        assert all(one.until_at <= other.from_at for one, other in pairwise(spans))
        assert all(span.until_at <= NOW for span in spans)
        assert (
            availability_report.total_duration_s(day.down_while_open)
            <= availability_report.total_duration_s(day.down)
            <= 24 * 3600
        )


def keep(store: SqliteEventStore, number: int, at: datetime, outcome: Outcome = Outcome.PASS) -> AccessEvent:
    passage = dataclasses.replace(an_event(number), occurred_at=at, outcome=outcome)
    store.commit(passage)
    return passage


def test_what_the_database_tells_is_counted_by_local_hour_without_what_a_guard_undid(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    diary = AvailabilityLog(tmp_path / "p.db")
    diary.append(
        AvailabilityEntry(
            ClockReading(hue(1, 6), 1.0, ClockQuality.UNSET),
            AvailabilityState.SERVING,
            lists_stale=False,
            process_start=True,
        )
    )
    diary.append(
        AvailabilityEntry(
            ClockReading(hue(10, 6), 1.0, ClockQuality.SYNCHRONISED),
            AvailabilityState.SERVING,
            lists_stale=False,
            process_start=True,
        )
    )
    diary.append(
        AvailabilityEntry(
            ClockReading(hue(22, 6), 1.0, ClockQuality.SYNCHRONISED),
            AvailabilityState.SERVING,
            lists_stale=True,
            process_start=True,
        )
    )
    for number in range(1, 6):
        keep(store, number, hue(21, 9, number))
    keep(store, 6, hue(21, 9, 30), Outcome.FAIL)
    undone = keep(store, 7, hue(22, 7, 59))
    store.commit(dataclasses.replace(an_undo_event(8, undone), occurred_at=hue(22, 8)))
    store.close()

    records = read_availability(tmp_path / "p.db", hue(17, 0).astimezone(UTC))

    assert [line.at for line in records.records] == [hue(10, 6), hue(22, 6)]
    assert records.last_events == {hue(22, 6): hue(21, 9, 30)}
    (day,) = [
        day
        for day in availability_report.report_days(records, NOW, online=True, zone=HUE, opening_hours=())
        if day.date.day == 21
    ]
    assert [hour for hour, count in enumerate(day.hours) if count] == [9]
    assert day.hours[9] == 5
    assert sum(records.passes.values()) == 5, "what was undone does not count"


def test_the_report_is_a_page_in_both_languages_and_stands_in_the_printed_status_page(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    now = datetime.now(UTC)
    AvailabilityLog(tmp_path / "p.db").append(
        AvailabilityEntry(
            ClockReading(now - timedelta(days=3), 1.0, ClockQuality.SYNCHRONISED),
            AvailabilityState.SERVING,
            lists_stale=False,
            process_start=True,
        )
    )
    keep(store, 1, now)
    store.close()
    publish(tmp_path, a_status())
    with browsing(tmp_path, database=tmp_path / "p.db", opening_hours=("mon-sun 07:30-17:00",)) as client:
        english = client.get("/report?lang=en").text
        vietnamese = client.get("/report?lang=vi").text
        printed = client.get("/?lang=en").text
    assert "Activity report of the gate" in english
    assert "Báo cáo hoạt động của cổng" in vietnamese
    assert "07:30–17:00" in english
    assert 'class="part wide report on-paper"' in printed
    assert "Out of service" in printed


def test_without_a_database_the_report_says_so(tmp_path: Path) -> None:
    publish(tmp_path, a_status())
    with browsing(tmp_path) as client:
        assert "No activity log yet" in client.get("/report?lang=en").text
