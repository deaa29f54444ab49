"""Bounds the records of a flood of refusals: a burst of them is recorded one by one, and a count stands for the rest."""

REFUSAL_BURST = 20
"""Refusals of one presence that get a light and a record of their own."""
PRESENCE_GAP_S = 2.0
"""A presence ends when this long nothing was refused."""
REFILL_S = 10.0
"""While a presence lasts, one more refusal is recorded after this time, so that the lamps do not stay dark."""
COUNT_INTERVAL_S = 10.0
"""How often the count is written during a flood."""


class RefusalLimit:
    """The refusals of one presence. One thread. All times are monotonic."""

    def __init__(self) -> None:
        self._left = float(REFUSAL_BURST)
        self._refused_s = float("-inf")
        self._counted_s = float("-inf")
        self.uncounted = 0
        """Refusals that are neither recorded nor declared yet."""

    def take(self, now_s: float) -> bool:
        """Whether this refusal gets a light and a record. If not, it is counted."""
        pause_s = now_s - self._refused_s
        self._refused_s = now_s
        self._left = REFUSAL_BURST if pause_s > PRESENCE_GAP_S else min(REFUSAL_BURST, self._left + pause_s / REFILL_S)
        if self._left >= 1:
            self._left -= 1
            return True
        self.uncounted += 1
        return False

    def give_back(self) -> None:
        """The last refusal that was taken could not be recorded. The person tries again in the next frame."""
        self._left = min(REFUSAL_BURST, self._left + 1)

    def count_due(self, now_s: float) -> int:
        """Number of refusals that are to be declared now: at the start of a flood, at intervals, and after its end."""
        is_due = now_s - self._counted_s >= COUNT_INTERVAL_S or now_s - self._refused_s > PRESENCE_GAP_S
        return self.uncounted if is_due else 0

    def mark_counted(self, count: int, now_s: float) -> None:
        """So many refusals are declared."""
        self.uncounted -= count
        self._counted_s = now_s
