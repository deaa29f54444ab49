"""Stays from passages, and contacts from stays: what is missing is filled in and marked, what does not count stays out."""

from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.tracing.core.contacts import find_contacts, find_second_degree
from mqtt.centre.tracing.core.model import (
    Contact,
    Grade,
    PassageState,
    SealedPassage,
    Stay,
    StayRules,
    TracedSubject,
    UnsealedPassage,
)
from mqtt.centre.tracing.core.stays import group_people, pair_stays

MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
RULES = StayRules(timedelta(hours=4), time(3), ZoneInfo("Asia/Ho_Chi_Minh"))
HOTEL = StayRules(timedelta(hours=48), None, ZoneInfo("Asia/Ho_Chi_Minh"))
QUARTER = timedelta(minutes=15)


def passage(
    minute: float | None,
    direction: str | None = "in",
    *,
    number: int = 0,
    gate: str = "dong-ba/gate-1",
    result: str = "pass",
    is_annulled: bool = False,
    has_exact_time: bool = True,
) -> SealedPassage:
    at = None if minute is None else MORNING + timedelta(minutes=minute)
    id_ = UUID(int=number or int((minute or 0) * 10) + 1)
    return SealedPassage(
        id_, "dong-ba", gate, at, MORNING, direction, result, "ok", is_annulled, has_exact_time, "id-card", b""
    )


def minutes_of(stays: list[Stay]) -> list[tuple[float, float, str]]:
    def minute(at: datetime) -> float:
        return (at - MORNING).total_seconds() / 60

    return [(minute(one.since_at), minute(one.until_at), one.grade.value) for one in stays]


def pair(*passages: SealedPassage, rules: StayRules = RULES) -> list[tuple[float, float, str]]:
    return minutes_of(pair_stays(0, passages, rules))


def test_in_at_one_gate_and_out_at_another_is_one_paired_stay() -> None:
    assert pair(passage(0), passage(90, "out", gate="dong-ba/gate-2")) == [(0, 90, "paired")]


def test_a_missing_out_ends_at_the_next_in() -> None:
    assert pair(passage(0), passage(100), passage(130, "out")) == [(0, 100, "assumed"), (100, 130, "paired")]


def test_a_missing_out_ends_after_the_usual_stay() -> None:
    assert pair(passage(0)) == [(0, 240, "assumed")]


def test_a_missing_out_ends_at_the_reset_hour() -> None:
    late = 17 * 60  # 01:00 in the city, two hours before the reset
    assert pair(passage(late)) == [(late, late + 120, "assumed")]


def test_a_missing_in_begins_after_the_passage_before_it() -> None:
    assert pair(passage(0), passage(60, "out"), passage(100, "out")) == [(0, 60, "paired"), (60, 100, "assumed")]


def test_in_and_out_of_different_days_are_no_stay_of_a_night() -> None:
    assert pair(passage(0), passage(24 * 60, "out")) == [(0, 240, "assumed"), (20 * 60, 24 * 60, "assumed")]


def test_a_guest_of_a_hotel_stays_over_night() -> None:
    assert pair(passage(0), passage(24 * 60, "out"), rules=HOTEL) == [(0, 24 * 60, "paired")]
    assert pair(passage(0), passage(90 * 60, "out"), rules=HOTEL) == [(0, 90 * 60, "assumed")]


def test_a_long_day_of_a_market_woman_is_paired() -> None:
    assert pair(passage(0), passage(11 * 60, "out")) == [(0, 11 * 60, "paired")]


def test_a_gate_without_directions_gives_assumed_stays() -> None:
    assert pair(passage(0, None), passage(60, None)) == [(0, 60, "assumed"), (60, 300, "assumed")]


def test_a_clock_that_runs_freely_makes_the_stay_longer_and_assumed() -> None:
    assert pair(passage(0), passage(60, "out", has_exact_time=False)) == [(-5, 65, "assumed")]


def test_refused_annulled_and_undated_passages_are_never_a_stay() -> None:
    passages = [
        passage(0, result="fail"),
        passage(1, result="check-again"),
        passage(2, is_annulled=True),
        passage(None),
    ]
    assert pair(*passages) == []
    assert [one.state for one in passages] == [
        PassageState.REFUSED,
        PassageState.REFUSED,
        PassageState.ANNULLED,
        PassageState.CLOCK_UNSET,
    ]


def test_codes_that_share_an_identifier_are_one_person_also_through_a_third_code() -> None:
    def named(*identifiers: tuple[str, str]) -> UnsealedPassage:
        return UnsealedPassage(passage(0), TracedSubject(identifiers))

    found = group_people(
        [
            named(("document", "1")),
            named(("insurance", "9")),
            named(("document", "2")),
            named(("qid", "7"), ("document", "1")),
            named(("qid", "7"), ("insurance", "9")),
            UnsealedPassage(passage(0), None, "no-key"),
        ]
    )
    assert sorted(len(one) for one in found.values()) == [1, 4]


def stay(person: int, since: float, until: float, grade: Grade = Grade.PAIRED, site: str = "dong-ba") -> Stay:
    return Stay(person, site, MORNING + timedelta(minutes=since), MORNING + timedelta(minutes=until), grade)


def shown(contacts: list[Contact]) -> list[tuple[int, int, int, str]]:
    return [(one.person, one.other, one.minutes, one.grade.value) for one in contacts]


def test_an_overlap_of_fourteen_minutes_is_no_contact_and_one_of_fifteen_is() -> None:
    stays = [stay(0, 0, 60), stay(1, 46, 90), stay(2, 45, 90)]
    assert shown(find_contacts([0], stays, QUARTER)) == [(0, 2, 15, "paired")]


def test_an_assumed_stay_gives_an_assumed_contact() -> None:
    assert shown(find_contacts([0], [stay(0, 0, 60, Grade.ASSUMED), stay(1, 0, 60)], QUARTER)) == [
        (0, 1, 60, "assumed")
    ]


def test_stays_that_touch_are_one_contact_graded_by_its_paired_part() -> None:
    stays = [stay(0, 0, 10, Grade.ASSUMED), stay(0, 10, 60), stay(1, 0, 60)]
    assert shown(find_contacts([0], stays, QUARTER)) == [(0, 1, 60, "paired")]
    stays = [stay(0, 0, 10), stay(0, 10, 20, Grade.ASSUMED), stay(1, 0, 60)]
    assert shown(find_contacts([0], stays, QUARTER)) == [(0, 1, 20, "assumed")]


def test_the_same_time_at_another_site_is_no_contact() -> None:
    assert find_contacts([0], [stay(0, 0, 60), stay(1, 0, 60, site="an-cuu")], QUARTER) == []


def test_the_second_degree_begins_with_the_first_contact() -> None:
    stays = [stay(0, 100, 160), stay(1, 100, 160), stay(1, 0, 60, site="an-cuu"), stay(2, 0, 60, site="an-cuu")]
    first = find_contacts([0], stays, QUARTER)
    assert find_second_degree([0], first, stays, QUARTER) == [], "they met before the contact"
    stays += [stay(1, 200, 260, site="an-cuu"), stay(3, 200, 260, site="an-cuu")]
    second = find_second_degree([0], first, stays, QUARTER)
    assert [(one.person, one.other, one.degree) for one in second] == [(1, 3, 2)]


minute = st.integers(0, 3 * 24 * 60)
steps = st.lists(
    st.builds(
        passage,
        minute,
        st.sampled_from(["in", "out", None]),
        number=st.integers(1, 1000),
        result=st.sampled_from(["pass", "pass", "fail"]),
        is_annulled=st.sampled_from([False, False, True]),
        has_exact_time=st.booleans(),
    ),
    max_size=12,
)


@given(steps, st.sampled_from([RULES, HOTEL]))
def test_each_counted_passage_is_in_one_stay_and_no_other_is_in_any(
    passages: list[SealedPassage], rules: StayRules
) -> None:
    passages = list({one.id: one for one in passages}.values())
    stays = pair_stays(0, passages, rules)
    used = [id_ for one in stays for id_ in (one.entry, one.exit) if id_ is not None]
    assert sorted(used) == sorted(one.id for one in passages if one.state is PassageState.COUNTED)
    for one in stays:
        assert one.since_at <= one.until_at
        assert one.grade is Grade.ASSUMED or (one.entry and one.exit)


@given(steps)
def test_stays_do_not_depend_on_the_order_in_which_passages_came(passages: list[SealedPassage]) -> None:
    passages = list({one.id: one for one in passages}.values())
    assert pair_stays(0, passages, RULES) == pair_stays(0, passages[::-1], RULES)


some_stays = st.lists(
    st.builds(
        lambda person, since, length, grade, site: stay(person, since, since + length, grade, site),
        st.integers(0, 4),
        st.integers(0, 300),
        st.integers(0, 200),
        st.sampled_from(list(Grade)),
        st.sampled_from(["dong-ba", "an-cuu"]),
    ),
    max_size=14,
)


@given(some_stays)
def test_contacts_are_those_of_a_comparison_of_every_pair(stays: list[Stay]) -> None:
    expected = set()
    for one, other in combinations(stays, 2):
        common = min(one.until_at, other.until_at) - max(one.since_at, other.since_at)
        if one.site == other.site and one.person != other.person and common >= QUARTER:
            expected |= {(one.person, other.person, one.site), (other.person, one.person, one.site)}
    found = {(one.person, one.other, one.site) for one in find_contacts(range(5), stays, QUARTER)}
    assert expected <= found, "runs of short overlaps may add more"
    for contact in find_contacts(range(5), stays, QUARTER):
        assert contact.until_at - contact.since_at >= QUARTER
        assert (contact.other, contact.person, contact.site) in found
