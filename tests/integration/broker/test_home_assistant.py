"""A gate announces itself to Home Assistant, with templates that give the right values for its real messages at a real broker."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from kiosk.app.builders.delivery import build_relay
from kiosk.config import parse_settings
from kiosk.core.model import DeviceState
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from tests.fakes.data.access_events import an_event
from tests.fakes.processes.broker import Broker, Listener

KEYS = {"sealing_public_key": "a", "pseudonym_key": "a", "trust_list": "a", "root_public_key": "a"}
TOPIC = "homeassistant/device/dong-ba/gate-1/config"
STATE, HEALTH = "entrance/v1/dong-ba/gate-1/state", "entrance/v1/dong-ba/gate-1/health"


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as found:
        yield found


def messages(
    broker: Broker, folder: Path, *, states: list[DeviceState], **mqtt: Any
) -> dict[str, list[dict[str, Any]]]:
    """What a gate with these settings publishes, by topic, with a clean end. It has one undelivered event."""
    site = {"site": "dong-ba", "device": "gate-1", "title": "Chợ Đông Ba", "gate_title": "Cổng 1"}
    connection = {"brokers": [broker.address], "tls": False, **mqtt}
    tree = {"site": site, "keys": KEYS, "mqtt": connection, "camera": {"source": "synthetic"}}
    found: dict[str, list[dict[str, Any]]] = {}
    listener = Listener(broker.endpoint(), "homeassistant/#", "entrance/#")
    with closing(listener), closing(SqliteEventStore(folder / "events.db")) as store:
        relay = build_relay(parse_settings(tree, folder / "kiosk.toml"), store, SystemClock())
        store.commit_all([an_event(1)])
        for state in states:
            relay.set_state(state, "")
            for _ in range(200):
                relay.step()
                if any(json.loads(text)["state"] in {state.value, "birth"} for text in listener.payloads(STATE)):
                    break
                listener.look(0.02)
        relay.close()
        listener.look(0.5)
        for topic in (TOPIC, STATE, HEALTH):
            found[topic] = [json.loads(one) for one in listener.payloads(topic)]
    return found


def value(component: dict[str, Any], message: dict[str, Any], template: str = "value_template") -> str:
    """What Home Assistant makes of a message."""
    return Environment(autoescape=False).from_string(component[template]).render(value_json=message)  # noqa: S701 - no page


def test_a_gate_is_one_device_whose_sensors_follow_its_messages(broker: Broker, tmp_path: Path) -> None:
    said = messages(broker, tmp_path, states=[DeviceState.READY, DeviceState.OUT_OF_ORDER], home_assistant=True)
    (announcement,) = said[TOPIC]
    assert announcement["device"]["name"] == "Chợ Đông Ba · Cổng 1"
    components = announcement["components"]
    assert {one["state_topic"] for one in components.values()} == {STATE, HEALTH}
    assert len({one["unique_id"] for one in components.values()}) == len(components) == 5
    by_state = {message["state"]: message for message in said[STATE]}
    assert {"ready", "out-of-order", "offline"} <= set(by_state)
    for state, expected in (("ready", "OFF"), ("out-of-order", "ON")):
        assert value(components["problem"], by_state[state]) == expected
        assert value(components["state"], by_state[state]) == state
        assert value(components["connection"], by_state[state]) == "ON"
        assert value(components["problem"], by_state[state], "availability_template") == "online"
    assert value(components["connection"], by_state["offline"]) == "OFF"
    assert value(components["backlog"], by_state["offline"], "availability_template") == "offline"
    assert value(components["backlog"], said[HEALTH][-1]) == "1"
    assert value(components["quarantine"], said[HEALTH][-1]) == "0"
    assert "event" not in json.dumps(announcement)


def test_without_the_setting_nothing_is_announced(broker: Broker, tmp_path: Path) -> None:
    assert messages(broker, tmp_path, states=[DeviceState.READY])[TOPIC] == []
