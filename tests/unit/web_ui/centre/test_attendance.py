"""Who does not scan: open hours without a passage, against the site's own usual hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_ui.centre.data.attendance import STOPPED_HOURS, Attendance, SiteAttendance, open_slots, site_attendance
from web_ui.centre.data.calendar import CITY_ZONE

MONDAY = datetime(2026, 11, 1, 17, tzinfo=UTC)
"""Monday 2 November 2026, 00:00 in the city."""
OFFICE = ("mon-fri 07:00-11:00", "mon-fri 13:00-17:00")
DAYS = 21


def judged(hours: tuple[str, ...], passed: dict[datetime, int], now: datetime) -> SiteAttendance:
    return site_attendance(hours, passed, MONDAY, now, CITY_ZONE)


def scanned(days: int, first: int = 7, last: int = 17) -> dict[datetime, int]:
    """A passage in every hour of the working days."""
    found: dict[datetime, int] = {}
    for day in range(days):
        if (MONDAY + timedelta(days=day)).astimezone(CITY_ZONE).weekday() < 5:
            found |= {MONDAY + timedelta(days=day, hours=hour): 1 for hour in range(first, last)}
    return found


def test_a_site_that_scans_in_every_open_hour_is_regular() -> None:
    found = judged(OFFICE, scanned(DAYS), MONDAY + timedelta(days=DAYS))
    assert found.attendance is Attendance.REGULAR
    assert (found.open_hours, found.missed_hours) == (15 * 8, 0)


def test_a_site_with_opening_hours_that_never_scanned_is_named() -> None:
    found = judged(OFFICE, {}, MONDAY + timedelta(days=DAYS))
    assert found.attendance is Attendance.NEVER
    assert found.missed_hours == found.open_hours == 15 * 8
    assert found.last_passage_at is None


def test_without_opening_hours_and_without_a_passage_no_judgement_is_made() -> None:
    assert judged((), {}, MONDAY + timedelta(days=DAYS)).attendance is Attendance.UNKNOWN


def test_a_site_that_stopped_is_told_after_some_usual_hours_and_not_on_its_days_off() -> None:
    passed = scanned(16)  # until Tuesday of the third week
    wednesday = MONDAY + timedelta(days=16)
    assert judged(OFFICE, passed, wednesday + timedelta(hours=10)).attendance is Attendance.REGULAR
    found = judged(OFFICE, passed, wednesday + timedelta(hours=17))
    assert found.attendance is Attendance.STOPPED
    assert found.silent_in_a_row >= STOPPED_HOURS
    sunday = MONDAY + timedelta(days=13, hours=12)
    assert judged(OFFICE, scanned(12), sunday).attendance is Attendance.REGULAR


def test_the_hours_in_which_a_site_is_usually_quiet_are_not_held_against_it() -> None:
    passed = scanned(DAYS, first=8)
    found = judged(OFFICE, passed, MONDAY + timedelta(days=DAYS))
    assert found.missed_hours == 15
    assert found.missed_usual_hours == 0
    assert found.attendance is Attendance.REGULAR


def test_many_missed_usual_hours_are_gaps() -> None:
    passed = {hour: n for hour, n in scanned(DAYS).items() if hour.astimezone(CITY_ZONE).day % 3}
    found = judged(OFFICE, passed, MONDAY + timedelta(days=19))
    assert found.attendance is Attendance.GAPS


def test_a_passage_outside_the_opening_hours_is_no_open_hour() -> None:
    night = {MONDAY + timedelta(hours=3): 5}
    found = judged(OFFICE, night, MONDAY + timedelta(days=1))
    assert (found.open_hours, found.missed_hours) == (8, 8)
    assert found.last_passage_at == MONDAY + timedelta(hours=3)


def test_the_present_hour_does_not_count() -> None:
    assert judged(OFFICE, {}, MONDAY + timedelta(hours=7, minutes=59)).open_hours == 0
    assert judged(OFFICE, {}, MONDAY + timedelta(hours=8)).open_hours == 1


@pytest.mark.parametrize(
    ("text", "open_count"), [("mon 07:30-09:00", 2), ("sat 22:00-02:00", 4), ("mon-sun 00:00-24:00", 168)]
)
def test_an_hour_is_open_if_the_site_is_open_at_its_half(text: str, open_count: int) -> None:
    assert sum(open_slots((text,))) == open_count


@given(
    st.lists(st.integers(0, DAYS * 24 - 1), max_size=200),
    st.integers(0, DAYS * 24),
    st.sampled_from([(), OFFICE, ("mon-sun 06:00-22:00",), ("sat-sun 22:00-04:00",)]),
)
def test_counts_always_fit_together(hours: list[int], now_h: int, opening: tuple[str, ...]) -> None:
    passed = {MONDAY + timedelta(hours=hour): 1 for hour in hours}
    found = judged(opening, passed, MONDAY + timedelta(hours=now_h))
    assert 0 <= found.missed_hours <= found.open_hours <= now_h
    assert 0 <= found.missed_usual_hours <= found.usual_hours <= now_h
    assert found.silent_in_a_row <= found.missed_usual_hours
    if opening:
        assert found.usual_hours <= found.open_hours
    assert (found.last_passage_at is None) == (not any(hour < now_h for hour in hours))
