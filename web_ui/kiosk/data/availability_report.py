"""The inspectors' report of some days: open hours, people by hour, downtime, stale lists; pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

from kiosk.core.rules import Hours

DAYS = 7


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the kiosk's diary (kiosk/storage/availability_log.py)."""

    at: datetime
    serving: bool
    stale: bool
    first: bool
    stopped: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in UTC."""

    from_at: datetime
    until_at: datetime
    certain: bool = True
    """False: the kiosk ended without a word (power, crash), at some moment of this stretch."""


@dataclass(frozen=True, slots=True)
class Records:
    """What the database knows."""

    lines: tuple[Line, ...]
    """Oldest first; one from before the first day may stand at the beginning."""
    passes: Counter[datetime]
    """By the hour in which they were recorded; hours (in UTC) are counted from the first day's local midnight."""
    signs: dict[datetime, datetime]
    """For the first line of a process: the last passage before it, where there is one."""
    newest: datetime | None = None
    """The newest passage."""


@dataclass(frozen=True, slots=True)
class Day:
    """One local calendar day."""

    date: date
    opens: tuple[Span, ...] | None
    """Opening hours; None: always open."""
    hours: tuple[int, ...]
    """People let through, by local hour, 24 of them."""
    down: tuple[Span, ...]
    """Out of order, stopped, or without power."""
    stale: tuple[Span, ...]
    """Serving with a signed list that was too old."""
    known: bool
    """The diary tells something of this day."""

    @property
    def passes(self) -> int:
        """People let through."""
        return sum(self.hours)

    @property
    def down_while_open(self) -> tuple[Span, ...]:
        """The downtime that people at the gate met."""
        if self.opens is None:
            return self.down
        return tuple(common for span in self.down for hours in self.opens for common in _cut(span, hours))


def total_s(spans: Sequence[Span]) -> float:
    """Seconds of all of them together."""
    return sum((span.until_at - span.from_at).total_seconds() for span in spans)


def days(
    availability: Records, now: datetime, *, online: bool, zone: tzinfo, opening_hours: Sequence[Hours], count: int = DAYS
) -> tuple[Day, ...]:
    """The last days, oldest first, today included; `live`: the daemon is heard at this moment."""
    down, stale = _outages(availability, now, online=online)
    known_from = availability.lines[0].at if availability.lines else now
    today = now.astimezone(zone).date()
    return tuple(
        _day(
            midnight(today - timedelta(days=back), zone),
            availability.passes,
            down=down,
            stale=stale,
            opening_hours=opening_hours,
            known_from=known_from,
            now=now,
        )
        for back in reversed(range(count))
    )


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _outages(availability: Records, now: datetime, *, online: bool) -> tuple[list[Span], list[Span]]:
    """When it did not serve, and when it served with stale lists."""
    down, stale = [], []
    for line, following in pairwise([*availability.lines, None]):
        assert line is not None
        until_at = following.at if following else now
        if not line.stopped and (following.first if following else not online):
            sign = availability.signs.get(following.at) if following else availability.newest
            alive_until = max(line.at, min(sign or line.at, until_at))
            down.append(Span(alive_until, until_at, certain=False))
            until_at = alive_until
        if not line.serving:
            down.append(Span(line.at, until_at))
        elif line.stale:
            stale.append(Span(line.at, until_at))
    return down, stale


def _day(
    begins_at: datetime,
    passes: Counter[datetime],
    *,
    down: Sequence[Span],
    stale: Sequence[Span],
    opening_hours: Sequence[Hours],
    known_from: datetime,
    now: datetime,
) -> Day:
    whole = Span(begins_at, min(begins_at + timedelta(days=1), now))
    return Day(
        begins_at.date(),
        _opening(begins_at, opening_hours),
        tuple(passes[begins_at.astimezone(UTC) + timedelta(hours=hour)] for hour in range(24)),
        tuple(common for span in down for common in _cut(span, whole)),
        tuple(common for span in stale for common in _cut(span, whole)),
        known=known_from < whole.until_at,
    )


def _opening(begins_at: datetime, opening_hours: Sequence[Hours]) -> tuple[Span, ...] | None:
    """The opening hours that begin on a day, in their order."""
    if not opening_hours:
        return None
    found = []
    for hours in opening_hours:
        if begins_at.weekday() in hours.days:
            until_minute = hours.until_minute + (0 if hours.from_minute < hours.until_minute else 24 * 60)
            found.append(
                Span(begins_at + timedelta(minutes=hours.from_minute), begins_at + timedelta(minutes=until_minute))
            )
    return tuple(sorted(found, key=lambda span: span.from_at))


def _cut(span: Span, other: Span) -> Iterator[Span]:
    """What two stretches have in common."""
    from_at, until_at = max(span.from_at, other.from_at), min(span.until_at, other.until_at)
    if from_at < until_at:
        yield Span(from_at, until_at, span.certain)
