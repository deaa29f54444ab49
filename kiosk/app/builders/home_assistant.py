"""Announces a gate to Home Assistant: one device with sensors made of the messages that the gate sends anyway (MQTT discovery).

The announcement names no person, and Home Assistant gets no events: only state, backlog and quarantine.
"""

import json
from typing import Any

from mqtt.connection import OutgoingMessage
from mqtt.topics import DeviceTopics, TopicKind

PREFIX = "homeassistant"
"""Home Assistant's default. Below it stand SITE/DEVICE, so that a pattern of the broker allows each gate its own topic."""
ABBREVIATED_ORIGIN = "entrance-kiosk"
IN_SERVICE = ("ready", "degraded", "birth")
"""People can pass, or the gate is about to start."""


def discovery_message(topics: DeviceTopics, title: str, software_version: str) -> OutgoingMessage:
    """The retained announcement of this gate. `title`: what people call it.

    QoS 0: a broker that does not allow it drops it, and nothing else is delayed.
    """
    content = {
        "device": {
            "identifiers": [f"entrance-{topics.site}-{topics.device}"],
            "name": title,
            "manufacturer": ABBREVIATED_ORIGIN,
            "model": "entrance scanner",
            "sw_version": software_version,
        },
        "origin": {"name": ABBREVIATED_ORIGIN, "sw_version": software_version},
        "components": _components(topics),
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return OutgoingMessage(f"{PREFIX}/device/{topics.site}/{topics.device}/config", text.encode(), qos=0, retain=True)


def _components(topics: DeviceTopics) -> dict[str, dict[str, Any]]:
    state, health = topics.topic(TopicKind.STATE), topics.topic(TopicKind.HEALTH)
    fine = ", ".join(f"'{one}'" for one in IN_SERVICE)
    # Whether it answers must be known while it does not. The other sensors are unavailable then.
    online = {
        "availability_topic": state,
        "availability_template": "{{ 'offline' if value_json.state == 'offline' else 'online' }}",
    }
    sensors: dict[str, dict[str, Any]] = {
        "connection": {
            "platform": "binary_sensor", "name": "Connection", "device_class": "connectivity", "state_topic": state,
            "value_template": "{{ 'OFF' if value_json.state == 'offline' else 'ON' }}", "entity_category": "diagnostic",
        },
        "problem": {
            "platform": "binary_sensor", "name": "Out of service", "device_class": "problem", "state_topic": state,
            "value_template": f"{{{{ 'OFF' if value_json.state in [{fine}] else 'ON' }}}}", **online,
        },
        "state": {
            "platform": "sensor", "name": "State", "state_topic": state, "value_template": "{{ value_json.state }}",
            "icon": "mdi:qrcode-scan", **online,
        },
        "backlog": {
            "platform": "sensor", "name": "Records not delivered", "state_topic": health,
            "value_template": "{{ value_json.backlog }}", "state_class": "measurement",
            "entity_category": "diagnostic", **online,
        },
        "quarantine": {
            "platform": "sensor", "name": "Records in quarantine", "state_topic": health,
            "value_template": "{{ value_json.quarantined }}", "state_class": "measurement",
            "entity_category": "diagnostic", **online,
        },
    }  # fmt: skip
    identity = f"entrance-{topics.site}-{topics.device}"
    return {name: sensor | {"unique_id": f"{identity}-{name}"} for name, sensor in sensors.items()}
