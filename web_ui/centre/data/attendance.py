"""Who does not scan: open hours without a passage, against the site's own usual hours. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

from kiosk.core.rules import OpeningHours

HOUR = timedelta(hours=1)
WEEK = 7 * 24
USUAL_SHARE = 0.5
"""An hour of the week is usual if it had a passage on at least this part of its days."""
GAP_SHARE = 0.2
"""More missed usual hours than this part are worth a visit."""
STOPPED_HOURS = 8
"""So many usual hours in a row without a passage, up to now, mean that the site stopped."""


class Attendance(StrEnum):
    """What an inspector wants to know of a site. In the order of urgency."""

    NEVER = "never"
    """No passage in the whole period."""
    STOPPED = "stopped"
    """It scanned, and no longer does."""
    GAPS = "gaps"
    """Many usual hours have no passage."""
    REGULAR = "regular"
    UNKNOWN = "unknown"
    """No opening hours are registered, and no passage came: it may be closed."""


@dataclass(frozen=True, slots=True)
class SiteAttendance:
    """How a site scanned in a period."""

    attendance: Attendance
    open_hours: int
    """Hours that ended while the site was open. Without registered hours: its usual hours."""
    missed_hours: int
    """Of them without a passage."""
    usual_hours: int
    missed_usual_hours: int
    silent_in_a_row: int
    """Usual hours without a passage up to now."""
    last_passage_at: datetime | None
    """Beginning of the last hour with a passage."""


def site_attendance(
    opening_hours: tuple[str, ...], passed: Mapping[datetime, int], since: datetime, now: datetime, zone: tzinfo
) -> SiteAttendance:
    """`passed`: passages by the beginning of their hour, in UTC. `since`: beginning of an hour. The present hour does not count."""
    scanned = {(hour - since) // HOUR for hour, number in passed.items() if number and since <= hour < now}
    return judge_hours(opening_hours, scanned, since, now, zone)


def judge_hours(
    opening_hours: tuple[str, ...], scanned: Set[int], since: datetime, now: datetime, zone: tzinfo
) -> SiteAttendance:
    """The same. `scanned`: hours with a passage, 0 is the hour that begins at `since`. None is later than `now`."""
    count = max(0, (now - since) // HOUR)
    first_slot = _slot(since, zone)
    pattern = open_slots(opening_hours)
    is_open = pattern or (True,) * WEEK
    usual = _usual_slots(count, scanned, first_slot, is_open)
    counted = is_open if pattern else tuple(slot in usual for slot in range(WEEK))
    open_count = missed = usual_count = missed_usual = in_a_row = 0
    for index in range(count):
        slot = (first_slot + index) % WEEK
        is_missed = index not in scanned
        if counted[slot]:
            open_count += 1
            missed += is_missed
        if slot in usual:
            usual_count += 1
            missed_usual += is_missed
            in_a_row = in_a_row + 1 if is_missed else 0
        elif not is_missed:
            in_a_row = 0
    last = since + max(scanned) * HOUR if scanned else None
    found = SiteAttendance(Attendance.UNKNOWN, open_count, missed, usual_count, missed_usual, in_a_row, last)
    return replace(found, attendance=_judge(found, has_hours=bool(pattern)))


def _judge(found: SiteAttendance, *, has_hours: bool) -> Attendance:
    if found.last_passage_at is None:
        return Attendance.NEVER if has_hours and found.open_hours else Attendance.UNKNOWN
    if found.silent_in_a_row >= STOPPED_HOURS:
        return Attendance.STOPPED
    if found.usual_hours and found.missed_usual_hours / found.usual_hours > GAP_SHARE:
        return Attendance.GAPS
    return Attendance.REGULAR


def _usual_slots(count: int, scanned: Set[int], first_slot: int, is_open: Sequence[bool]) -> set[int]:
    with_passage = Counter((first_slot + index) % WEEK for index in scanned if index < count)
    whole, rest = divmod(count, WEEK)
    return {
        slot
        for slot, number in with_passage.items()
        if is_open[slot] and number >= USUAL_SHARE * (whole + ((slot - first_slot) % WEEK < rest))
    }


def _slot(at: datetime, zone: tzinfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


@lru_cache(maxsize=4096)
def open_slots(opening_hours: tuple[str, ...]) -> tuple[bool, ...]:
    """For each hour of the week, from Monday 00:00, whether the site is open at its half. Empty: no hours are registered."""
    if not opening_hours:
        return ()
    parsed = [OpeningHours.parse(text) for text in opening_hours]
    monday = datetime(2024, 1, 1, 0, 30)  # noqa: DTZ001  a local time of any week
    return tuple(any(hours.contains(monday + timedelta(hours=slot)) for hours in parsed) for slot in range(WEEK))
