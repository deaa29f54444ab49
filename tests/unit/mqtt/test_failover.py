"""Several addresses of a broker: order, backoff, and what the owner of a connection hears of it."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.connection import (
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    OutgoingMessage,
)
from mqtt.paho.failover import STABLE_S, AddressRotation, Failover
from tests.fakes.parts.connection import FakeBroker, FakeConnection, ManualClock

MAX_DELAY_S = 60.0
WILL = OutgoingMessage("t", b"")


def rotation(count: int, seed: int = 1) -> AddressRotation:
    return AddressRotation(count, MAX_DELAY_S, random.Random(seed))


def test_the_first_address_is_tried_first_and_again_after_a_good_connection() -> None:
    made = rotation(3)
    assert made.choose(0.0) == 0
    made.on_ended(0, 1000.0, STABLE_S)
    assert made.choose(1000.0) == 0


def test_after_a_failure_the_next_address_is_tried_at_once_and_the_first_one_later() -> None:
    made = rotation(2)
    made.on_failed(0, 0.0)
    assert made.choose(0.0) == 1
    made.on_ended(1, 5000.0, STABLE_S)
    assert made.choose(5000.0) == 0, "the first one in the list that is due"


def test_an_address_that_accepts_and_drops_again_and_again_does_not_hold_the_client() -> None:
    made = rotation(2)
    for _ in range(5):
        index = made.choose(0.0)
        made.on_ended(index, 0.0, 1.0)
        if index == 1:
            return
    raise AssertionError("the second address was never tried")


@given(count=st.integers(1, 8), seed=st.integers(0, 1000), dead=st.sets(st.integers(0, 7)), steps=st.integers(1, 60))
def test_every_address_is_reached_and_a_dead_one_is_tried_less_and_less(
    count: int, seed: int, dead: set[int], steps: int
) -> None:
    made, now_s, tried = rotation(count, seed), 0.0, [0] * count
    living = [index for index in range(count) if index not in dead]
    for step in range(steps):
        index = made.choose(now_s)
        tried[index] += 1
        if index not in dead:
            assert step < count, "a living address is reached before any other one is tried twice"
            return
        made.on_failed(index, now_s)
        now_s += 0.01
    assert not living or steps < count
    assert sum(tried) == steps


@given(seed=st.integers(0, 1000))
def test_a_dead_first_address_is_not_tried_more_often_than_its_backoff_allows(seed: int) -> None:
    """The second address drops every connection after a minute, for an hour."""
    made, now_s, tried = rotation(2, seed), 0.0, 0
    while now_s < 3600.0:
        if made.choose(now_s) == 0:
            tried += 1
            made.on_failed(0, now_s)
        else:
            now_s += STABLE_S
            made.on_ended(1, now_s, STABLE_S)
    assert tried <= 61, "once for each connection that was lost"


class Owner:
    """A client with two brokers in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.brokers = [FakeBroker(self.clock), FakeBroker(self.clock)]
        endpoints = [BrokerEndpoint("a", 1883), BrokerEndpoint("b", 1883)]
        self.refusals: Sequence[int] = ()
        self.failures: list[int] = []
        self.connect = Failover(endpoints, self._open, clock=lambda: self.clock.s, jitter=random.Random(1))

    def _open(self, endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> FakeConnection:
        index = "ab".index(endpoint.host)
        self.failures.append(failures)
        kind = Refusing if index in self.refusals else FakeConnection
        made = kind(self.brokers[index], will)
        made.address = str(endpoint)
        self.brokers[index].links.append(made)
        return made

    def try_once(self) -> str:
        """The address of an open connection, or the error."""
        connection = self.connect(WILL)
        try:
            connection.open()
            connection.process()
        except BrokerConnectionError as error:
            connection.close(clean=False)
            return type(error).__name__
        return connection.address


class Refusing(FakeConnection):
    def open(self) -> None:
        raise BrokerRefusedError("Not authorized")


def test_a_client_whose_first_broker_is_down_uses_the_second() -> None:
    owner = Owner()
    owner.brokers[0].up = False
    assert [owner.try_once(), owner.try_once()] == ["BrokerUnreachableError", "b:1883"]


def test_a_refusal_of_one_broker_is_no_refusal_while_another_may_accept() -> None:
    owner = Owner()
    owner.refusals = (0,)
    assert [owner.try_once(), owner.try_once()] == ["BrokerUnreachableError", "b:1883"]
    both = Owner()
    both.refusals = (0, 1)
    assert [both.try_once(), both.try_once()] == ["BrokerUnreachableError", "BrokerRefusedError"]


def test_a_broker_that_the_owner_rejects_is_left_for_another_one() -> None:
    owner = Owner()
    connection = owner.connect(WILL)
    connection.open()
    connection.process()
    owner.clock.advance(STABLE_S)
    connection.close(clean=False)
    assert owner.try_once() == "b:1883"


def test_a_connection_that_is_closed_in_order_is_no_failure() -> None:
    owner = Owner()
    connection = owner.connect(WILL)
    connection.open()
    connection.close()
    assert owner.try_once() == "a:1883"


def test_the_number_of_failures_reaches_the_connection_so_that_it_tries_another_ip_address() -> None:
    owner = Owner()
    owner.brokers[0].up = owner.brokers[1].up = False
    for _ in range(4):
        owner.try_once()
        owner.clock.advance(MAX_DELAY_S)
    assert owner.failures == [0, 0, 1, 1]


def test_the_errors_of_one_connection_count_once() -> None:
    owner = Owner()
    connection = owner.connect(WILL)
    connection.open()
    connection.process()
    owner.brokers[0].cut()
    for call in (connection.process, lambda: connection.publish(WILL), connection.process):
        with pytest.raises(BrokerUnreachableError):
            call()
    connection.close(clean=False)
    owner.brokers[0].links.clear()
    owner.brokers[1].up = False
    assert owner.try_once() == "BrokerUnreachableError"
    owner.clock.advance(MAX_DELAY_S)
    owner.try_once()
    assert owner.failures == [0, 0, 1]
