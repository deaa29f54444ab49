"""Passages on disk: committed before the light, kept until the centre has them, and for as long as the law lets us."""

from kiosk.storage.database import IncompatibleDatabaseError
from kiosk.storage.event_store import SqliteEventStore, StoreCorruptError
from kiosk.storage.retention import RetentionLimits, StorageNotice

__all__ = ["RetentionLimits", "IncompatibleDatabaseError", "StorageNotice", "SqliteEventStore", "StoreCorruptError"]
