"""From the truth to the words and numbers of the status page, in one language; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from kiosk.core.messages import DIRECTIONS, OUTCOMES, REASONS, STATES, Sentence
from kiosk.core.status import Fact, Grade, Shown, Status
from web_ui.i18n.formatting import Language, Writing, plain_number
from web_ui.i18n.texts import ABSENCE, CLOCK, DELIVERY, GRADE, PAGE, REMEDY, STATE, UNIT, Text
from web_ui.kiosk.data.daemon_status import Truth

T = TypeVar("T", bound=StrEnum)

LAMP_S = 3.0
"""How long after a decision the lamp still shows its outcome."""
NEARLY_FULL = 90.0
"""From which share of the people who may be inside, in percent, it is said."""
MEASURED = re.compile(r"([+-]?\d{1,12}(?:\.\d{1,3})?) ?([^\d\s]{0,6})")
RESTING = {"out-of-order": ("fail", "check-again")}
"""Bulbs that a state lights steadily: red and amber together."""
BAD_FIRST = {Grade.FAIL: 0, Grade.WARN: 1, Grade.PASS: 2}


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision as a row of the page."""

    time: str
    outcome: str
    word: str
    direction: str | None
    way: str
    reason: str
    took: str
    took_long: str
    annulled: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One fact of the self-check as a row of the page."""

    name: str
    grade: str
    word: str
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Hero:
    """The one sentence of state, and what to do."""

    state: str
    sentence: str
    remedy: str
    troubles: tuple[Check, ...]
    word: str
    """What the lamp says, in a word."""
    tone: str
    """The outcome or state that the lamp shows."""
    lit: tuple[str, ...]
    """Which bulbs are lit, named by the outcome that each stands for."""


def hero(daemon: Truth, now: datetime, language: Language, formatter: Writing) -> Hero:
    """State, reason and remedy, and the lamp as it is now."""
    state, status = daemon.state, daemon.status
    troubles = tuple(check for check in checks(status, language) if check.grade != Grade.PASS) if daemon.live else ()
    shown = answering(daemon, now)
    answer = shown.outcome if shown else ""
    return Hero(
        state=state,
        sentence=STATE[state].of(language, span=formatter.span(daemon.age_s or 0.0)),
        remedy=REMEDY[state].of(language),
        troubles=troubles,
        word=said(OUTCOMES, answer, language) if answer else state_word(state, language),
        tone=answer or state,
        lit=(answer,) if answer else RESTING.get(state, ()),
    )


def answering(daemon: Truth, now: datetime) -> Shown | None:
    """The decision that the lamp shows at this moment, if it shows one."""
    if not (daemon.working and daemon.status and daemon.status.recent_decisions):
        return None
    last = daemon.status.recent_decisions[-1]
    recent = 0 <= (now - moment(last.at)).total_seconds() <= LAMP_S
    return last if recent and last.outcome in set(OUTCOMES) else None


@dataclass(frozen=True, slots=True)
class Room:
    """How full the place is, where it has a limit."""

    capacity: int
    share: float
    """Of the limit, in percent, at most 100."""
    grade: str
    """Full is `broken`, nearly full `warn`, else `ok`: words of shapes and colours."""


def room(status: Status | None) -> Room | None:
    """People inside against the limit; None where there is none."""
    if status is None or not status.capacity or status.capacity < 0:
        return None
    share = 100.0 * status.occupancy / status.capacity
    grade = Grade.FAIL if share >= 100 else Grade.WARN if share >= NEARLY_FULL else Grade.PASS
    return Room(status.capacity, min(100.0, round(share, 1)), grade.value)


def answers(status: Status | None, language: Language, formatter: Writing) -> tuple[Answer, ...]:
    """The last decisions, newest first."""
    return tuple(answer(shown, language, formatter) for shown in reversed(status.recent_decisions)) if status else ()


def answer(decision: Shown, language: Language, formatter: Writing) -> Answer:
    """One decision in words."""
    return Answer(
        time=formatter.clock(moment(decision.at)),
        outcome=decision.outcome,
        word=said(OUTCOMES, decision.outcome, language),
        direction=decision.direction,
        way=said(DIRECTIONS, decision.direction, language).capitalize() if decision.direction else "",
        reason=said(REASONS, decision.reason, language),
        took=f"{formatter.number(decision.latency_ms)} ms",
        took_long=PAGE["took"].of(language, ms=formatter.number(decision.latency_ms)),
        annulled=decision.annulled,
    )


def said(table: Mapping[T, Sentence], value: str, language: Language) -> str:
    """The kiosk's own word for a value; one that this version does not know stands for itself."""
    return next((sentence.in_language(language) for known, sentence in table.items() if known == value), value)


def state_word(state: str, language: Language) -> str:
    """The short word for a state of `Truth.state`."""
    return ABSENCE[state].of(language) if state in ABSENCE else said(STATES, state, language)


def checks(status: Status | None, language: Language) -> tuple[Check, ...]:
    """All facts, the worst first."""
    facts = sorted(status.checks, key=lambda fact: BAD_FIRST[fact.status]) if status else ()
    return tuple(_check(fact, language) for fact in facts)


def _check(check: Fact, language: Language) -> Check:
    sentence = check.vi if language == "vi" else check.en
    return Check(
        check.name, check.status.value, GRADE[check.status.value].of(language), measured(check.value, language), sentence
    )


def measured(value: str, language: Language) -> str:
    """A value with its unit as the language writes it; what is not a number with a unit is a word, or stands for itself."""
    found = MEASURED.fullmatch(value)
    if found is None:
        return word(CLOCK, value, language)
    number, unit = found.groups()
    digits = len(number.partition(".")[2])
    return f"{plain_number(float(number), language, digits)} {word(UNIT, unit, language)}".strip()


def word(table: Mapping[str, Text], value: str, language: Language) -> str:
    """The word for a value; one that this version does not know stands for itself."""
    return table[value].of(language) if value in table else value


def clock_word(status: Status, language: Language) -> str:
    """How far the device's clock can be believed."""
    return word(CLOCK, status.clock_quality, language)


def delivery_word(status: Status, language: Language) -> str:
    """When a passage leaves the outbox."""
    return word(DELIVERY, status.uplink.acknowledge_by, language)


def moment(text: str) -> datetime:
    """A time of the snapshot; `truth` has checked its form."""
    return datetime.fromisoformat(text)
