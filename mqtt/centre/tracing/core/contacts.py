"""Contacts: overlaps of stays at the same site of at least so many minutes. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from mqtt.centre.tracing.core.model import Contact, Grade, Stay

_Overlap = tuple[datetime, datetime, Grade]


def find_contacts(people: Collection[int], stays: Iterable[Stay], min_overlap: timedelta) -> list[Contact]:
    """The contacts of these people, by time. A contact of two of them stands there once for each."""
    by_site: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_site[stay.site].append(stay)
    found: list[Contact] = []
    for site, present in by_site.items():
        overlaps: dict[tuple[int, int], list[_Overlap]] = defaultdict(list)
        for own, other, overlap in _overlaps(people, present):
            overlaps[own, other].append(overlap)
        for (own, other), parts in overlaps.items():
            found += _join(own, other, site, parts, min_overlap)
    return sorted(found, key=lambda one: (one.since_at, one.person, one.other))


def find_second_degree(
    people: Collection[int], contacts: Sequence[Contact], stays: Iterable[Stay], min_overlap: timedelta
) -> list[Contact]:
    """The contacts of contacts, from the beginning of their own first contact on. `people` are not among them."""
    first_at: dict[int, datetime] = {}
    for contact in contacts:
        first_at[contact.other] = min(contact.since_at, first_at.get(contact.other, contact.since_at))
    known = set(people) | set(first_at)
    found = find_contacts(set(first_at) - set(people), stays, min_overlap)
    return [
        Contact(one.person, one.other, one.site, one.since_at, one.until_at, one.grade, 2)
        for one in found
        if one.other not in known and one.until_at > first_at[one.person]
    ]


def _overlaps(people: Collection[int], present: Sequence[Stay]) -> Iterator[tuple[int, int, _Overlap]]:
    """Each overlap of a stay of these people with a stay of another person. A sweep over the beginnings."""
    wanted = frozenset(people)
    open_own: list[Stay] = []
    open_other: list[Stay] = []
    for stay in sorted(present, key=lambda one: (one.since_at, one.until_at, one.person)):
        is_own = stay.person in wanted
        open_own = [one for one in open_own if one.until_at > stay.since_at]
        if is_own:
            open_other = [one for one in open_other if one.until_at > stay.since_at]
        for own in open_own:
            if own.person != stay.person:
                yield own.person, stay.person, _overlap(own, stay)
                if is_own:
                    yield stay.person, own.person, _overlap(own, stay)
        if is_own:
            for other in open_other:
                yield stay.person, other.person, _overlap(stay, other)
            open_own.append(stay)
        else:
            open_other.append(stay)


def _overlap(one: Stay, other: Stay) -> _Overlap:
    grade = Grade.PAIRED if one.grade is other.grade is Grade.PAIRED else Grade.ASSUMED
    return max(one.since_at, other.since_at), min(one.until_at, other.until_at), grade


def _join(own: int, other: int, site: str, parts: Sequence[_Overlap], min_overlap: timedelta) -> Iterator[Contact]:
    """One contact for each run of overlaps that touch. It is paired where its paired parts alone are long enough."""
    for since_at, until_at, run in _runs(sorted(parts)):
        if until_at - since_at < min_overlap:
            continue
        longest = max((end - begin for begin, end, _ in _runs([p for p in run if p[2] is Grade.PAIRED])), default=None)
        is_paired = longest is not None and longest >= min_overlap
        yield Contact(own, other, site, since_at, until_at, Grade.PAIRED if is_paired else Grade.ASSUMED)


def _runs(parts: Sequence[_Overlap]) -> Iterator[tuple[datetime, datetime, list[_Overlap]]]:
    run: list[_Overlap] = []
    end: datetime | None = None
    for part in parts:
        if end is not None and part[0] > end:
            yield run[0][0], end, run
            run, end = [], None
        run.append(part)
        end = part[1] if end is None else max(end, part[1])
    if end is not None:
        yield run[0][0], end, run
