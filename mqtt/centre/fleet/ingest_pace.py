"""How many events of backlogs per second the centre asks for at present: none while live messages are late. Pure.

A fixed number would be wrong on most machines, and at most hours: what a database stores per second depends on its disk, on
its other users, and on how many people pass the gates now.
"""

from math import inf

LATE_S = 1.0
"""A live message that takes longer from its sender to the commit is late. The backlogs stop."""
EARLY_S = LATE_S / 2
"""Below this delay they go on."""
PROBES_WITHOUT_BACKLOG = 3
"""So many that were sent after the backlogs stopped show how long a message takes without them. On a slow disk that is long."""
FIRST_EVENTS_PER_S = 500.0
LEAST_EVENTS_PER_S = 50.0
"""However slow the centre is, the backlogs go on so fast."""
REMAINING, LEAST_REMAINING = 0.7, 0.35
"""After live messages were late: this part of what the centre has stored meanwhile, and at least this part of the former rate."""
FAR, NEAR, BEYOND = 2.0, 1.05, 1.2
"""How the rate grows: far below the one at which a message was late, near it, and when it turned out to be none."""
RAISE_INTERVAL_S = 2.0


class IngestPace:
    """One thread. The time comes from its caller, in seconds of a monotonic clock."""

    def __init__(self, most_events_per_s: float) -> None:
        self.events_per_s = min(most_events_per_s, FIRST_EVENTS_PER_S)
        """Of all backlogs together, while they do not stop."""
        self.is_late = False
        """The backlogs stop, until what is on its way has been stored."""
        self._most = most_events_per_s
        self._too_fast = inf
        """At this rate a message was late."""
        self._raise_at_s = 0.0
        self._late_since_s = 0.0
        self._stored = 0
        """Events since then."""
        self._late_s = LATE_S
        """Twice as long as it takes without backlogs, where that is longer."""
        self._sent_since = 0
        """Messages that were sent after the backlogs had stopped, and came back."""

    def on_connected(self) -> None:
        """How long a live message takes over the new connection is not known yet."""
        self.is_late = False

    def on_stored(self, events: int) -> None:
        """So many events were committed, live ones too."""
        self._stored += events

    def on_delay(self, delay_s: float, now_s: float, *, is_used: bool, is_complete: bool = True) -> None:
        """A live message took so long to its commit. Not `is_complete`: it has waited so long by now.

        `is_used`: devices want the whole rate.
        """
        if self.is_late:
            if is_complete:
                self._sent_since += now_s - delay_s >= self._late_since_s
                if delay_s < EARLY_S or self._sent_since >= PROBES_WITHOUT_BACKLOG:
                    self._go_on(delay_s, now_s)
        elif delay_s >= self._late_s:
            self.is_late, self._late_since_s = True, now_s
            self._stored = self._sent_since = 0
        elif is_complete and delay_s < self._late_s / 2:
            if delay_s < EARLY_S:
                self._late_s = LATE_S
            if is_used and now_s >= self._raise_at_s:
                self.events_per_s = min(self._most, self.events_per_s * self._growth())
                self._raise_at_s = now_s + RAISE_INTERVAL_S

    def _go_on(self, delay_s: float, now_s: float) -> None:
        self.is_late = False
        self._late_s = max(LATE_S, 2 * delay_s)
        self._too_fast = self.events_per_s
        sustained = min(self.events_per_s, self._stored / max(now_s - self._late_since_s, 1e-3))
        lower = max(REMAINING * sustained, LEAST_REMAINING * self.events_per_s)
        self.events_per_s = max(min(LEAST_EVENTS_PER_S, self._most), lower)
        self._raise_at_s = now_s + RAISE_INTERVAL_S

    def _growth(self) -> float:
        near = REMAINING * self._too_fast
        if self.events_per_s < 0.99 * near:
            return min(FAR, near / self.events_per_s)
        return NEAR if self.events_per_s < self._too_fast else BEYOND
