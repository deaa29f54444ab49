"""Reads events from the device's database. A row that cannot be understood hides no other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kiosk.core.model import StoredEvent
from kiosk.storage import rows
from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.delivery_state import DeliveryState


class EventReader:
    """One thread at a time. All methods raise sqlite3.Error."""

    def __init__(self, connection: DatabaseConnection, delivery: DeliveryState, boot_ids: Mapping[int, str]) -> None:
        self._connection = connection
        self._delivery = delivery
        self._boot_ids = boot_ids
        self.unreadable_seqs: set[int] = set()
        """Rows that were found and cannot be understood."""

    def pending_rows(self, after_seq: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Rows (rows.EVENT_COLUMNS) that are not acknowledged, with seq > after_seq, oldest first."""
        if self._delivery.has_gaps:
            return self._select("outbox WHERE seq > ? ORDER BY seq LIMIT ?", [after_seq, limit])
        # The same result. The view would look into two empty tables for each row.
        up_to_seq = self._delivery.up_to_seq
        return self._select("event WHERE seq > ? ORDER BY seq LIMIT ?", [max(after_seq, up_to_seq), limit])

    def recent_rows(self, limit: int) -> Sequence[tuple[Any, ...]]:
        """The newest rows, newest first."""
        return self._select("event ORDER BY seq DESC LIMIT ?", [limit])

    def _select(self, source: str, parameters: list[int]) -> list[tuple[Any, ...]]:
        found = rows.fetch_rows(self._connection, rows.SELECT_EVENT_COLUMNS + source, parameters)
        rows.require_order([row[0] for row in found])
        return found

    def event_ids(self, first_seq: int, last_seq: int) -> Mapping[int, bytes]:
        """The ids by seq."""
        query = "SELECT seq, id FROM event WHERE seq BETWEEN ? AND ?"
        return dict(self._connection.execute(query, [first_seq, last_seq]).fetchall())

    def events(self, found: Iterable[tuple[Any, ...]]) -> list[StoredEvent]:
        """The events of these rows, without those that cannot be understood."""
        events = []
        for row in found:
            try:
                events.append(rows.event_from_row(self._delivery.epoch, self._boot_ids, row))
            except rows.UnreadableRowError:
                self.unreadable_seqs.add(row[0])
        return events
