"""What the guard's screen shows: the answer to the person at the gate for some seconds, and else the state; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk.core.status import Grade
from web_ui.i18n.formatting import Language, Writing
from web_ui.kiosk.data.daemon_status import Truth
from web_ui.kiosk.pages import view_model
from web_ui.kiosk.pages.status import translate

PARTS = ("screen", "bar", "undo")


@dataclass(frozen=True, slots=True)
class Screen:
    """One full screen."""

    tone: str
    """An outcome, or a state: it chooses shape and colour."""
    word: str
    sentence: str
    number: int
    """Of the decision that is shown, 0 for a state: a new one may sound."""
    direction: str | None = None
    way: str = ""


def screen(truth: Truth, now: datetime, language: Language, writing: Writing) -> Screen:
    """The last answer while the lamp shows it, else the state with the worst trouble and its remedy."""
    shown = view_model.answering(truth, now)
    if shown:
        answer = view_model.answer(shown, language, writing)
        return Screen(shown.outcome, answer.word, answer.reason, shown.number, answer.direction, answer.way)
    hero = view_model.hero(truth, now, language, writing)
    t = translate(language)
    worst = next((check.sentence for check in hero.troubles if check.grade == Grade.BROKEN), "")
    if hero.state == "ready":
        said = [t("guard.ready")]
    elif truth.live:
        said = [worst or hero.sentence, hero.remedy]
    else:
        said = [hero.sentence, t("guard.call")]
    return Screen(hero.state, view_model.state_word(hero.state, language), " ".join(filter(None, said)), 0)


def context(truth: Truth, language: Language, writing: Writing, now: datetime) -> dict[str, Any]:
    """Everything that the parts show."""
    return {
        "t": translate(language),
        "language": language,
        "truth": truth,
        "status": truth.status,
        "number": writing.number,
        "room": view_model.room(truth.status),
        "screen": screen(truth, now, language, writing),
    }
