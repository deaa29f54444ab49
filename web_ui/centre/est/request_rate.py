"""Limits how often one address may ask. In memory, bounded."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from web_ui.auth.login_throttle import client_network

REQUESTS_PER_MINUTE = 240
"""All kiosks of a site may share one address. Each asks every few seconds while it waits."""
MAX_ADDRESSES = 4096
_WINDOW_S = 60.0


class RequestRate:
    """Counts requests of each network in windows of a minute. Any thread."""

    def __init__(self, limit: int = REQUESTS_PER_MINUTE, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Count a request. 0: it is answered. Otherwise the seconds until the next one is."""
        network = client_network(address)
        with self._lock:
            now_s = self._monotonic()
            started_s, count = self._windows.pop(network, (now_s, 0))
            if now_s - started_s >= _WINDOW_S:
                started_s, count = now_s, 0
            self._windows[network] = (started_s, count + 1)
            while len(self._windows) > MAX_ADDRESSES:
                self._windows.popitem(last=False)
            return 0.0 if count < self._limit else _WINDOW_S - (now_s - started_s)
