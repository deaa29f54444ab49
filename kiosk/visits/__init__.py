"""Thirty frames are one visit: which codes in view still need an answer, and who is inside."""

from kiosk.visits.codes import AWAY_S, MAX_CODES, SETTLE_S, STEPS, CodeState, Seen, Step
from kiosk.visits.memory import Visits
from kiosk.visits.people import DAY_S, KEEP_S, MAX_NAMES

__all__ = [
    "AWAY_S",
    "DAY_S",
    "KEEP_S",
    "MAX_CODES",
    "MAX_NAMES",
    "SETTLE_S",
    "STEPS",
    "CodeState",
    "Seen",
    "Step",
    "Visits",
]
