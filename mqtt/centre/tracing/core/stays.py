"""Pairs the passages of each person at a site to stays, across its gates. Pure.

A missing way out ends at the next passage of the person, at the reset hour, or after the usual stay of such a place, whichever
comes first. A missing way in is filled in likewise, backwards. Such stays are graded `assumed`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from mqtt.centre.tracing.core.model import Grade, PassageState, SealedPassage, Stay, StayRules, UnsealedPassage

DEFAULT_RESET = time(3)
_HOURS = {
    "office": 12,
    "market": 6,
    "shop": 4,
    "restaurant": 4,
    "hotel": 48,
    "station": 4,
    "school": 12,
    "hospital": 96,
    "worship": 4,
}
OTHER_HOURS = 12
OVER_NIGHT = ("hotel", "hospital")
"""Kinds of sites where people stay over night: no reset hour applies."""


def usual_stay(kind: str) -> timedelta:
    """The longest usual stay at a site of this kind."""
    return timedelta(hours=_HOURS.get(kind, OTHER_HOURS))


def group_people(unsealed: Iterable[UnsealedPassage]) -> dict[int, list[UnsealedPassage]]:
    """Passages by person, numbered from 0. Codes that share an identifier are of one person, also through a third code."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(identifier: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(identifier, identifier)
        while parent[identifier] != identifier:
            parent[identifier] = parent[parent[identifier]]
            identifier = parent[identifier]
        return identifier

    named = [one for one in unsealed if one.subject is not None and one.subject.identifiers]
    for one in named:
        assert one.subject is not None
        first, *others = one.subject.identifiers
        for other in others:
            parent[root(other)] = root(first)
    numbers: dict[tuple[str, str], int] = {}
    found: dict[int, list[UnsealedPassage]] = defaultdict(list)
    for one in named:
        assert one.subject is not None
        person = numbers.setdefault(root(one.subject.identifiers[0]), len(numbers))
        found[person].append(one)
    return dict(found)


def pair_people(people: Mapping[int, Sequence[UnsealedPassage]], rules: Mapping[str, StayRules]) -> list[Stay]:
    """The stays of all these people. `rules` by site. Passages of several sites may come together."""
    found: list[Stay] = []
    for person, unsealed in people.items():
        by_site: dict[str, list[SealedPassage]] = defaultdict(list)
        for one in unsealed:
            by_site[one.passage.site].append(one.passage)
        for site, passages in by_site.items():
            found += pair_stays(person, passages, rules[site])
    return found


def pair_stays(person: int, passages: Iterable[SealedPassage], rules: StayRules) -> list[Stay]:
    """The stays of one person at one site, oldest first. Refused, annulled and undated passages are no part of a stay."""
    steps = sorted(
        (one for one in passages if one.state is PassageState.COUNTED), key=lambda one: (_time(one), one.id.int)
    )
    found: list[Stay] = []
    entry: SealedPassage | None = None
    previous_at: datetime | None = None
    for step in steps:
        if step.direction == "out":
            found += _leave(person, entry, step, previous_at, rules)
            entry = None
        else:
            if entry is not None:
                found.append(_without_exit(person, entry, _time(step), rules))
            entry = step
        previous_at = _time(step)
    if entry is not None:
        found.append(_without_exit(person, entry, None, rules))
    return found


def _leave(
    person: int, entry: SealedPassage | None, leaving: SealedPassage, previous_at: datetime | None, rules: StayRules
) -> list[Stay]:
    if entry is None:
        return [_without_entry(person, leaving, previous_at, rules)]
    since_at, until_at = _time(entry), _time(leaving)
    is_usual = until_at - since_at <= rules.usual_stay
    over_reset = _next_reset(since_at, rules) < until_at
    if over_reset and not is_usual:
        return [_without_exit(person, entry, until_at, rules), _without_entry(person, leaving, since_at, rules)]
    is_paired = entry.direction == "in" and (is_usual or rules.reset_at is not None)
    return [_stay(person, entry, leaving, (since_at, until_at), rules, is_paired=is_paired)]


def _without_exit(person: int, entry: SealedPassage, next_at: datetime | None, rules: StayRules) -> Stay:
    since_at = _time(entry)
    until_at = min(
        since_at + rules.usual_stay, _next_reset(since_at, rules), next_at or datetime.max.replace(tzinfo=UTC)
    )
    return _stay(person, entry, None, (since_at, until_at), rules, is_paired=False)


def _without_entry(person: int, leaving: SealedPassage, previous_at: datetime | None, rules: StayRules) -> Stay:
    until_at = _time(leaving)
    earliest = datetime.min.replace(tzinfo=UTC)
    since_at = max(until_at - rules.usual_stay, _last_reset(until_at, rules), previous_at or earliest)
    return _stay(person, None, leaving, (since_at, until_at), rules, is_paired=False)


def _stay(
    person: int,
    entry: SealedPassage | None,
    leaving: SealedPassage | None,
    period: tuple[datetime, datetime],
    rules: StayRules,
    *,
    is_paired: bool,
) -> Stay:
    """With a clock that is not synchronised, the stay is as long as it can have been, and assumed."""
    since_at, until_at = period
    steps = [one for one in (entry, leaving) if one is not None]
    if not all(one.has_exact_time for one in steps):
        since_at, until_at, is_paired = since_at - rules.clock_margin, until_at + rules.clock_margin, False
    return Stay(
        person,
        steps[0].site,
        since_at,
        until_at,
        Grade.PAIRED if is_paired else Grade.ASSUMED,
        entry.id if entry else None,
        leaving.id if leaving else None,
    )


def _time(passage: SealedPassage) -> datetime:
    assert passage.at is not None
    return passage.at


def _next_reset(at: datetime, rules: StayRules) -> datetime:
    if rules.reset_at is None:
        return datetime.max.replace(tzinfo=UTC)
    local = at.astimezone(rules.zone)
    found = datetime.combine(local.date(), rules.reset_at, rules.zone)
    return (found if found > local else found + timedelta(days=1)).astimezone(UTC)


def _last_reset(at: datetime, rules: StayRules) -> datetime:
    if rules.reset_at is None:
        return datetime.min.replace(tzinfo=UTC)
    local = at.astimezone(rules.zone)
    found = datetime.combine(local.date(), rules.reset_at, rules.zone)
    return (found if found <= local else found - timedelta(days=1)).astimezone(UTC)
