"""A synthetic city whose stays are known: people, sites with several gates, lost passages, annulments, wrong clocks.

The same arguments give the same city. All people are synthetic.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from mqtt.centre.tracing.core.model import SealedPassage, StayRules, TracedSubject, UnsealedPassage
from mqtt.centre.tracing.core.stays import DEFAULT_RESET, OVER_NIGHT, usual_stay

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST_DAY = datetime(2026, 11, 1, tzinfo=ZONE)
KINDS = ("office", "market", "shop", "restaurant", "hotel", "station", "school", "hospital", "worship")
LONGEST_HOURS = {"hotel": 30, "hospital": 40, "office": 9, "school": 9, "market": 5}
LOST_OUT, LOST_IN, ANNULLED, REFUSED, UNDATED = 0.08, 0.01, 0.02, 0.03, 0.003
FREE_RUNNING_GATES = 0.04
MAX_DRIFT_S = 240.0


@dataclass(frozen=True, slots=True)
class TrueStay:
    """Where a person really was. `is_recorded`: at least one passage of it has a time."""

    person: int
    site: str
    since_at: datetime
    until_at: datetime
    is_recorded: bool


@dataclass(slots=True)
class TracedCity:
    """What happened, and what the gates recorded of it."""

    rules: dict[str, StayRules] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    stays: list[TrueStay] = field(default_factory=list)
    unsealed: list[UnsealedPassage] = field(default_factory=list)

    def true_overlaps(self, person: int, min_overlap: timedelta) -> Iterator[TrueStay]:
        """Recorded stays of others that really overlapped with a recorded one of this person: the common time."""
        by_site: dict[str, list[TrueStay]] = defaultdict(list)
        for stay in self.stays:
            by_site[stay.site].append(stay)
        for own in (stay for stay in self.stays if stay.person == person and stay.is_recorded):
            for other in by_site[own.site]:
                since_at, until_at = max(own.since_at, other.since_at), min(own.until_at, other.until_at)
                if other.person != person and other.is_recorded and until_at - since_at >= min_overlap:
                    yield TrueStay(other.person, own.site, since_at, until_at, True)


def identifiers(person: int) -> tuple[tuple[str, str], ...]:
    """Those of the person's national code. Their ID card has the second one alone."""
    return ("qid", f"{person:018}"), ("document", f"046{person:09}")


def person_number(unsealed: UnsealedPassage) -> int:
    """The number of the person in this city."""
    assert unsealed.subject
    return int(unsealed.subject.identifiers[-1][1][3:])


def make_traced_city(*, people: int, sites: int, days: int, seed: int = 1) -> TracedCity:
    """A city. With 10,000 people, 200 sites and 14 days it has about 330,000 passages."""
    rng = random.Random(seed)
    city, gates = TracedCity(), {}
    for number in range(sites):
        name, kind = f"site-{number}", KINDS[number % len(KINDS)]
        reset = None if kind in OVER_NIGHT else DEFAULT_RESET
        city.rules[name], city.kinds[name] = StayRules(usual_stay(kind), reset, ZONE), kind
        gates[name] = [_gate(rng, name, gate) for gate in range(rng.randint(1, 4))]
    for person in range(people):
        for day in range(days):
            _walk(rng, city, gates, person, FIRST_DAY + timedelta(days=day))
    return city


def _gate(rng: random.Random, site: str, number: int) -> tuple[str, float | None]:
    """Its name, and the error of its clock in seconds. None: it is synchronised."""
    drift = rng.uniform(-MAX_DRIFT_S, MAX_DRIFT_S) if rng.random() < FREE_RUNNING_GATES else None
    return f"{site}/gate-{number + 1}", drift


def _walk(
    rng: random.Random, city: TracedCity, gates: dict[str, list[tuple[str, float | None]]], person: int, day: datetime
) -> None:
    """The visits of a person on a day: none, one or two."""
    at = day + timedelta(hours=5.5 + rng.random() * 3)
    if city.stays and city.stays[-1].person == person and city.stays[-1].until_at > at:
        return
    for _ in range(rng.choice((0, 1, 1, 2))):
        at += timedelta(hours=rng.random() * 3)
        site = rng.choice(list(gates)) if rng.random() < 0.5 else f"site-{person % len(gates)}"
        kind = city.kinds[site]
        hours = rng.triangular(0.1, LONGEST_HOURS.get(kind, 3), 1)
        midnight = day + timedelta(hours=23)
        until = at + timedelta(hours=hours)
        if kind not in OVER_NIGHT:
            until = min(until, midnight)
        if until <= at:
            return
        _visit(rng, city, gates[site], TrueStay(person, site, at, until, True))
        at = until
        if until > midnight:
            return


def _visit(rng: random.Random, city: TracedCity, gates: list[tuple[str, float | None]], stay: TrueStay) -> None:
    recorded = 0
    if rng.random() < ANNULLED:
        _pass(rng, city, gates, stay, at=stay.since_at - timedelta(minutes=20), direction="in", is_annulled=True)
    if rng.random() < REFUSED:
        _pass(rng, city, gates, stay, at=stay.since_at - timedelta(minutes=1), direction="in", result="fail")
    if rng.random() >= LOST_IN:
        recorded += _pass(rng, city, gates, stay, at=stay.since_at, direction="in")
    if rng.random() >= LOST_OUT:
        recorded += _pass(rng, city, gates, stay, at=stay.until_at, direction="out")
    city.stays.append(TrueStay(stay.person, stay.site, stay.since_at, stay.until_at, recorded > 0))


def _pass(
    rng: random.Random,
    city: TracedCity,
    gates: list[tuple[str, float | None]],
    stay: TrueStay,
    *,
    at: datetime,
    direction: str,
    is_annulled: bool = False,
    result: str = "pass",
) -> bool:
    """A record of a gate. Whether it has a time."""
    gate, drift = rng.choice(gates)
    known = rng.random() >= UNDATED
    shown = at.astimezone(UTC) + timedelta(seconds=drift or 0.0)
    passage = SealedPassage(
        UUID(int=int(shown.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | rng.getrandbits(62)),
        stay.site,
        gate,
        shown if known else None,
        shown + timedelta(seconds=2),
        direction,
        result,
        "ok" if result == "pass" else "expired",
        is_annulled,
        drift is None,
        "national-qr",
        b"",
    )
    names = identifiers(stay.person)
    subject = TracedSubject(names if rng.random() < 0.6 else names[1:], f"NGƯỜI {stay.person}")
    city.unsealed.append(UnsealedPassage(passage, subject))
    return known and not is_annulled and result == "pass"
