"""Keeps the figures of the pages current, so that no reader waits for the database."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from web_ui.centre.data.calendar import local_day
from web_ui.centre.data.day_cache import DayCache
from web_ui.centre.data.fleet import FleetReader

REFRESH_S = 5.0
KEPT_DAYS = 21
"""The longest period of a page."""

_log = logging.getLogger(__name__)


class Refresher:
    """`run` has a thread of its own. `close`: any thread."""

    def __init__(self, reader: FleetReader, days: DayCache, now: Callable[[], datetime]) -> None:
        self._reader = reader
        self._days = days
        self._now = now
        self._closed = threading.Event()

    def run(self) -> None:
        """Read again and again until `close`. A database that fails is logged once, and once when it is back."""
        failed = False
        delay_s = 0.0
        while not self._closed.wait(delay_s):
            try:
                self._reader.refresh_if_wanted()
                delay_s = 0.0 if self._days.refresh(local_day(self._now()), KEPT_DAYS) else REFRESH_S
            except LedgerError as error:
                delay_s = REFRESH_S
                if not failed:
                    _log.error("the figures of the pages cannot be read: %s", printable(str(error)))
                failed = True
                continue
            if failed:
                _log.info("the figures of the pages can be read again")
            failed = False

    def close(self) -> None:
        """End `run`."""
        self._closed.set()
