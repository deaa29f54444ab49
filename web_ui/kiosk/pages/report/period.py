"""The period of a report, from two date fields; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

MAX_DAYS = 366
DEFAULT_DAYS = 7


class PeriodError(ValueError):
    """The dates give no period."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Their number."""
        return (self.last - self.first).days + 1


def parse_period(fields: Mapping[str, str], today: date) -> Period:
    """`since` and `until` as ISO dates. Without them the last seven days. Raises PeriodError.

    A period ends today at the latest.
    """
    if not fields.get("since") and not fields.get("until"):
        return last_days(today)
    try:
        last = date.fromisoformat(fields["until"]) if fields.get("until") else today
        first = date.fromisoformat(fields["since"]) if fields.get("since") else last - timedelta(days=DEFAULT_DAYS - 1)
    except (ValueError, OverflowError) as error:
        raise PeriodError(str(error)) from error
    last = min(last, today)
    if not (1 <= (last - first).days + 1 <= MAX_DAYS) or first.year < 1970:
        raise PeriodError(f"{first} to {last}")
    return Period(first, last)


def last_days(today: date) -> Period:
    """The last seven days with today."""
    return Period(today - timedelta(days=DEFAULT_DAYS - 1), today)


def presets(today: date) -> dict[str, Period]:
    """Periods that people ask for, by the last part of their message id `report.period.NAME`."""
    last_month = today.replace(day=1) - timedelta(days=1)
    return {
        "week": last_days(today),
        "month": Period(today.replace(day=1), today),
        "last-month": Period(last_month.replace(day=1), last_month),
    }
