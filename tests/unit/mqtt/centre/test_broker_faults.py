"""The centre and brokers that refuse a subscription or lack a feature."""

import random

import pytest

from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import BrokerRefusedError
from tests.fakes.parts.connection import FakeBroker, ManualClock


def collector_of(broker: FakeBroker, ledger: SqliteLedger, share_group: str = "") -> Collector:
    return Collector("entrance", ledger, broker.connect, share_group=share_group, jitter=random.Random(3))


def test_a_refused_subscription_is_tried_again_until_the_broker_grants_it(ledger: SqliteLedger) -> None:
    broker = FakeBroker(ManualClock(), refuses=("entrance/v1/+/+/event",))
    centre = collector_of(broker, ledger)
    delays = [centre.step() for _ in range(12)]
    assert not centre.ready
    assert max(delays) > 0.0
    assert len(broker.links) > 3
    broker.refuses = ()
    for _ in range(3):
        centre.step()
    assert centre.ready


def test_shared_subscriptions_that_the_broker_does_not_offer_are_one_sentence(ledger: SqliteLedger) -> None:
    broker = FakeBroker(ManualClock(), shared_subscriptions=False)
    with pytest.raises(BrokerRefusedError, match="does not offer shared subscriptions"):
        collector_of(broker, ledger, "centre").step()
    centre = collector_of(broker, ledger)
    for _ in range(3):
        centre.step()
    assert centre.ready
