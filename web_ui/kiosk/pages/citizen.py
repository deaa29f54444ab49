"""What the screen for people at the gate shows: how to hold a code, the answer, and what to do now; pure.

It never shows a name. It speaks to the person: what only the guard or an administrator can mend is not named.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk.core.model import DeviceState, Outcome, Reason
from kiosk.core.rules import OpeningHours
from kiosk.system.messages import outcome_message
from kiosk.system.translations import Translator, languages, translator
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages import view_model
from web_ui.settings import PlaceNames

CITIZEN_PARTS = ("citizen",)
ASKING = ("ready", "degraded")
"""States in which people may show their codes: a check that only warns is no concern of theirs."""
_ASK = ("citizen.ask", "citizen.ask.how")
_RESTING = {
    DeviceState.STARTING.value: ("citizen.starting", "citizen.starting.do"),
    view_model.PAUSED: ("citizen.paused", "citizen.paused.do"),
}
"""Word and sentence of the other states."""


@dataclass(frozen=True, slots=True)
class CitizenText:
    """The screen in one language."""

    language: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CitizenScreen:
    """One full screen in two languages."""

    shape: str
    """An outcome, or a state of `ASKING`, `starting`, or `paused` for all in which no code opens the gate."""
    number: int
    """Of the decision that is shown, 0 for a state."""
    direction: str | None
    main: CitizenText
    second: CitizenText
    notes: tuple[str, ...] = ()
    """Opening hours, and who helps, where the person needs them."""


def citizen_screen(
    daemon: DaemonStatus,
    now: datetime,
    formatter: LocaleFormatter,
    place: PlaceNames,
    opening_hours: tuple[str, ...] = (),
) -> CitizenScreen:
    """The last decision while the lamp shows it, else the state. The second language is the other one that has a catalogue."""
    t = formatter.t
    other = translator(next((code for code in languages() if code != t.language), t.language))
    decision = view_model.current_decision(daemon, now)
    if decision:
        notes = []
        today = _hours_today(opening_hours, now.astimezone(formatter.zone)) if decision.reason == Reason.CLOSED else ""
        if today:
            notes.append(t("citizen.opening-hours", hours=today))
        if decision.outcome != Outcome.PASS and place.help:
            notes.append(t("citizen.help", help=place.help))

        def answer(t: Translator) -> CitizenText:
            word = outcome_message(t, decision.outcome, decision.direction)
            sentence = "" if decision.outcome == Outcome.PASS else t.code("reason", decision.reason)
            return CitizenText(t.language, word, sentence)

        return CitizenScreen(
            decision.outcome, decision.number, decision.direction, answer(t), answer(other), tuple(notes)
        )
    state = _state(daemon)
    word, sentence = _RESTING.get(state, _ASK)

    def rest(t: Translator) -> CitizenText:
        return CitizenText(t.language, t(word), t(sentence))

    notes = []
    if state == view_model.PAUSED:
        until = view_model.pause_end(daemon, formatter)
        notes = [t("citizen.paused.until", time=until)] if until else []
        notes += [t("citizen.help", help=place.help)] if place.help else []
    return CitizenScreen(state, 0, None, rest(t), rest(other), tuple(notes))


def _hours_today(opening_hours: tuple[str, ...], local: datetime) -> str:
    """`07:30-11:30, 13:30-17:00`: those that begin on this day. Empty on a closed day."""
    return ", ".join(text.split()[1] for text in opening_hours if local.weekday() in OpeningHours.parse(text).days)


def _state(daemon: DaemonStatus) -> str:
    """`ready`, `degraded`, `starting` or `paused`."""
    state = str(daemon.state) if daemon.online else ""
    return state if state in (*ASKING, DeviceState.STARTING) else view_model.PAUSED


def citizen_context(
    daemon: DaemonStatus,
    formatter: LocaleFormatter,
    now: datetime,
    place: PlaceNames,
    opening_hours: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Everything that the page shows."""
    return {
        "t": formatter.t,
        "language": formatter.language,
        "daemon": daemon,
        "status": daemon.status,
        "screen": citizen_screen(daemon, now, formatter, place, opening_hours),
    }
