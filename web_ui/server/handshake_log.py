"""One line for many failed TLS handshakes: a flood of them must not push other lines out of the log."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from web_ui.auth.login_throttle import client_network

FIRST_PERIOD_S = 60.0
MAX_PERIOD_S = 3600.0
MAX_LINES_PER_PERIOD = 5
"""Lines of single failures. All others are counted in the summary at the end of the period."""
MAX_ADDRESSES = 256

_log = logging.getLogger(__name__)


class HandshakeFailureLog:
    """Logs the first failure of each cause and address, then a count for each cause. Any thread.

    A period lasts a minute. While failures go on, each period is twice as long as the one before, up to an hour.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began_s = 0.0
        self._period_s = FIRST_PERIOD_S
        self._counts: Counter[tuple[str, str]] = Counter()
        self._others: Counter[str] = Counter()
        self._logged: set[tuple[str, str]] = set()

    def record(self, cause: str, address: str) -> None:
        """A connection that ended before its handshake did. `cause`: one of a few fixed texts."""
        key = cause, client_network(address)
        with self._lock:
            self._end_period()
            if not self._counts and not self._others:
                self._began_s = self._monotonic()
            if key not in self._counts and len(self._counts) >= MAX_ADDRESSES:
                self._others[cause] += 1
                return
            self._counts[key] += 1
            if self._counts[key] == 1 and len(self._logged) < MAX_LINES_PER_PERIOD:
                self._logged.add(key)
                _log.warning("TLS: %s (from %s)", cause, key[1] or "an unknown address")

    def flush(self) -> None:
        """Log the summary if the period is over. Call it from time to time."""
        with self._lock:
            self._end_period()

    def _end_period(self) -> None:
        now_s = self._monotonic()
        if now_s - self._began_s < self._period_s:
            return
        busy = self._log_summary()
        self._period_s = min(MAX_PERIOD_S, 2 * self._period_s) if busy else FIRST_PERIOD_S
        self._began_s = now_s
        self._counts.clear()
        self._others.clear()
        self._logged.clear()

    def _log_summary(self) -> bool:
        """One line for each cause that happened more often than its lines say. Whether there was any."""
        busy = False
        for cause in sorted({cause for cause, _ in self._counts} | set(self._others)):
            by_address = Counter({address: count for (each, address), count in self._counts.items() if each == cause})
            total = by_address.total() + self._others[cause]
            if total <= sum(1 for each, _ in self._logged if each == cause):
                continue
            busy = True
            address, most = by_address.most_common(1)[0] if by_address else ("other addresses", total)
            more = " or more" if self._others[cause] else ""
            _log.warning(
                "TLS: %s: %d times in %d s, addresses: %d%s, most from %s: %d",
                cause, total, self._period_s, len(by_address), more, address or "an unknown address", most,
            )  # fmt: skip
        return busy
