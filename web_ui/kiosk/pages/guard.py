"""What the guard's screen shows: for some seconds the decision for the person at the gate, else the state; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk.core.status import RecentDecision
from kiosk.system.messages import outcome_message
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages import view_model
from web_ui.kiosk.pages.view_model import DecisionRow
from web_ui.settings import UNNAMED, PlaceNames

GUARD_PARTS = ("screen", "recent", "bar", "undo")
RECENT = 3
"""Decisions below the screen: who looks up too late still sees the last one."""
LONG_TEXT = 60
VERY_LONG_TEXT = 140
"""From this number of characters on, a text is written smaller."""


@dataclass(frozen=True, slots=True)
class GuardScreen:
    """One full screen."""

    shape: str
    """An outcome, or a state: it chooses shape and colour."""
    word: str
    sentence: str
    number: int
    """Of the decision that is shown, 0 for a state. A new number may sound."""
    direction: str | None = None
    direction_word: str = ""
    """Empty where the word already says the direction."""
    hint: str = ""
    """What the guard does about it."""

    @property
    def size(self) -> str:
        """`short`, `long` or `very-long`: how much text has to fit."""
        length = len(self.sentence) + len(self.hint)
        return "very-long" if length >= VERY_LONG_TEXT else "long" if length >= LONG_TEXT else "short"


def guard_screen(
    daemon: DaemonStatus, now: datetime, formatter: LocaleFormatter, place: PlaceNames = UNNAMED
) -> GuardScreen:
    """The last decision while the lamp shows it, else the state with the worst failing check and its remedy."""
    decision = view_model.current_decision(daemon, now)
    if decision:
        return _decision_screen(decision, formatter)
    t = formatter.t
    header = view_model.status_header(daemon, now, formatter)
    worst = next((check.sentence for check in header.failing_checks), "")
    own_word = f"guard.state.{header.state}"
    if header.state == "ready":
        sentences = [t("guard.ready")]
    elif daemon.online:
        sentences = [worst or header.sentence, header.remedy]
        if t("guard.paper-list") in sentences[0]:  # most sentences of checks end with it
            sentences.pop()
    else:
        sentences = [header.sentence, t("guard.call.help", help=place.help) if place.help else t("guard.call")]
    word = t(own_word) if t.has(own_word) else t.code("state", header.state)
    return GuardScreen(header.state, word, " ".join(filter(None, sentences)), 0)


def recent_rows(daemon: DaemonStatus, now: datetime, formatter: LocaleFormatter) -> tuple[DecisionRow, ...]:
    """The last decisions, newest first, without the one that fills the screen. None while no code opens the gate."""
    if not daemon.serving:
        return ()
    rows = view_model.decision_rows(daemon.status, formatter)
    return rows[1 : RECENT + 1] if view_model.current_decision(daemon, now) else rows[:RECENT]


def undo_seconds_left(daemon: DaemonStatus) -> int:
    """Whole seconds in which the last event can still be undone. 0: it cannot."""
    undo = daemon.status.undo if daemon.online and daemon.status else None
    return max(0, int(undo.remaining_s - (daemon.age_s or 0.0))) if undo else 0


def _decision_screen(decision: RecentDecision, formatter: LocaleFormatter) -> GuardScreen:
    t = formatter.t
    row = view_model.decision_row(decision, formatter)
    hint = f"reason-guard.{decision.reason}"
    return GuardScreen(
        shape=decision.outcome,
        word=outcome_message(t, decision.outcome, decision.direction),
        sentence=t.code("reason", decision.reason),
        number=decision.number,
        direction=row.direction,
        direction_word="" if t.has(f"outcome.{decision.outcome}.{decision.direction}") else row.direction_word,
        hint=t(hint) if t.has(hint) else "",
    )


def guard_context(
    daemon: DaemonStatus, formatter: LocaleFormatter, now: datetime, place: PlaceNames = UNNAMED
) -> dict[str, Any]:
    """Everything that the parts show."""
    undo_left_s = undo_seconds_left(daemon)
    return {
        "t": formatter.t,
        "language": formatter.language,
        "daemon": daemon,
        "status": daemon.status,
        "number": formatter.number,
        "occupancy": view_model.occupancy_view(daemon.status),
        "screen": guard_screen(daemon, now, formatter, place),
        "recent": recent_rows(daemon, now, formatter),
        "undo_left": formatter.duration(undo_left_s) if undo_left_s else "",
    }
