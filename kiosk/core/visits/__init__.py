"""Visit tracking: which codes in view need an answer, and who is inside."""

from kiosk.core.visits.debounce import AWAY_S, MAX_CODES, SETTLE_S, STEPS, CodeState, Seen, Step
from kiosk.core.visits.occupancy import DAY_S, KEEP_S, MAX_NAMES
from kiosk.core.visits.tracker import Visits

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
