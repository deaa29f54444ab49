"""From the truth to the words and numbers of the status page, in one language; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from kiosk.core.messages import DIRECTION_TEXTS, OUTCOME_TEXTS, REASON_TEXTS, STATE_TEXTS, LocalizedText
from kiosk.core.status import CheckStatus, HealthCheck, RecentDecision, StatusSnapshot
from web_ui.i18n.formatting import Language, LocaleFormatter, format_number
from web_ui.i18n.texts import CHECK_STATUS_TEXTS, CLOCK, DELIVERY, LIVENESS_TEXTS, PAGE_TEXTS, REMEDY, STATE, UNIT, Text
from web_ui.kiosk.data.daemon_status import DaemonStatus

CodeT = TypeVar("CodeT", bound=StrEnum)

OUTCOME_SHOWN_S = 3.0
"""How long after a decision the lamp still shows its outcome."""
NEARLY_FULL_PERCENT = 90.0
"""From which share of the people who may be inside, in percent, it is said."""
MEASURED_PATTERN = re.compile(r"([+-]?\d{1,12}(?:\.\d{1,3})?) ?([^\d\s]{0,6})")
IDLE_LAMPS = {"out-of-order": ("fail", "check-again")}
"""Bulbs that a state lights steadily: red and amber together."""
STATUS_ORDER = {CheckStatus.FAIL: 0, CheckStatus.WARN: 1, CheckStatus.PASS: 2}


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision as a row of the page."""

    time: str
    outcome: str
    word: str
    direction: str | None
    direction_word: str
    reason: str
    latency: str
    latency_text: str
    annulled: bool = False


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One fact of the self-check as a row of the page."""

    name: str
    status: str
    word: str
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class StatusHeader:
    """The one sentence of state, and what to do."""

    state: str
    sentence: str
    remedy: str
    failing_checks: tuple[CheckRow, ...]
    word: str
    """What the lamp says, in a word."""
    shape: str
    """The outcome or state that the lamp shows."""
    lit_lamps: tuple[str, ...]
    """Which bulbs are lit, named by the outcome that each stands for."""


def status_header(daemon: DaemonStatus, now: datetime, language: Language, formatter: LocaleFormatter) -> StatusHeader:
    """State, reason and remedy, and the lamp as it is now."""
    state, status = daemon.state, daemon.status
    troubles = (
        tuple(check for check in check_rows(status, language) if check.status != CheckStatus.PASS)
        if daemon.online
        else ()
    )
    shown = current_decision(daemon, now)
    answer = shown.outcome if shown else ""
    return StatusHeader(
        state=state,
        sentence=STATE[state].of(language, span=formatter.duration(daemon.age_s or 0.0)),
        remedy=REMEDY[state].of(language),
        failing_checks=troubles,
        word=message_for(OUTCOME_TEXTS, answer, language) if answer else state_label(state, language),
        shape=answer or state,
        lit_lamps=(answer,) if answer else IDLE_LAMPS.get(state, ()),
    )


def current_decision(daemon: DaemonStatus, now: datetime) -> RecentDecision | None:
    """The decision that the lamp shows at this moment, if it shows one."""
    if not (daemon.serving and daemon.status and daemon.status.recent_decisions):
        return None
    last = daemon.status.recent_decisions[-1]
    recent = 0 <= (now - parse_time(last.at)).total_seconds() <= OUTCOME_SHOWN_S
    return last if recent and last.outcome in set(OUTCOME_TEXTS) else None


@dataclass(frozen=True, slots=True)
class OccupancyView:
    """How full the place is, where it has a limit."""

    capacity: int
    percent: float
    """Of the limit, in percent, at most 100."""
    status: str
    """Full is `broken`, nearly full `warn`, else `ok`: words of shapes and colours."""


def occupancy_view(status: StatusSnapshot | None) -> OccupancyView | None:
    """People inside against the limit; None where there is none."""
    if status is None or not status.capacity or status.capacity < 0:
        return None
    share = 100.0 * status.occupancy / status.capacity
    grade = CheckStatus.FAIL if share >= 100 else CheckStatus.WARN if share >= NEARLY_FULL_PERCENT else CheckStatus.PASS
    return OccupancyView(status.capacity, min(100.0, round(share, 1)), grade.value)


def decision_rows(
    status: StatusSnapshot | None, language: Language, formatter: LocaleFormatter
) -> tuple[DecisionRow, ...]:
    """The last decisions, newest first."""
    return (
        tuple(decision_row(shown, language, formatter) for shown in reversed(status.recent_decisions)) if status else ()
    )


def decision_row(decision: RecentDecision, language: Language, formatter: LocaleFormatter) -> DecisionRow:
    """One decision in words."""
    return DecisionRow(
        time=formatter.time_of_day(parse_time(decision.at)),
        outcome=decision.outcome,
        word=message_for(OUTCOME_TEXTS, decision.outcome, language),
        direction=decision.direction,
        direction_word=message_for(DIRECTION_TEXTS, decision.direction, language).capitalize()
        if decision.direction
        else "",
        reason=message_for(REASON_TEXTS, decision.reason, language),
        latency=f"{formatter.number(decision.latency_ms)} ms",
        latency_text=PAGE_TEXTS["took"].of(language, ms=formatter.number(decision.latency_ms)),
        annulled=decision.annulled,
    )


def message_for(table: Mapping[CodeT, LocalizedText], value: str, language: Language) -> str:
    """The kiosk's own word for a value; one that this version does not know stands for itself."""
    return next((sentence.in_language(language) for known, sentence in table.items() if known == value), value)


def state_label(state: str, language: Language) -> str:
    """The short word for a state of `Truth.state`."""
    return LIVENESS_TEXTS[state].of(language) if state in LIVENESS_TEXTS else message_for(STATE_TEXTS, state, language)


def check_rows(status: StatusSnapshot | None, language: Language) -> tuple[CheckRow, ...]:
    """All facts, the worst first."""
    facts = sorted(status.checks, key=lambda fact: STATUS_ORDER[fact.status]) if status else ()
    return tuple(_check_row(fact, language) for fact in facts)


def _check_row(check: HealthCheck, language: Language) -> CheckRow:
    sentence = check.vi if language == "vi" else check.en
    return CheckRow(
        check.name,
        check.status.value,
        CHECK_STATUS_TEXTS[check.status.value].of(language),
        format_measurement(check.value, language),
        sentence,
    )


def format_measurement(value: str, language: Language) -> str:
    """A value with its unit as the language writes it; what is not a number with a unit is a word, or stands for itself."""
    found = MEASURED_PATTERN.fullmatch(value)
    if found is None:
        return text_for(CLOCK, value, language)
    number, unit = found.groups()
    digits = len(number.partition(".")[2])
    return f"{format_number(float(number), language, digits)} {text_for(UNIT, unit, language)}".strip()


def text_for(table: Mapping[str, Text], value: str, language: Language) -> str:
    """The word for a value; one that this version does not know stands for itself."""
    return table[value].of(language) if value in table else value


def clock_label(status: StatusSnapshot, language: Language) -> str:
    """How far the device's clock can be believed."""
    return text_for(CLOCK, status.clock_quality, language)


def delivery_label(status: StatusSnapshot, language: Language) -> str:
    """When a passage leaves the outbox."""
    return text_for(DELIVERY, status.uplink.acknowledge_by, language)


def parse_time(text: str) -> datetime:
    """A time of the snapshot; `truth` has checked its form."""
    return datetime.fromisoformat(text)
