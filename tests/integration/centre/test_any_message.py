"""Nothing that one device sends stops the centre: any bytes on any topic, through the collector, into both ledgers.

FUZZ_EXAMPLES sets the number of examples of the long form (`make fuzz-centre`). Each has one to four messages.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.model import StoredEvent
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.topics import TopicKind
from tests.examples import examples
from tests.fakes.data.access_events import GATE, an_event, event_text
from tests.fakes.processes import postgres
from tests.fuzz.fed_centre import HEALTH, HONEST, STATE, FedCentre, event_content

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", examples(50)))
ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-11-23T08:00:00",
        "\x00",
        "a\x00b",
        "\ud800",
        "\x1b[2J\n",
        "x" * 5000,
        0,
        -1,
        2**31,
        2**53 - 1,
        2**53,
        2**63,
        2**64,
        10**400,
        1e308,
        float("nan"),
        float("inf"),
        None,
        True,
        [],
        {},
        "f" * 16,
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]
)
VALUES = ODD_VALUES | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value can be replaced."""
    found = [at] if at else []
    steps = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for step, inner in steps:
        found += places(inner, (*at, step))
    return found


@st.composite
def changed_messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid message with some values replaced, keys added or removed, repeated as a batch, or bytes changed."""
    kind = draw(st.sampled_from([TopicKind.EVENT, TopicKind.STATE, TopicKind.HEALTH]))
    seqs = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    content: Any = json.loads(
        json.dumps({TopicKind.EVENT: [event_content(seq) for seq in seqs], TopicKind.STATE: STATE}.get(kind, HEALTH))
    )
    for _ in range(draw(st.integers(0, 4))):
        *way, last = draw(st.sampled_from(places(content)))
        inner = content
        for step in way:
            inner = inner[step]
        if draw(st.booleans()):
            inner[last] = draw(VALUES)
        elif isinstance(inner, dict):
            inner[draw(st.text(max_size=20))] = inner.pop(last)
        if not places(content):
            break
    payload = bytearray(json.dumps(content).encode())
    for place in draw(st.lists(st.integers(0, len(payload) - 1), max_size=2)):
        payload[place] = draw(st.integers(0, 255))
    return GATE.topic(kind), bytes(payload)


TOPICS = st.sampled_from([GATE.topic(kind) for kind in TopicKind]) | st.text(max_size=40)
MESSAGES = st.lists(changed_messages() | st.tuples(TOPICS, st.binary(max_size=400)), min_size=1, max_size=4)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    if request.param == "sqlite":
        with closing(SqliteLedger(tmp_path_factory.mktemp("centre") / "centre.db")) as opened:
            yield opened
        return
    with postgres.server() as address, closing(PostgresLedger(address)) as other:
        yield other


def test_any_message_is_stored_or_counted_and_acknowledged_and_the_others_get_their_receipts(ledger: Ledger) -> None:
    centre = FedCentre(ledger)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(MESSAGES)
    def survives(messages: list[tuple[str, bytes]]) -> None:
        centre.receive(messages)

    survives()
    centre.collector.close()
    print(f"{centre.messages} messages in {centre.seq} examples")


def test_a_message_that_the_ledger_cannot_store_is_dropped_alone(ledger: Ledger, tmp_path: Path) -> None:
    class Failing:
        """A ledger with an error that no one foresaw."""

        def record(self, messages: Any) -> Any:
            if any(one.device == GATE for one in messages):
                raise OverflowError
            return ledger.record(messages)

        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

    centre = FedCentre(Failing())
    centre.seq = 10_000_000  # after all that the other tests stored
    culprit = json.dumps(event_content(1)).encode()
    centre.broker.deliver(GATE.topic(TopicKind.EVENT), culprit)
    honest = event_text(StoredEvent("e" * 16, 1, "boot-b", an_event(77)), HONEST.source).encode()
    centre.broker.deliver(HONEST.topic(TopicKind.EVENT), honest)
    for _ in range(4):
        assert centre.collector.step() == 0.0
    assert centre.acknowledged == 2
    answers = [one for one in centre.broker.received if one.topic.endswith("/receipt")]
    assert [one.topic for one in answers] == [HONEST.topic(TopicKind.RECEIPT)]
    centre.collector.close()
