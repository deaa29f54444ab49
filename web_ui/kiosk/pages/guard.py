"""What the guard's screen shows: for some seconds the decision for the person at the gate, else the state; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk.core.status import CheckStatus, RecentDecision
from kiosk.system.messages import outcome_message
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages import view_model

GUARD_PARTS = ("screen", "bar", "undo")


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


def guard_screen(daemon: DaemonStatus, now: datetime, formatter: LocaleFormatter) -> GuardScreen:
    """The last decision while the lamp shows it, else the state with the worst failing check and its remedy."""
    decision = view_model.current_decision(daemon, now)
    if decision:
        return _decision_screen(decision, formatter)
    t = formatter.t
    header = view_model.status_header(daemon, now, formatter)
    worst = next((check.sentence for check in header.failing_checks if check.status == CheckStatus.FAIL), "")
    if header.state == "ready":
        sentences = [t("guard.ready")]
    elif daemon.online:
        sentences = [worst or header.sentence, header.remedy]
    else:
        sentences = [header.sentence, t("guard.call")]
    return GuardScreen(header.state, t.code("state", header.state), " ".join(filter(None, sentences)), 0)


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


def guard_context(daemon: DaemonStatus, formatter: LocaleFormatter, now: datetime) -> dict[str, Any]:
    """Everything that the parts show."""
    return {
        "t": formatter.t,
        "language": formatter.language,
        "daemon": daemon,
        "status": daemon.status,
        "number": formatter.number,
        "occupancy": view_model.occupancy_view(daemon.status),
        "screen": guard_screen(daemon, now, formatter),
    }
