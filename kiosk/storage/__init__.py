"""Passages on disk: committed before the light, kept until the centre has them, and for as long as the law lets us."""

from kiosk.storage.database import NotADatabase
from kiosk.storage.event_store import Store, StoreDamaged
from kiosk.storage.retention import Limits, Notice

__all__ = ["Limits", "NotADatabase", "Notice", "Store", "StoreDamaged"]
