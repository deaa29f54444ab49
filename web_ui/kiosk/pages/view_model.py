"""The words and numbers of the status page, from the daemon's status, in one language; pure."""

from dataclasses import dataclass
from datetime import datetime

from kiosk.core.model import ClockQuality, DeviceState, Outcome
from kiosk.core.status import CheckStatus, HealthCheck, RecentDecision, StatusSnapshot
from kiosk.system.messages import check_message, check_value, outcome_message
from kiosk.system.translations import Translator
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus

OUTCOME_SHOWN_S = 3.0
"""How long after a decision the lamp still shows its outcome."""
NEARLY_FULL_PERCENT = 90.0
"""From this share of the capacity on, the page says that the place is nearly full."""
PAUSED = "paused"
"""Shown instead of *out of order* where a pause is all that is wrong. Other programs know the device state only."""
NOTICE = "notice"
"""Shown for a check that passed but is not quite good: a clock that runs by itself. It is neither green nor a fault."""
IDLE_LAMPS = dict.fromkeys(("out-of-order", PAUSED), ("fail", "check-again"))
"""Lamps that a state lights steadily: red and amber together."""
FAILING = frozenset({CheckStatus.FAIL.value, CheckStatus.WARN.value})
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
    """One health check as a row of the page."""

    code: str
    status: str
    word: str
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class StatusHeader:
    """The state in one sentence, and what to do."""

    state: str
    sentence: str
    remedy: str
    failing_checks: tuple[CheckRow, ...]
    word: str
    """What the lamp shows, in a word."""
    shape: str
    """The outcome or state that the lamp shows."""
    lit_lamps: tuple[str, ...]
    """Which lamps are lit, each named by the outcome that it stands for."""


@dataclass(frozen=True, slots=True)
class OccupancyView:
    """How full a place with a limit is."""

    capacity: int
    percent: float
    """Of the capacity, at most 100."""
    status: str
    """`fail`: full. `warn`: nearly full. Else `pass`. Chooses shape and colour."""


def shown_state(daemon: DaemonStatus) -> str:
    """The state for people: that of the daemon, its liveness where it is silent, or `PAUSED`."""
    failing = (
        [check.code for check in daemon.status.checks if check.status == CheckStatus.FAIL] if daemon.status else []
    )
    paused = daemon.online and daemon.state == DeviceState.OUT_OF_ORDER and failing == [PAUSED]
    return PAUSED if paused else daemon.state


def status_header(daemon: DaemonStatus, now: datetime, formatter: LocaleFormatter) -> StatusHeader:
    """State, reason and remedy, and the lamp as it is now."""
    t, state = formatter.t, shown_state(daemon)
    rows = check_rows(daemon.status, t) if daemon.online else ()
    decision = current_decision(daemon, now)
    remedy = "status.paused.remedy" if state == PAUSED and pause_end(daemon, formatter) else f"status.remedy.{state}"
    return StatusHeader(
        state=state,
        sentence=_pause_sentence(daemon, formatter)
        or t(f"status.sentence.{state}", duration=formatter.duration(daemon.age_s or 0.0)),
        remedy=t(remedy) if t.has(remedy) else "",
        failing_checks=tuple(row for row in rows if row.status in FAILING and row.code != state),
        word=outcome_message(t, decision.outcome, decision.direction) if decision else t.code("state", state),
        shape=decision.outcome if decision else state,
        lit_lamps=(decision.outcome,) if decision else IDLE_LAMPS.get(state, ()),
    )


def pause_end(daemon: DaemonStatus, formatter: LocaleFormatter) -> str:
    """When the pause ends by itself, `14:05`. Empty: a person ends it, or there is none."""
    pause = daemon.status.pause if daemon.online and daemon.status else None
    return f"{parse_time(pause.until_at).astimezone(formatter.zone):%H:%M}" if pause and pause.until_at else ""


def _pause_sentence(daemon: DaemonStatus, formatter: LocaleFormatter) -> str:
    """Why the gate is paused, and until when. Empty where it is not known, or another check fails as well."""
    pause = daemon.status.pause if daemon.status else None
    if shown_state(daemon) != PAUSED or pause is None or not pause.reason:
        return ""
    t, until = formatter.t, pause_end(daemon, formatter)
    because = t("status.paused.because", reason=t.code("pause-reason", pause.reason))
    return f"{because} {t('status.paused.until', time=until)}" if until else because


def current_decision(daemon: DaemonStatus, now: datetime) -> RecentDecision | None:
    """The decision that the lamp shows at this moment, if it shows one."""
    if not (daemon.serving and daemon.status and daemon.status.recent_decisions):
        return None
    last = daemon.status.recent_decisions[-1]
    recent = 0 <= (now - parse_time(last.at)).total_seconds() <= OUTCOME_SHOWN_S
    return last if recent and last.outcome in set(Outcome) else None


def occupancy_view(status: StatusSnapshot | None) -> OccupancyView | None:
    """People inside against the capacity. None if there is no capacity."""
    if status is None or not status.capacity or status.capacity < 0:
        return None
    percent = 100.0 * status.occupancy / status.capacity
    nearly = CheckStatus.WARN if percent >= NEARLY_FULL_PERCENT else CheckStatus.PASS
    found = CheckStatus.FAIL if percent >= 100 else nearly
    return OccupancyView(status.capacity, min(100.0, round(percent, 1)), found.value)


def decision_rows(status: StatusSnapshot | None, formatter: LocaleFormatter) -> tuple[DecisionRow, ...]:
    """The last decisions, newest first."""
    found = reversed(status.recent_decisions) if status else ()
    return tuple(decision_row(decision, formatter) for decision in found)


def decision_row(decision: RecentDecision, formatter: LocaleFormatter) -> DecisionRow:
    """One decision in words. A code that this version does not know stands for itself."""
    t = formatter.t
    return DecisionRow(
        time=formatter.time_of_day(parse_time(decision.at)),
        outcome=decision.outcome,
        word=t.code("outcome-label", decision.outcome),
        direction=decision.direction,
        direction_word=t.code("direction", decision.direction) if decision.direction else "",
        reason=t.code("reason-label", decision.reason),
        latency=f"{formatter.number(decision.latency_ms)} ms",
        latency_text=t("page.latency", ms=formatter.number(decision.latency_ms)),
        annulled=decision.annulled,
    )


def check_rows(status: StatusSnapshot | None, t: Translator) -> tuple[CheckRow, ...]:
    """All health checks, the worst first."""
    checks = sorted(status.checks, key=lambda check: STATUS_ORDER[check.status]) if status else ()
    return tuple(_check_row(check, t) for check in checks)


def _check_row(check: HealthCheck, t: Translator) -> CheckRow:
    status = NOTICE if check.reason == ClockQuality.FREE_RUNNING else check.status.value
    word = t(f"check-status.{status}")
    return CheckRow(check.code, status, word, check_value(t, check), check_message(t, check))


def parse_time(text: str) -> datetime:
    """A time of the status. `daemon_status` has checked its form."""
    return datetime.fromisoformat(text)
