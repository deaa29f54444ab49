"""Access events on disk: committed before the signal, kept until the centre has them, and as long as the retention allows."""

from kiosk.storage.database import IncompatibleDatabaseError
from kiosk.storage.deletion.retention import RetentionLimits, StorageNotice
from kiosk.storage.event_store import SqliteEventStore, StoreCorruptError

__all__ = ["IncompatibleDatabaseError", "RetentionLimits", "SqliteEventStore", "StorageNotice", "StoreCorruptError"]
