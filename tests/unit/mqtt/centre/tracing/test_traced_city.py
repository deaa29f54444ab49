"""Contacts in a synthetic city whose truth is known: none is missing, and those graded `paired` are right."""

from datetime import datetime, timedelta

import pytest

from mqtt.centre.tracing.core.contacts import find_contacts
from mqtt.centre.tracing.core.model import Grade
from mqtt.centre.tracing.core.stays import group_people, pair_people
from tests.fakes.centre.traced_city import TracedCity, make_traced_city, person_number

MIN_OVERLAP = timedelta(minutes=15)


def measure(city: TracedCity, asked: range) -> tuple[float, float, int, int]:
    """Recall of all, precision of `paired`, and how many contacts are paired and assumed."""
    people = group_people(city.unsealed)
    numbers = {key: person_number(passages[0]) for key, passages in people.items()}
    keys = [key for key, number in numbers.items() if number in asked]
    found = find_contacts(keys, pair_people(people, city.rules), MIN_OVERLAP)
    by_person: dict[int, list[tuple[int, str, datetime, datetime, Grade]]] = {}
    for one in found:
        row = (numbers[one.other], one.site, one.since_at, one.until_at, one.grade)
        by_person.setdefault(numbers[one.person], []).append(row)
    truths = hits = right = paired = 0
    for person in asked:
        true = list(city.true_overlaps(person, MIN_OVERLAP))
        shown = by_person.get(person, [])
        for stay in true:
            truths += 1
            hits += any(
                row[:2] == (stay.person, stay.site) and row[2] < stay.until_at and row[3] > stay.since_at
                for row in shown
            )
        for row in shown:
            if row[4] is Grade.PAIRED:
                paired += 1
                right += any(
                    (stay.person, stay.site) == row[:2] and stay.since_at < row[3] and stay.until_at > row[2]
                    for stay in true
                )
    assert truths
    assert paired
    return hits / truths, right / paired, paired, len(found) - paired


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_true_contact_is_found_and_paired_ones_are_right(seed: int) -> None:
    city = make_traced_city(people=300, sites=12, days=7, seed=seed)
    recall, precision, _, assumed = measure(city, range(100))
    assert recall == 1.0
    assert precision >= 0.95
    assert assumed, "a city with lost passages has contacts that are only assumed"
