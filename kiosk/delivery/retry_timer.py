"""When to try again what a broker refused."""

import random

from mqtt.connection import reconnect_delay_s

RETRY_FIRST_S = 2.0
MIN_DELAY_S = 0.5


class RetryTimer:
    """When to try again what the broker refused: exponential backoff with full jitter."""

    def __init__(self, max_delay_s: float, jitter: random.Random) -> None:
        self._max_delay_s = max_delay_s
        self._jitter = jitter
        self._attempt = 0
        self._due_s: float | None = None

    def on_refused(self, now_s: float) -> None:
        """Schedule the next attempt."""
        self._attempt += 1
        self._due_s = (
            now_s + MIN_DELAY_S + reconnect_delay_s(self._attempt, RETRY_FIRST_S, self._max_delay_s, self._jitter)
        )

    @property
    def is_retrying(self) -> bool:
        """The last attempt was refused."""
        return self._attempt > 0

    def reset(self) -> None:
        """It was granted, or the connection was lost."""
        self._attempt, self._due_s = 0, None

    def take_due(self, now_s: float) -> bool:
        """True once for each scheduled attempt."""
        if self._due_s is None or now_s < self._due_s:
            return False
        self._due_s = None
        return True
