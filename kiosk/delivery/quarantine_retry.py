"""When events are sent again that a broker did not take: its limits may have changed, or there is another broker."""

from datetime import datetime, timedelta

from kiosk.core.ports import QuarantineSelection
from kiosk.delivery.poison_messages import CLOSES_CONNECTION

NO_RECEIPT = "no-receipt"
TRANSPORT_REASONS = frozenset({CLOSES_CONNECTION, NO_RECEIPT})
"""Reasons that say something about the way to the centre. The centre itself has not rejected the event."""
FIRST_S = 3600.0
LAST_S = 24 * 3600.0


MAX_AGE = timedelta(days=7)
"""Older events stay in quarantine, so that they are deleted after the retention time with a notice."""


def selection(now_at: datetime) -> QuarantineSelection:
    """The events that are tried again."""
    return QuarantineSelection(TRANSPORT_REASONS, now_at - MAX_AGE)


class QuarantineRetry:
    """The times of the attempts: after an hour, then twice as long each time, up to a day. Pure."""

    def __init__(self, first_s: float = FIRST_S) -> None:
        self._first_s = self._interval_s = first_s
        self._due_s: float | None = None

    def take_due(self, now_s: float) -> bool:
        """True once for each attempt. The first call only starts the clock."""
        if self._due_s is None:
            self._due_s = now_s + self._interval_s
        return now_s >= self._due_s

    def on_attempt(self, count: int, now_s: float) -> None:
        """`count` events left quarantine."""
        self._interval_s = min(2 * self._interval_s, LAST_S) if count else self._first_s
        self._due_s = now_s + self._interval_s
