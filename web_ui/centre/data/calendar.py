"""Days and hours of the city. Vietnam has one time zone, a whole number of hours from UTC, and no summer time."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def local_day(at: datetime, zone: tzinfo = CITY_ZONE) -> date:
    """The day of a moment in the city."""
    return at.astimezone(zone).date()


def midnight(day: date, zone: tzinfo = CITY_ZONE) -> datetime:
    """The beginning of a day of the city, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def last_days(until: date, count: int) -> tuple[date, ...]:
    """`count` days, the last one is `until`. Oldest first."""
    return tuple(until - timedelta(days=ago) for ago in reversed(range(count)))
