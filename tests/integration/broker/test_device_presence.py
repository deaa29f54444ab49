"""Whether a device is there: told at birth, at every change, after every reconnect, by the broker when nobody else can."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.topics import TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE
from tests.fakes.parts.stepping import until
from tests.fakes.processes.broker import Broker, Listener
from tests.faults.network_proxy import Mood, Proxy

STATE = GATE.topic(TopicKind.STATE)


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(SqliteEventStore(tmp_path / "events.db")) as opened:
        yield opened


def a_courier(store: SqliteEventStore, port: int, version: str) -> OutboxRelay:
    endpoint = BrokerEndpoint("127.0.0.1", port, "5" if version == "5" else "3.1.1", keepalive_s=2)

    def connect(will: OutgoingMessage) -> Connection:
        return PahoConnection(endpoint, "gate-1", will=will)

    return OutboxRelay(
        store,
        GATE,
        connect,
        clock=SystemClock(),
        options=DeliveryOptions(reconnect_max_delay_s=0.3),
        software_version="test",
    )


def last_state(listener: Listener, wait_s: float = 0.01) -> str:
    listener.look(wait_s)
    found = listener.payloads(STATE)
    for payload in found:
        wire_schema.check(STATE, payload)
    return str(json.loads(found[-1])["state"]) + "/" + str(json.loads(found[-1])["reason"]) if found else ""


def test_a_device_whose_power_is_cut_is_offline_for_everybody(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy:
        listener = Listener(broker.endpoint(), STATE)
        courier = a_courier(store, proxy.port, version)
        courier.set_state(DeviceState.READY)
        until(lambda: last_state(listener) == "ready/", courier.step)
        proxy.set(Mood.HALF_OPEN)  # no byte more, and nobody says goodbye
        until(lambda: last_state(listener, 0.1) == "offline/connection-lost", tries=150)
        listener.close()
        late = Listener(broker.endpoint(), STATE, name="late")
        until(lambda: last_state(late, 0.05) == "offline/connection-lost")
        late.close()


def test_after_a_broker_that_forgot_everything_the_state_is_there_again(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker:
        courier = a_courier(store, broker.port, version)
        courier.set_state(DeviceState.DEGRADED, "camera is dark")
        until(lambda: courier.status().connected, courier.step)
        broker.kill()
        until(lambda: not courier.status().connected, courier.step)
        broker.start()
        until(lambda: courier.status().connected, courier.step, tries=200_000)
        listener = Listener(broker.endpoint(), STATE)
        until(lambda: last_state(listener) == "degraded/camera is dark", courier.step)
        courier.close()
        listener.close()


def test_a_device_that_hangs_up_properly_leaves_no_doubt(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker:
        listener = Listener(broker.endpoint(), STATE)
        courier = a_courier(store, broker.port, version)
        until(lambda: last_state(listener) == "birth/", courier.step)
        courier.close()
        until(lambda: last_state(listener) == "offline/stopped")
        listener.close()


def test_a_connection_that_went_dead_is_noticed_by_the_device_too(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy:
        courier = a_courier(store, proxy.port, version)
        until(lambda: courier.status().connected, courier.step)
        proxy.set(Mood.HALF_OPEN)
        listener = Listener(broker.endpoint(), "nothing/else")  # something to wait on between the steps
        until(lambda: not courier.status().connected, courier.step, lambda: listener.look(0.02), tries=1500)
        proxy.set(Mood.CUT)
        listener.look(0.1)
        proxy.set(Mood.PASS)
        until(lambda: courier.status().connected, courier.step, lambda: listener.look(0.02))
        courier.close()
        listener.close()
