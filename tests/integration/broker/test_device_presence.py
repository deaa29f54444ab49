"""State of a device at the broker: birth, changes, reconnects and last will."""

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


def a_relay(store: SqliteEventStore, port: int, version: str) -> OutboxRelay:
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


def test_a_device_without_power_is_offline_for_all_subscribers(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy:
        listener = Listener(broker.endpoint(), STATE)
        relay = a_relay(store, proxy.port, version)
        relay.set_state(DeviceState.READY)
        until(lambda: last_state(listener) == "ready/", relay.step)
        proxy.set(Mood.HALF_OPEN)  # no byte arrives, and there is no DISCONNECT
        until(lambda: last_state(listener, 0.1) == "offline/connection-lost", tries=150)
        listener.close()
        late = Listener(broker.endpoint(), STATE, name="late")
        until(lambda: last_state(late, 0.05) == "offline/connection-lost")
        late.close()


def test_after_a_restart_of_the_broker_without_persistence_the_state_is_published_again(
    store: SqliteEventStore, version: str
) -> None:
    with Broker() as broker:
        relay = a_relay(store, broker.port, version)
        relay.set_state(DeviceState.DEGRADED, "camera is dark")
        until(lambda: relay.status().connected, relay.step)
        broker.kill()
        until(lambda: not relay.status().connected, relay.step)
        broker.start()
        until(lambda: relay.status().connected, relay.step, tries=200_000)
        listener = Listener(broker.endpoint(), STATE)
        until(lambda: last_state(listener) == "degraded/camera is dark", relay.step)
        relay.close()
        listener.close()


def test_a_clean_disconnect_publishes_offline_with_the_reason_stopped(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker:
        listener = Listener(broker.endpoint(), STATE)
        relay = a_relay(store, broker.port, version)
        until(lambda: last_state(listener) == "birth/", relay.step)
        relay.close()
        until(lambda: last_state(listener) == "offline/stopped")
        listener.close()


def test_the_device_detects_a_dead_connection(store: SqliteEventStore, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy:
        relay = a_relay(store, proxy.port, version)
        until(lambda: relay.status().connected, relay.step)
        proxy.set(Mood.HALF_OPEN)
        listener = Listener(broker.endpoint(), "nothing/else")  # to wait between the steps
        until(lambda: not relay.status().connected, relay.step, lambda: listener.look(0.02), tries=1500)
        proxy.set(Mood.CUT)
        listener.look(0.1)
        proxy.set(Mood.PASS)
        until(lambda: relay.status().connected, relay.step, lambda: listener.look(0.02))
        relay.close()
        listener.close()
