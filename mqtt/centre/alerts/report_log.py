"""Which report was sent to whom last, so that a restart sends none twice and forgets none."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from mqtt.centre.ingest.database import Query

RETRY_AFTER = timedelta(minutes=15)
"""A report that no server took is tried again after this time."""


class ReportPeriod(StrEnum):
    """How often a report is sent. Its days end with the day before it is sent."""

    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def days(self) -> int:
        """How many days it covers."""
        return 1 if self is ReportPeriod.DAILY else 7

    def due_day(self, today: date) -> date:
        """The newest day on which one should have been sent: today, or the Monday of this week."""
        return today if self is ReportPeriod.DAILY else today - timedelta(days=today.weekday())


def is_due(query: Query, receiver: str, period: ReportPeriod, today: date, now: datetime) -> bool:
    """Whether the report should be sent now. That of a new receiver begins with the next day or week."""
    rows = query("SELECT day, tried_at FROM report_sent WHERE receiver = ? AND period = ?", [receiver, period.value])
    due = period.due_day(today)
    if not rows:
        mark_sent(query, receiver, period, today, now)
        return False
    return date.fromisoformat(rows[0]["day"]) < due and now - datetime.fromisoformat(rows[0]["tried_at"]) >= RETRY_AFTER


def mark_tried(query: Query, receiver: str, period: ReportPeriod, now: datetime) -> None:
    """It was not delivered."""
    query("UPDATE report_sent SET tried_at = ? WHERE receiver = ? AND period = ?", [_text(now), receiver, period.value])


def mark_sent(query: Query, receiver: str, period: ReportPeriod, today: date, now: datetime) -> None:
    """It was delivered. `tried_at` is long ago, so that the next one does not wait."""
    day, tried_at = period.due_day(today).isoformat(), _text(now - timedelta(days=1))
    query(
        "INSERT INTO report_sent VALUES (?, ?, ?, ?) ON CONFLICT (receiver, period) DO UPDATE SET "
        "day = excluded.day, tried_at = excluded.tried_at",
        [receiver, period.value, day, tried_at],
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
