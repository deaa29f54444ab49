"""The access rules: each row is a person, a policy, a history and the expected decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core import rules
from kiosk.core.model import (
    Assurance,
    Claim,
    ClockQuality,
    ClockReading,
    CodeKind,
    Decision,
    Direction,
    Identifier,
    ManualReason,
    Outcome,
    Reason,
    Refusal,
    Subject,
    VisitHistory,
)
from kiosk.core.rules import AccessPolicy as Policy
from kiosk.core.rules import OpeningHours
from tests.fakes.data.people import NOW_AT, moment

NOW = moment()
IN, OUT = Direction.IN, Direction.OUT
PASS = Claim(
    kind=CodeKind.ENTRY_PASS,
    assurance=Assurance.VERIFIED,
    subject=Subject((Identifier("pass", "00"),)),
    not_before_at=NOW_AT - timedelta(hours=10),
    not_after_at=NOW_AT + timedelta(hours=10),
    issuer="0a",
    status_class=2,
    declared_at=NOW_AT - timedelta(hours=10),
    declared_until_at=NOW_AT + timedelta(hours=38),
    lists_at=NOW_AT - timedelta(hours=6),
)
CARD = Claim(CodeKind.ID_CARD, Assurance.RECOGNISED, Subject((Identifier("document", "0"),)))
UNSET = moment(quality=ClockQuality.UNSET)
ANY, WENT_IN, WENT_OUT = VisitHistory(), VisitHistory(last_direction=IN), VisitHistory(last_direction=OUT)
IN_8_H_AGO, IN_12_H_AGO = VisitHistory(went_in_age_s=8 * 3600.0), VisitHistory(went_in_age_s=12 * 3600.0)
OFFICE = (OpeningHours.parse("mon-fri 07:30-17:00"), OpeningHours.parse("sat 08:00-12:00"))
ONLY_ENTRY_PASSES = Policy(min_assurance={CodeKind.ENTRY_PASS: Assurance.VERIFIED})
ONLY_SIGNED = Policy(min_assurance={CodeKind.ENTRY_PASS: Assurance.VERIFIED, CodeKind.ID_CARD: Assurance.VERIFIED})
HOUR_S = 3600.0
TICK = timedelta.resolution
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
COMPLETE, TESTED = Policy(hcert_vaccination="complete"), Policy(hcert_test_max_age_s=24 * HOUR_S)


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> ClockReading:
    """A local time in Hue. 23 November 2026 is a Monday."""
    return replace(NOW, utc_at=datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=7))


OK_IN, OK_OUT = Decision(Outcome.PASS, Reason.OK, IN), Decision(Outcome.PASS, Reason.OK, OUT)


def no(reason: Reason) -> Decision:
    return Decision(Outcome.FAIL, reason)


def ask(reason: Reason) -> Decision:
    return Decision(Outcome.CHECK_AGAIN, reason)


# claim, what is changed in the default policy, history, people inside, moment, decision
ROWS: list[tuple[str, Claim, Policy, VisitHistory, int, ClockReading, Decision]] = [
    ("a valid pass goes in", PASS, Policy(), ANY, 0, NOW, OK_IN),
    ("an ID card goes in", CARD, Policy(), ANY, 0, NOW, OK_IN),
    # direction
    ("who is in goes out", PASS, Policy(), WENT_IN, 1, NOW, OK_OUT),
    ("who is out goes in", PASS, Policy(), WENT_OUT, 0, NOW, OK_IN),
    ("at an entrance all people go in", PASS, Policy(direction="in"), WENT_IN, 1, NOW, OK_IN),
    ("at an exit all people go out", PASS, Policy(direction="out"), ANY, 1, NOW, OK_OUT),
    # what is accepted
    ("a kind that is not accepted", CARD, ONLY_ENTRY_PASSES, ANY, 0, NOW, no(Reason.NOT_ACCEPTED)),
    ("nor on the way out", CARD, Policy(min_assurance={}), WENT_IN, 1, NOW, no(Reason.NOT_ACCEPTED)),
    ("a signature is asked for", CARD, ONLY_SIGNED, ANY, 0, NOW, no(Reason.INSUFFICIENT_ASSURANCE)),
    ("and is there", PASS, ONLY_SIGNED, ANY, 0, NOW, OK_IN),
    ("more than is asked for", PASS, Policy(min_assurance={CodeKind.ENTRY_PASS: Assurance.RECOGNISED}), ANY, 0, NOW, OK_IN),
    ("a status class that may not enter", PASS, Policy(status_classes=frozenset({1})), ANY, 0, NOW, no(Reason.NOT_ACCEPTED)),
    ("one that may", PASS, Policy(status_classes=frozenset({1, 2})), ANY, 0, NOW, OK_IN),
    ("it may always leave", PASS, Policy(status_classes=frozenset({1})), WENT_IN, 1, NOW, OK_OUT),
    ("status classes are for passes", CARD, Policy(status_classes=frozenset({1})), ANY, 0, NOW, OK_IN),
    # validity
    ("at its last moment", replace(PASS, not_after_at=NOW_AT), Policy(), ANY, 0, NOW, OK_IN),
    ("a tick later", replace(PASS, not_after_at=NOW_AT - TICK), Policy(), ANY, 0, NOW, no(Reason.EXPIRED)),
    ("no person is held inside", replace(PASS, not_after_at=NOW_AT - TICK), Policy(), WENT_IN, 1, NOW, OK_OUT),
    ("at its first moment", replace(PASS, not_before_at=NOW_AT), Policy(), ANY, 0, NOW, OK_IN),
    ("a minute earlier", replace(PASS, not_before_at=NOW_AT + MINUTE), Policy(), ANY, 0, NOW, OK_IN),
    ("and a tick", replace(PASS, not_before_at=NOW_AT + MINUTE + TICK), Policy(), ANY, 0, NOW, no(Reason.NOT_YET_VALID)),
    ("no leeway", replace(PASS, not_before_at=NOW_AT + TICK), Policy(clock_leeway_s=0), ANY, 0, NOW, no(Reason.NOT_YET_VALID)),
    ("early, and leaving", replace(PASS, not_before_at=NOW_AT + 2 * MINUTE), Policy(), WENT_IN, 1, NOW, OK_OUT),
    ("no end is no limit", replace(PASS, not_after_at=None), Policy(), ANY, 0, NOW, OK_IN),
    # clock quality
    ("a clock that lags does not call it early", replace(PASS, not_before_at=NOW_AT + 2 * MINUTE), Policy(), ANY, 0, UNSET, OK_IN),
    ("but late is late", replace(PASS, not_after_at=NOW_AT - TICK), Policy(), ANY, 0, UNSET, no(Reason.EXPIRED)),
    ("a strict gate wants a clock", PASS, Policy(on_unset_clock="deny"), ANY, 0, UNSET, no(Reason.CLOCK_UNSET)),
    ("for an end too", replace(PASS, not_before_at=None), Policy(on_unset_clock="deny"), ANY, 0, UNSET, no(Reason.CLOCK_UNSET)),
    ("and a beginning", replace(PASS, not_after_at=None), Policy(on_unset_clock="deny"), ANY, 0, UNSET, no(Reason.CLOCK_UNSET)),
    ("not for what has no validity", CARD, Policy(on_unset_clock="deny"), ANY, 0, UNSET, OK_IN),
    ("not on the way out", PASS, Policy(on_unset_clock="deny"), WENT_IN, 1, UNSET, OK_OUT),
    ("a positive test stays out", replace(PASS, speaks_against_entry=True), Policy(), ANY, 0, NOW, no(Reason.NOT_ACCEPTED)),
    ("and may leave", replace(PASS, speaks_against_entry=True), Policy(), WENT_IN, 1, NOW, OK_OUT),
    ("one dose of two", replace(PASS, vaccination_complete=False), Policy(), ANY, 0, NOW, OK_IN),
    ("where all are wanted", replace(PASS, vaccination_complete=False), COMPLETE, ANY, 0, NOW, no(Reason.NOT_ACCEPTED)),
    ("all doses", replace(PASS, vaccination_complete=True), COMPLETE, ANY, 0, NOW, OK_IN),
    ("no vaccination", PASS, COMPLETE, ANY, 0, NOW, OK_IN),
    ("one dose, and leaving", replace(PASS, vaccination_complete=False), COMPLETE, WENT_IN, 1, NOW, OK_OUT),
    ("an old test", replace(PASS, tested_at=NOW_AT - DAY), Policy(), ANY, 0, NOW, OK_IN),
    ("at the limit of its age", replace(PASS, tested_at=NOW_AT - DAY), TESTED, ANY, 0, NOW, OK_IN),
    ("a test that is too old", replace(PASS, tested_at=NOW_AT - DAY - TICK), TESTED, ANY, 0, NOW, no(Reason.EXPIRED)),
    ("also with an unset clock", replace(PASS, tested_at=NOW_AT - DAY - TICK), TESTED, ANY, 0, UNSET, no(Reason.EXPIRED)),
    ("an old test, and leaving", replace(PASS, tested_at=NOW_AT - 2 * DAY), TESTED, WENT_IN, 1, NOW, OK_OUT),
    ("a rotating pass wants a clock", replace(PASS, proof="x 1"), Policy(), ANY, 0, UNSET, no(Reason.CLOCK_UNSET)),
    ("unless the site allows it", replace(PASS, proof="x 1"), Policy(rotating_on_unset_clock="allow"), ANY, 0, UNSET, OK_IN),
    ("a rotating pass may always leave", replace(PASS, proof="x 1"), Policy(), WENT_IN, 1, UNSET, OK_OUT),
    ("a free-running clock counts", PASS, Policy(on_unset_clock="deny"), ANY, 0, moment(quality=ClockQuality.FREE_RUNNING), OK_IN),
    # lists
    ("stale lists, fail-open", PASS, Policy(lists_max_age_s=HOUR_S), ANY, 0, NOW, OK_IN),
    ("stale lists, fail-closed", PASS, Policy(lists_max_age_s=HOUR_S, on_stale_lists="deny"), ANY, 0, NOW, no(Reason.LISTS_STALE)),
    ("at the limit", PASS, Policy(lists_max_age_s=6 * HOUR_S, on_stale_lists="deny"), ANY, 0, NOW, OK_IN),
    ("no limit", PASS, Policy(on_stale_lists="deny"), ANY, 0, NOW, OK_IN),
    ("no list was needed", CARD, Policy(lists_max_age_s=HOUR_S, on_stale_lists="deny"), ANY, 0, NOW, OK_IN),
    ("leaving with stale lists", PASS, Policy(lists_max_age_s=HOUR_S, on_stale_lists="deny"), WENT_IN, 1, NOW, OK_OUT),
    # declaration
    ("declared", PASS, Policy(declaration="verified"), ANY, 0, NOW, OK_IN),
    ("not declared", replace(PASS, declared_at=None), Policy(declaration="verified"), ANY, 0, NOW, no(Reason.NO_DECLARATION)),
    ("an ID card cannot say it", CARD, Policy(declaration="verified"), ANY, 0, NOW, OK_IN),
    ("and must where all must", CARD, Policy(declaration="all"), ANY, 0, NOW, no(Reason.NO_DECLARATION)),
    ("not required", replace(PASS, declared_at=None), Policy(), ANY, 0, NOW, OK_IN),
    ("leaving undeclared", replace(PASS, declared_at=None), Policy(declaration="all"), WENT_IN, 1, NOW, OK_OUT),
    ("as old as allowed", PASS, Policy(declaration="all", declaration_max_age_s=10 * HOUR_S), ANY, 0, NOW, OK_IN),
    ("older", PASS, Policy(declaration="all", declaration_max_age_s=10 * HOUR_S - 1), ANY, 0, NOW, no(Reason.DECLARATION_TOO_OLD)),
    ("old, but not required", PASS, Policy(declaration_max_age_s=1), ANY, 0, NOW, OK_IN),
    ("run out", replace(PASS, declared_until_at=NOW_AT), Policy(declaration="all"), ANY, 0, NOW, no(Reason.DECLARATION_TOO_OLD)),
    ("a tick before that", replace(PASS, declared_until_at=NOW_AT + TICK), Policy(declaration="all"), ANY, 0, NOW, OK_IN),
    ("without such a word", replace(PASS, declared_until_at=None), Policy(declaration="all"), ANY, 0, NOW, OK_IN),
    ("its age needs a clock", PASS, Policy(declaration="all", declaration_max_age_s=1), ANY, 0, UNSET, OK_IN),
    # opening hours
    ("open", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(23, 7, 30), OK_IN),
    ("a minute early", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(23, 7, 29, 59), no(Reason.CLOSED)),
    ("the last minute", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(23, 16, 59, 59), OK_IN),
    ("closing time", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(23, 17, 0), no(Reason.CLOSED)),
    ("closed, and let out", CARD, Policy(opening_hours=OFFICE), WENT_IN, 1, at(23, 17, 0), OK_OUT),
    ("closed, goes home after the reset", CARD, Policy(opening_hours=OFFICE), IN_8_H_AGO, 0, at(23, 3, 30), OK_OUT),
    ("open, comes back after the reset", CARD, Policy(opening_hours=OFFICE), IN_8_H_AGO, 0, at(23, 8), OK_IN),
    ("closed, went in long ago", CARD, Policy(opening_hours=OFFICE), IN_12_H_AGO, 0, at(23, 3, 30), no(Reason.CLOSED)),
    ("closed, at an entrance", CARD, Policy(opening_hours=OFFICE, direction="in"), IN_8_H_AGO, 0, at(23, 3, 30), no(Reason.CLOSED)),
    ("on Saturday", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(28, 11), OK_IN),
    ("on Saturday afternoon", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(28, 13), no(Reason.CLOSED)),
    ("on Sunday", CARD, Policy(opening_hours=OFFICE), ANY, 0, at(29, 11), no(Reason.CLOSED)),
    ("the hour is unknown", CARD, Policy(opening_hours=OFFICE), ANY, 0, replace(at(29, 11), quality=ClockQuality.UNSET), OK_IN),
    ("in another country", CARD, Policy(opening_hours=OFFICE, timezone="UTC"), ANY, 0, at(23, 8), no(Reason.CLOSED)),
    # anti-passback
    ("twice in, soft", PASS, Policy(direction="in", anti_passback="soft"), WENT_IN, 1, NOW, ask(Reason.ALREADY_IN)),
    ("twice in, hard", PASS, Policy(direction="in", anti_passback="hard"), WENT_IN, 1, NOW, no(Reason.ALREADY_IN)),
    ("twice out, soft", PASS, Policy(direction="out", anti_passback="soft"), WENT_OUT, 1, NOW, ask(Reason.ALREADY_OUT)),
    ("twice out, hard", PASS, Policy(direction="out", anti_passback="hard"), WENT_OUT, 1, NOW, no(Reason.ALREADY_OUT)),
    ("in after out, hard", PASS, Policy(direction="in", anti_passback="hard"), WENT_OUT, 0, NOW, OK_IN),
    ("in for the first time, hard", PASS, Policy(direction="in", anti_passback="hard"), ANY, 0, NOW, OK_IN),
    ("in for the first time, soft", PASS, Policy(direction="in", anti_passback="soft"), ANY, 0, NOW, OK_IN),
    ("out for the first time, soft", PASS, Policy(direction="out", anti_passback="soft"), ANY, 0, NOW, OK_OUT),
    ("alternating turns, soft", PASS, Policy(anti_passback="soft"), WENT_OUT, 1, NOW, OK_IN),
    ("out for the first time, hard", PASS, Policy(direction="out", anti_passback="hard"), ANY, 0, NOW, OK_OUT),
    ("alternating turns, hard", PASS, Policy(anti_passback="hard"), WENT_IN, 1, NOW, OK_OUT),
    # occupancy
    ("one place left", PASS, Policy(capacity=5), ANY, 4, NOW, OK_IN),
    ("full", PASS, Policy(capacity=5), ANY, 5, NOW, no(Reason.CAPACITY_REACHED)),
    ("over-full", PASS, Policy(capacity=5), WENT_OUT, 6, NOW, no(Reason.CAPACITY_REACHED)),
    ("full, and one leaves", PASS, Policy(capacity=5), WENT_IN, 5, NOW, OK_OUT),
    ("full, but he counts already", PASS, Policy(capacity=5, direction="in"), WENT_IN, 5, NOW, OK_IN),
    # which rule applies first
    ("kind is first", replace(CARD, not_after_at=NOW_AT - TICK), ONLY_SIGNED, ANY, 0, NOW, no(Reason.INSUFFICIENT_ASSURANCE)),
    ("validity, before room", replace(PASS, not_after_at=NOW_AT - TICK), Policy(capacity=0), ANY, 0, NOW, no(Reason.EXPIRED)),
    (
        "passback, before room",
        PASS, Policy(direction="in", anti_passback="hard", capacity=0), WENT_IN, 1, NOW, no(Reason.ALREADY_IN),
    ),
    (
        "both ends wrong: expired",
        replace(PASS, not_before_at=NOW_AT + TICK, not_after_at=NOW_AT - TICK), Policy(), ANY, 0, NOW, no(Reason.EXPIRED),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "policy", "history", "inside", "now", "decision"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_row_of_the_table(  # noqa: PLR0917  the columns of the table
    claim: Claim, policy: Policy, history: VisitHistory, inside: int, now: ClockReading, decision: Decision
) -> None:
    assert rules.decide_access(claim, history, policy, inside, now) == decision


def test_every_rule_decides_at_least_one_row() -> None:
    decided = {(row[6].outcome, row[6].reason) for row in ROWS}
    assert {(rule.outcome, rule.reason) for rule in rules.RULES} <= decided


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_keeps_its_reason_whatever_the_policy(reason: Reason) -> None:
    policy = Policy(min_assurance={}, direction="out", capacity=0)
    assert rules.decide_access(Refusal(CodeKind.ENTRY_PASS, reason), WENT_IN, policy, 9, NOW) == no(reason)


def test_several_codes_at_once_are_rejected() -> None:
    assert rules.multiple_codes_decision() == ask(Reason.MULTIPLE_CODES)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_manual_admission_is_a_pass(direction: Direction) -> None:
    assert rules.manual_decision(direction) == Decision(Outcome.PASS, Reason.MANUAL, direction)


@given(
    st.sampled_from([PASS, CARD]),
    st.sampled_from([ANY, WENT_IN, WENT_OUT]),
    st.integers(0, 3),
    st.builds(
        Policy,
        direction=st.sampled_from(["in", "out", "alternating"]),
        anti_passback=st.sampled_from(["off", "soft", "hard"]),
        declaration=st.sampled_from(["off", "verified", "all"]),
        capacity=st.none() | st.integers(0, 3),
        opening_hours=st.sampled_from([(), OFFICE]),
    ),
)
def test_only_a_pass_has_a_direction(claim: Claim, history: VisitHistory, inside: int, policy: Policy) -> None:
    decision = rules.decide_access(claim, history, policy, inside, NOW)
    assert (decision.direction is None) is (decision.outcome is not Outcome.PASS)
    assert (decision.reason is Reason.OK) is (decision.outcome is Outcome.PASS)


@given(st.sampled_from([PASS, CARD]), st.integers(0, 15 * 366 * 24))
def test_a_person_inside_with_a_valid_code_may_leave_at_any_hour(claim: Claim, hour: int) -> None:
    policy = Policy(
        declaration="all",
        declaration_max_age_s=1,
        opening_hours=OFFICE,
        capacity=0,
        lists_max_age_s=1,
        on_stale_lists="deny",
        on_unset_clock="deny",
        status_classes=frozenset(),
    )
    for quality in ClockQuality:
        now = ClockReading(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hour), 0.0, quality)
        assert rules.decide_access(claim, WENT_IN, policy, 1, now) == OK_OUT


class TestHours:
    @pytest.mark.parametrize(
        ("text", "days", "minutes"),
        [
            ("mon-fri 07:30-17:00", {0, 1, 2, 3, 4}, (450, 1020)),
            ("Sat 8:00-12:00", {5}, (480, 720)),
            ("sat-mon 00:00-24:00", {5, 6, 0}, (0, 1440)),
            (" mon-sun 22:00-04:00 ", set(range(7)), (1320, 240)),
        ],
    )
    def test_opening_hours_are_parsed(self, text: str, days: set[int], minutes: tuple[int, int]) -> None:
        hours = OpeningHours.parse(text)
        assert (set(hours.days), hours.from_minute, hours.until_minute) == (days, *minutes)

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "",
                "mon",
                "mon 8-17",
                "day 08:00-17:00",
                "mon-fri-sat 08:00-17:00",
                "mon- 08:00-17:00",
                "mon 08:60-17:00",
            ),
            *("mon 08:00-24:01", "mon 08:0-9:00", "mon -1:00-09:00", "mon 08:00-09:00-10:00"),
        ],
    )
    def test_invalid_hours_are_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not like 'mon-fri 07:30-17:00'"):
            OpeningHours.parse(text)

    @pytest.mark.parametrize(
        ("day", "hour", "minute", "open_"),
        [
            (27, 21, 59, False),
            (27, 22, 0, True),
            (28, 3, 59, True),
            (28, 4, 0, False),
            (28, 22, 30, False),
            (27, 3, 0, False),
        ],
    )
    def test_hours_may_end_on_the_next_day(self, day: int, hour: int, minute: int, open_: bool) -> None:
        night = OpeningHours.parse("fri 22:00-04:00")
        assert night.contains(datetime(2026, 11, day, hour, minute)) is open_  # noqa: DTZ001  local by contract

    def test_the_same_start_and_end_mean_the_whole_day(self) -> None:
        always = OpeningHours.parse("mon-sun 00:00-00:00")
        assert all(always.contains(datetime(2026, 11, 23 + day, hour)) for day in range(7) for hour in range(24))  # noqa: DTZ001


def test_the_wire_values_are_frozen() -> None:
    """These values are on disk and on the wire: add to the list, never change it."""
    assert {reason.value for reason in Reason} == {
        "ok", "manual", "already-in", "already-out", "multiple-codes", "expired", "not-yet-valid", "bad-signature",
        "unknown-key", "revoked", "malformed", "venue-code", "unsupported", "unknown-code", "insufficient-assurance",
        "payment-code",
        "not-accepted", "key-not-allowed", "no-proof", "stale-proof", "replayed", "no-declaration", "declaration-too-old", "closed",
        "capacity-reached",
        "lists-stale", "clock-unset", "annulled",
    }  # fmt: skip
    assert {kind.value for kind in CodeKind} == {
        "entry-pass", "hcert", "national-qr", "id-card", "insurance", "venue-code", "payment-code", "unsupported", "unknown",
    }  # fmt: skip
    assert {outcome.value for outcome in Outcome} == {"pass", "fail", "check-again"}
    assert {direction.value for direction in Direction} == {"in", "out"}
    assert {assurance.value for assurance in Assurance} == {"verified", "recognised"}
    assert {quality.value for quality in ClockQuality} == {"synchronised", "free-running", "unset"}
    assert {grounds.value for grounds in ManualReason} == {
        "nothing-to-show", "unreadable", "assisted", "turned-back", "wrong-person", "mistake", "other", "button",
    }  # fmt: skip


def test_the_default_policy() -> None:
    default: Any = Policy()
    assert default.direction == "alternating"
    assert (default.anti_passback, default.declaration, default.on_stale_lists, default.on_unset_clock) == (
        "off",
        "off",
        "allow",
        "allow",
    )
    assert default.min_assurance[CodeKind.ENTRY_PASS] is default.min_assurance[CodeKind.HCERT] is Assurance.VERIFIED
    assert set(default.min_assurance) == {
        CodeKind.ENTRY_PASS,
        CodeKind.HCERT,
        CodeKind.NATIONAL_QR,
        CodeKind.ID_CARD,
        CodeKind.INSURANCE,
    }
