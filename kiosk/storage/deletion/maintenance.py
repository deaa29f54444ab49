"""Applies the retention limits to the device's database, a bounded number of rows at a time."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.deletion import retention
from kiosk.storage.deletion.retention import RetentionLimits
from kiosk.storage.delivery_state import DeliveryState


class RetentionMaintenance:
    """Works on the connection of the relay, and takes both locks of the store for each transaction."""

    def __init__(
        self,
        connection: DatabaseConnection,
        delivery: DeliveryState,
        *,
        path: Path,
        limits: RetentionLimits,
        relay_lock: threading.Lock,
        write_lock: threading.Lock,
    ) -> None:
        self._connection = connection
        self._path = path
        self._limits = limits
        self._delivery = delivery
        self._relay_lock = relay_lock
        self._write_lock = write_lock
        self._redacted_up_to_seq = 0

    def run(self, now: ClockReading, newest_seq: Callable[[], int]) -> int:
        """Returns how many rows were deleted. Raises sqlite3.Error and OSError."""
        at = now.utc_at if now.quality is ClockQuality.SYNCHRONISED else None
        text = now.utc_at.isoformat(timespec="seconds")
        deleted = 0
        for _ in range(retention.TRANSACTIONS_PER_RUN):
            count = self._purge(newest_seq(), at, text)
            if not count:
                break
            deleted += count
        if at is not None:
            deleted += self._purge_quarantine(at, newest_seq())
        if not deleted:
            self._redact_if_low_on_space(newest_seq(), text)
        return deleted

    def _purge(self, newest_seq: int, at: datetime | None, now_text: str) -> int:
        with self._relay_lock:
            order = retention.next_purge(
                self._connection,
                self._path,
                self._limits,
                newest_seq=newest_seq,
                settled=self._delivery.settled,
                at=at,
            )
            if order is None:
                return 0
            with self._write_lock:
                return retention.purge_rows(self._connection, order, now_text)

    def _purge_quarantine(self, at: datetime, newest_seq: int) -> int:
        """An event in quarantine is kept as long as any other, and no longer."""
        with self._relay_lock:
            if not self._delivery.quarantined:
                return 0
            with self._write_lock:
                return retention.purge_quarantine(self._connection, self._delivery, at, self._limits, newest_seq)

    def _redact_if_low_on_space(self, newest_seq: int, now_text: str) -> None:
        with self._relay_lock:
            if retention.is_low_on_space(self._connection, self._path, self._limits):
                up_to_seq = newest_seq - retention.MIN_ROWS_FOR_VISITS
                with self._write_lock:
                    self._redacted_up_to_seq = retention.redact_failures(
                        self._connection, self._redacted_up_to_seq, up_to_seq, now_text
                    )
