"""Replays the corpus of the centre's fuzzer: each entry is acknowledged, and the honest device gets its receipt."""

import zipfile
from collections.abc import Iterator

import pytest

from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE
from tests.fuzz.fed_centre import END, FedCentre, centre, judge, messages_in, seeds
from tests.paths import DATA

CORPUS = DATA / "fuzz_centre.zip"


@pytest.fixture
def fed() -> Iterator[FedCentre]:
    with centre("sqlite") as found:
        yield found


def entries() -> list[bytes]:
    with zipfile.ZipFile(CORPUS) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_every_entry_of_the_corpus_is_acknowledged_and_harms_no_other_device(fed: FedCentre) -> None:
    found = entries()
    assert len(found) > 100
    for entry in found:
        judge(fed, entry)
    assert fed.messages > len(found)


def test_an_input_of_the_fuzzer_holds_messages_on_the_topics_that_it_names() -> None:
    found = messages_in(END.join([b"e[]", b"tany/topic\n{}", b"h1", b"\xff"]))
    assert found == [
        (GATE.topic(TopicKind.EVENT), b"[]"),
        ("any/topic", b"{}"),
        (GATE.topic(TopicKind.HEALTH), b"1"),
        (GATE.topic(TopicKind.EVENT), b"\xff"),
    ]


def test_the_fuzzer_detects_a_receipt_that_is_not_the_expected_one(fed: FedCentre) -> None:
    judge(fed, seeds()[0])
    fed.seq += 5  # the honest device leaves a gap, so its receipt ends before it
    with pytest.raises(AssertionError):
        judge(fed, seeds()[0])
