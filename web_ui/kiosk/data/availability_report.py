"""The activity report: opening hours, passes by hour, refusals, downtime and stale lists of some days. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

from kiosk.core.rules import OpeningHours
from kiosk.storage.queries.availability import AvailabilityData

REPORT_DAYS = 7


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A period in UTC."""

    from_at: datetime
    until_at: datetime
    certain: bool = True
    """False: the process ended at an unknown moment of this period, by a crash or a loss of power."""


@dataclass(frozen=True, slots=True)
class ReportDay:
    """One local calendar day."""

    date: date
    opening_hours: tuple[TimeSpan, ...] | None
    """None: always open."""
    hours: tuple[int, ...]
    """Passes by local hour, 24 of them."""
    down: tuple[TimeSpan, ...]
    """Out of order, stopped, or without power."""
    lists_stale: tuple[TimeSpan, ...]
    """Serving with a signed list that was too old."""
    known: bool
    """The availability log covers this day."""
    ins: int = 0
    outs: int = 0
    checked: int = 0
    """Answers that asked the guard or the person to try again."""
    refused: int = 0
    installed: bool = True
    """False for a day before the kiosk was set up."""
    counted: bool = True
    """False where events of this day may have been deleted, by the retention time or a limit."""

    @property
    def passes(self) -> int:
        """Passes of the day."""
        return sum(self.hours)

    @property
    def down_while_open(self) -> tuple[TimeSpan, ...]:
        """The downtime within the opening hours."""
        if self.opening_hours is None:
            return self.down
        return tuple(
            common for span in self.down for hours in self.opening_hours for common in _intersection(span, hours)
        )


def total_duration_s(spans: Sequence[TimeSpan]) -> float:
    """The sum in seconds."""
    return sum((span.until_at - span.from_at).total_seconds() for span in spans)


def report_days(
    availability: AvailabilityData,
    now: datetime,
    *,
    online: bool,
    zone: tzinfo,
    opening_hours: Sequence[OpeningHours],
    count: int = REPORT_DAYS,
    last: date | None = None,
) -> tuple[ReportDay, ...]:
    """`count` days up to `last`, oldest first. `last` None: today. `online`: the daemon runs at this moment."""
    down, stale = _outages(availability, now, online=online)
    known_from = availability.records[0].at if availability.records else now
    today = now.astimezone(zone).date()
    return tuple(
        _report_day(
            midnight((last or today) - timedelta(days=back), zone),
            availability,
            down=down,
            stale=stale,
            opening_hours=opening_hours,
            known_from=known_from,
            now=now,
        )
        for back in reversed(range(count))
    )


def midnight(day: date, zone: tzinfo) -> datetime:
    """The start of a local day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _outages(availability: AvailabilityData, now: datetime, *, online: bool) -> tuple[list[TimeSpan], list[TimeSpan]]:
    """The periods out of service, and the periods with stale lists."""
    down, stale = [], []
    for line, following in pairwise([*availability.records, None]):
        assert line is not None
        until_at = following.at if following else now
        if not line.stopped and (following.process_start if following else not online):
            sign = availability.last_events.get(following.at) if following else availability.newest_event_at
            alive_until = max(line.at, min(sign or line.at, until_at))
            down.append(TimeSpan(alive_until, until_at, certain=False))
            until_at = alive_until
        if not line.serving:
            down.append(TimeSpan(line.at, until_at))
        elif line.lists_stale:
            stale.append(TimeSpan(line.at, until_at))
    return down, stale


def _report_day(
    begins_at: datetime,
    availability: AvailabilityData,
    *,
    down: Sequence[TimeSpan],
    stale: Sequence[TimeSpan],
    opening_hours: Sequence[OpeningHours],
    known_from: datetime,
    now: datetime,
) -> ReportDay:
    whole = TimeSpan(begins_at, max(begins_at, min(begins_at + timedelta(days=1), now)))
    hours = [begins_at.astimezone(UTC) + timedelta(hours=hour) for hour in range(24)]
    outcomes, directions = availability.outcomes, availability.directions
    installed_at, counted_since_at = availability.installed_at, availability.counted_since_at
    return ReportDay(
        begins_at.date(),
        _opening_spans(begins_at, opening_hours),
        tuple(availability.passes[hour] for hour in hours),
        tuple(common for span in down for common in _intersection(span, whole)),
        tuple(common for span in stale for common in _intersection(span, whole)),
        known=known_from < whole.until_at,
        ins=sum(directions[hour, "in"] for hour in hours),
        outs=sum(directions[hour, "out"] for hour in hours),
        checked=sum(outcomes[hour, "check-again"] for hour in hours),
        refused=sum(outcomes[hour, "fail"] for hour in hours),
        installed=installed_at is None or installed_at < begins_at + timedelta(days=1),
        counted=counted_since_at is None or counted_since_at <= begins_at,
    )


def _opening_spans(begins_at: datetime, opening_hours: Sequence[OpeningHours]) -> tuple[TimeSpan, ...] | None:
    """The opening hours that begin on a day, in their order."""
    if not opening_hours:
        return None
    found = []
    for hours in opening_hours:
        if begins_at.weekday() in hours.days:
            until_minute = hours.until_minute + (0 if hours.from_minute < hours.until_minute else 24 * 60)
            found.append(
                TimeSpan(begins_at + timedelta(minutes=hours.from_minute), begins_at + timedelta(minutes=until_minute))
            )
    return tuple(sorted(found, key=lambda span: span.from_at))


def _intersection(span: TimeSpan, other: TimeSpan) -> Iterator[TimeSpan]:
    """The common part of two periods, if any."""
    from_at, until_at = max(span.from_at, other.from_at), min(span.until_at, other.until_at)
    if from_at < until_at:
        yield TimeSpan(from_at, until_at, span.certain)
