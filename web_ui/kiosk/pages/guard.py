"""What the guard's screen shows: the answer to the person at the gate for some seconds, and else the state; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk.core.status import CheckStatus
from web_ui.i18n.formatting import Language, LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages import view_model
from web_ui.kiosk.pages.status import make_translator

GUARD_PARTS = ("screen", "bar", "undo")


@dataclass(frozen=True, slots=True)
class GuardScreen:
    """One full screen."""

    shape: str
    """An outcome, or a state: it chooses shape and colour."""
    word: str
    sentence: str
    number: int
    """Of the decision that is shown, 0 for a state: a new one may sound."""
    direction: str | None = None
    direction_word: str = ""


def guard_screen(daemon: DaemonStatus, now: datetime, language: Language, formatter: LocaleFormatter) -> GuardScreen:
    """The last answer while the lamp shows it, else the state with the worst trouble and its remedy."""
    shown = view_model.current_decision(daemon, now)
    if shown:
        answer = view_model.decision_row(shown, language, formatter)
        return GuardScreen(
            shown.outcome, answer.word, answer.reason, shown.number, answer.direction, answer.direction_word
        )
    hero = view_model.status_header(daemon, now, language, formatter)
    t = make_translator(language)
    worst = next((check.sentence for check in hero.failing_checks if check.status == CheckStatus.FAIL), "")
    if hero.state == "ready":
        said = [t("guard.ready")]
    elif daemon.online:
        said = [worst or hero.sentence, hero.remedy]
    else:
        said = [hero.sentence, t("guard.call")]
    return GuardScreen(hero.state, view_model.state_label(hero.state, language), " ".join(filter(None, said)), 0)


def guard_context(
    daemon: DaemonStatus, language: Language, formatter: LocaleFormatter, now: datetime
) -> dict[str, Any]:
    """Everything that the parts show."""
    return {
        "t": make_translator(language),
        "language": language,
        "truth": daemon,
        "status": daemon.status,
        "number": formatter.number,
        "room": view_model.occupancy_view(daemon.status),
        "screen": guard_screen(daemon, now, language, formatter),
    }
