"""The access rules: claim, history, policy and time give outcome and reason. No input or output.

The rules are a table. The first rule that applies decides. Time and capacity limits apply to entry only. Exit is refused only
for an invalid code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from kiosk.core.model import (
    Assurance,
    Claim,
    ClockQuality,
    ClockReading,
    CodeKind,
    Decision,
    Direction,
    Outcome,
    Reason,
    Refusal,
    VisitHistory,
)

GOING_HOME_S = 12 * 3600.0
"""A person who went in this recently is still inside after the reset hour, if the site is closed."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DEFAULT_MIN_ASSURANCE: Mapping[CodeKind, Assurance] = MappingProxyType(
    {
        CodeKind.ENTRY_PASS: Assurance.VERIFIED,
        CodeKind.HCERT: Assurance.VERIFIED,
        CodeKind.NATIONAL_QR: Assurance.RECOGNISED,
        CodeKind.ID_CARD: Assurance.RECOGNISED,
        CodeKind.INSURANCE: Assurance.RECOGNISED,
    }
)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Opening hours on some days of the week, in local time."""

    days: frozenset[int]
    """0 is Monday."""
    from_minute: int
    until_minute: int
    """Minutes since midnight. Smaller than `from_minute` if the hours end on the next day."""

    @classmethod
    def parse(cls, text: str) -> "OpeningHours":
        """Read `mon-fri 07:30-17:00`, `sat 08:00-12:00` or `mon-sun 22:00-04:00`. Raises ValueError."""
        try:
            days, times = text.strip().lower().split()
            first, last = days.split("-") if "-" in days else (days, days)
            start, end = _DAYS.index(first), _DAYS.index(last)
            opens, closes = times.split("-")
            return cls(
                frozenset((start + step) % 7 for step in range((end - start) % 7 + 1)), _minute(opens), _minute(closes)
            )
        except ValueError:
            raise ValueError(f"{text!r} is not like 'mon-fri 07:30-17:00'") from None

    def contains(self, local: datetime) -> bool:
        """Whether the site is open at this local time."""
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.until_minute:
            return local.weekday() in self.days and self.from_minute <= minute < self.until_minute
        yesterday = (local - timedelta(days=1)).weekday()
        return (local.weekday() in self.days and minute >= self.from_minute) or (
            yesterday in self.days and minute < self.until_minute
        )


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    if not (len(minute) == 2 and 0 <= int(hour) * 60 + int(minute) <= 24 * 60 and 0 <= int(minute) < 60):
        raise ValueError(text)
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Requirements of this gate."""

    min_assurance: Mapping[CodeKind, Assurance] = field(default_factory=lambda: _DEFAULT_MIN_ASSURANCE)
    """Minimum assurance per kind of code. A kind that is missing is not accepted."""
    direction: Literal["in", "out", "alternating"] = "alternating"
    anti_passback: Literal["off", "soft", "hard"] = "off"
    status_classes: frozenset[int] | None = None
    """Status classes of an entry pass that may enter. None: all."""
    declaration: Literal["off", "verified", "all"] = "off"
    """Who must have declared: no person, holders of an entry pass, or all."""
    declaration_max_age_s: float | None = None
    opening_hours: tuple[OpeningHours, ...] = ()
    """Empty: always open."""
    capacity: int | None = None
    """Maximum number of people inside. None: no limit."""
    lists_max_age_s: float | None = None
    """Lists older than this are stale. None: never."""
    on_stale_lists: Literal["allow", "deny"] = "allow"
    """Answer to a verified code while the lists are stale: its normal answer (fail-open) or red (fail-closed)."""
    on_unset_clock: Literal["allow", "deny"] = "allow"
    """Answer to a code with a validity period while the clock is certainly wrong."""
    rotating_on_unset_clock: Literal["allow", "deny"] = "deny"
    """Answer to a rotating pass while the clock is certainly wrong: the age of its proof cannot be checked."""
    hcert_vaccination: Literal["any", "complete"] = "any"
    """Whether a vaccination certificate must state all doses of its series."""
    hcert_test_max_age_s: float | None = None
    """How old the sample of a test certificate may be. None: the validity of the certificate counts alone."""
    clock_leeway_s: float = 60.0
    """A code is valid this much before the start of its validity, because the clock of its issuer may be ahead."""
    timezone: str = "Asia/Ho_Chi_Minh"


class DecisionInput(NamedTuple):
    """Input of all rules."""

    claim: Claim
    history: VisitHistory
    policy: AccessPolicy
    occupancy: int
    now: ClockReading
    direction: Direction
    entering: bool
    """Time and capacity limits apply only to people who come in."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the rule table."""

    reason: Reason
    applies: Callable[[DecisionInput], bool]
    description: str
    """When the rule applies, in words. The documentation is generated from it."""
    outcome: Outcome = Outcome.FAIL


def _kind_not_accepted(case: DecisionInput) -> bool:
    return case.claim.kind not in case.policy.min_assurance


def _assurance_too_low(case: DecisionInput) -> bool:
    least = case.policy.min_assurance[case.claim.kind]
    return least is Assurance.VERIFIED and case.claim.assurance is not Assurance.VERIFIED


def _status_class_not_accepted(case: DecisionInput) -> bool:
    allowed = case.policy.status_classes
    return (
        allowed is not None
        and case.claim.kind is CodeKind.ENTRY_PASS
        and case.entering
        and case.claim.status_class not in allowed
    )


def _speaks_against_entry(case: DecisionInput) -> bool:
    return case.entering and case.claim.speaks_against_entry


def _vaccination_incomplete(case: DecisionInput) -> bool:
    return case.entering and case.policy.hcert_vaccination == "complete" and case.claim.vaccination_complete is False


def _test_too_old(case: DecisionInput) -> bool:
    """Also checked with an unset clock, as `_expired` is."""
    limit_s, tested_at = case.policy.hcert_test_max_age_s, case.claim.tested_at
    if not case.entering or limit_s is None or tested_at is None:
        return False
    return (case.now.utc_at - tested_at).total_seconds() > limit_s


def _clock_unset_denied(case: DecisionInput) -> bool:
    has_validity = case.claim.not_before_at is not None or case.claim.not_after_at is not None
    unset = case.now.quality is ClockQuality.UNSET
    return case.entering and has_validity and unset and case.policy.on_unset_clock == "deny"


def _rotating_denied(case: DecisionInput) -> bool:
    unset = case.now.quality is ClockQuality.UNSET
    return case.entering and case.claim.proof is not None and unset and case.policy.rotating_on_unset_clock == "deny"


def _clock_is_set(case: DecisionInput) -> bool:
    return case.now.quality is not ClockQuality.UNSET


def _not_yet_valid(case: DecisionInput) -> bool:
    starts_at = case.claim.not_before_at
    if not case.entering or not _clock_is_set(case) or starts_at is None:
        return False
    return (starts_at - case.now.utc_at).total_seconds() > case.policy.clock_leeway_s


def _expired(case: DecisionInput) -> bool:
    """Also checked with an unset clock: an unset clock is behind, so a code that it calls expired has expired."""
    ends_at = case.claim.not_after_at
    return case.entering and ends_at is not None and case.now.utc_at > ends_at


def _lists_are_stale(case: DecisionInput) -> bool:
    limit_s = case.policy.lists_max_age_s
    if not case.entering or limit_s is None or case.policy.on_stale_lists == "allow" or case.claim.lists_at is None:
        return False
    return (case.now.utc_at - case.claim.lists_at).total_seconds() > limit_s


def _declaration_required(case: DecisionInput) -> bool:
    asked = case.policy.declaration
    return case.entering and (asked == "all" or (asked == "verified" and case.claim.kind is CodeKind.ENTRY_PASS))


def _declaration_missing(case: DecisionInput) -> bool:
    return _declaration_required(case) and case.claim.declared_at is None


def _declaration_too_old(case: DecisionInput) -> bool:
    declared_at, until_at = case.claim.declared_at, case.claim.declared_until_at
    if not _declaration_required(case) or declared_at is None or not _clock_is_set(case):
        return False
    limit_s = case.policy.declaration_max_age_s
    too_old = limit_s is not None and (case.now.utc_at - declared_at).total_seconds() > limit_s
    return too_old or (until_at is not None and case.now.utc_at >= until_at)


def _is_closed(case: DecisionInput) -> bool:
    return case.entering and _is_outside_hours(case.policy, case.now)


def _same_direction_as_last(case: DecisionInput) -> bool:
    """Applies to gates of one direction only. An alternating gate changes the direction instead."""
    return case.history.last_direction is case.direction


def _hard_passback_in(case: DecisionInput) -> bool:
    return case.policy.anti_passback == "hard" and case.entering and _same_direction_as_last(case)


def _hard_passback_out(case: DecisionInput) -> bool:
    return case.policy.anti_passback == "hard" and not case.entering and _same_direction_as_last(case)


def _soft_passback_in(case: DecisionInput) -> bool:
    return case.policy.anti_passback == "soft" and case.entering and _same_direction_as_last(case)


def _soft_passback_out(case: DecisionInput) -> bool:
    return case.policy.anti_passback == "soft" and not case.entering and _same_direction_as_last(case)


def _is_full(case: DecisionInput) -> bool:
    already_inside = case.history.last_direction is Direction.IN
    capacity = case.policy.capacity
    return case.entering and capacity is not None and case.occupancy >= capacity and not already_inside


RULES: tuple[Rule, ...] = (
    Rule(Reason.NOT_ACCEPTED, _kind_not_accepted, "this kind of code is not accepted here"),
    Rule(Reason.INSUFFICIENT_ASSURANCE, _assurance_too_low, "this kind needs a signature, and the code has none"),
    Rule(Reason.NOT_ACCEPTED, _status_class_not_accepted, "an entry pass of a status class that may not enter here"),
    Rule(
        Reason.CLOCK_UNSET,
        _clock_unset_denied,
        "the code has a validity period, the clock is unset, on_unset_clock = deny",
    ),
    Rule(Reason.CLOCK_UNSET, _rotating_denied, "a rotating pass, the clock is unset, rotating_on_unset_clock = deny"),
    Rule(Reason.NOT_ACCEPTED, _speaks_against_entry, "a certificate of a test that detected the disease"),
    Rule(
        Reason.NOT_ACCEPTED,
        _vaccination_incomplete,
        "a vaccination certificate without all its doses, hcert_vaccination = complete",
    ),
    Rule(Reason.EXPIRED, _expired, "after the end of its validity"),
    Rule(Reason.EXPIRED, _test_too_old, "a test certificate whose sample is older than hcert_test_max_age_h"),
    Rule(
        Reason.NOT_YET_VALID,
        _not_yet_valid,
        "before the start of its validity by more than clock_leeway_s, and the clock is set",
    ),
    Rule(Reason.LISTS_STALE, _lists_are_stale, "the lists are older than lists_max_age_h, on_stale_lists = deny"),
    Rule(Reason.NO_DECLARATION, _declaration_missing, "a declaration is required, and the code has none"),
    Rule(Reason.DECLARATION_TOO_OLD, _declaration_too_old, "the declaration is older than allowed, or has expired"),
    Rule(Reason.CLOSED, _is_closed, "outside the opening hours"),
    Rule(Reason.ALREADY_IN, _hard_passback_in, "went in before and not out, anti_passback = hard"),
    Rule(Reason.ALREADY_OUT, _hard_passback_out, "went out before and not in, anti_passback = hard"),
    Rule(Reason.ALREADY_IN, _soft_passback_in, "went in before, anti_passback = soft", Outcome.CHECK_AGAIN),
    Rule(Reason.ALREADY_OUT, _soft_passback_out, "went out before, anti_passback = soft", Outcome.CHECK_AGAIN),
    Rule(Reason.CAPACITY_REACHED, _is_full, "the maximum number of people is inside"),
)


def decide_access(
    verification: Claim | Refusal, history: VisitHistory, policy: AccessPolicy, occupancy: int, now: ClockReading
) -> Decision:
    """Decide one visit. `occupancy`: number of people inside. Never raises."""
    if isinstance(verification, Refusal):
        return Decision(Outcome.FAIL, verification.reason)
    direction = _direction(history, policy, now)
    case = DecisionInput(verification, history, policy, occupancy, now, direction, entering=direction is Direction.IN)
    for rule in RULES:
        if rule.applies(case):
            return Decision(rule.outcome, rule.reason)
    return Decision(Outcome.PASS, Reason.OK, direction)


def multiple_codes_decision() -> Decision:
    """Several codes in view without an answer: it would not be clear whose signal it is."""
    return Decision(Outcome.CHECK_AGAIN, Reason.MULTIPLE_CODES)


def manual_decision(direction: Direction) -> Decision:
    """A guard admits a person without a code. They count as one anonymous person."""
    return Decision(Outcome.PASS, Reason.MANUAL, direction)


def annulment_decision(direction: Direction | None) -> Decision:
    """A guard undoes an event in this direction. Outcome check-again: the person at the gate was let through wrongly."""
    return Decision(Outcome.CHECK_AGAIN, Reason.ANNULLED, direction)


def _direction(history: VisitHistory, policy: AccessPolicy, now: ClockReading) -> Direction:
    if policy.direction != "alternating":
        return Direction(policy.direction)
    is_inside = history.last_direction is Direction.IN or _is_going_home(history, policy, now)
    return Direction.OUT if is_inside else Direction.IN


def _is_going_home(history: VisitHistory, policy: AccessPolicy, now: ClockReading) -> bool:
    """Outside the opening hours a person who went in goes out, though the reset hour lies between. No person is held inside."""
    age_s = history.went_in_age_s
    return age_s is not None and age_s < GOING_HOME_S and _is_outside_hours(policy, now)


def _is_outside_hours(policy: AccessPolicy, now: ClockReading) -> bool:
    if not policy.opening_hours or now.quality is ClockQuality.UNSET:
        return False
    local = now.utc_at.astimezone(ZoneInfo(policy.timezone))
    return not any(hours.contains(local) for hours in policy.opening_hours)
