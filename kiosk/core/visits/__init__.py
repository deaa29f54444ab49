"""Visit tracking: which codes in view need an answer, and who is inside."""

from kiosk.core.visits.debounce import (
    CODE_ACTIONS,
    MAX_CODES,
    SETTLE_S,
    UNDO_ABSENCE_S,
    CodeAction,
    CodeState,
    CodeVisibility,
)
from kiosk.core.visits.occupancy import DAY_S, MAX_PSEUDONYMS, MEMORY_S
from kiosk.core.visits.refusals import REFUSAL_BURST, RefusalLimit
from kiosk.core.visits.tracker import VisitTracker

__all__ = [
    "CODE_ACTIONS",
    "DAY_S",
    "MAX_CODES",
    "MAX_PSEUDONYMS",
    "MEMORY_S",
    "REFUSAL_BURST",
    "SETTLE_S",
    "UNDO_ABSENCE_S",
    "CodeAction",
    "CodeState",
    "CodeVisibility",
    "RefusalLimit",
    "VisitTracker",
]
