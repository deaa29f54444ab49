"""Passages on disk: committed before the light, kept until the centre has them, and for as long as the law lets us."""

from kiosk.store.database import NotADatabase
from kiosk.store.limits import Limits, Notice
from kiosk.store.passages import Store, StoreDamaged

__all__ = ["Limits", "NotADatabase", "Notice", "Store", "StoreDamaged"]
