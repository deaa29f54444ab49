"""Access events on disk: committed before the signal, kept until the centre has them, and as long as the retention allows."""

from kiosk.storage.database import IncompatibleDatabaseError
from kiosk.storage.event_store import SqliteEventStore, StoreCorruptError
from kiosk.storage.retention import RetentionLimits, StorageNotice

__all__ = ["IncompatibleDatabaseError", "RetentionLimits", "SqliteEventStore", "StorageNotice", "StoreCorruptError"]
