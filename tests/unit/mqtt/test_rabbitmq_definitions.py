"""Tests of the rights that RabbitMQ gets for each client: what its patterns match, and what they must not match."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.pki import pki
from mqtt import topics
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.broker.rabbitmq.definitions import definitions
from mqtt.topics import DeviceTopics, TopicKind

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True).filter(lambda slug: slug != topics.CENTRE)
DEVICES = st.builds(DeviceTopics, st.just("entrance"), SLUGS, SLUGS)
OWN = DeviceTopics("entrance", "dong-ba", "gate-1")


def may(user: str, action: str, topic: str) -> bool:
    """What RabbitMQ does: it puts the user's name into the pattern, and dots for the slashes of the topic."""
    (rights,) = [one for one in definitions([user])["topic_permissions"] if one["user"] == user]
    return re.search(rights[action].replace("{username}", user), topic.replace("/", ".").replace("+", "*")) is not None


def user_of(device: DeviceTopics) -> str:
    return f"{device.site}.{device.device}"


@given(DEVICES)
def test_a_device_may_write_its_own_messages_and_read_its_receipts(device: DeviceTopics) -> None:
    user = user_of(device)
    read = {TopicKind.RECEIPT, TopicKind.DESIRED}
    assert all(may(user, "write", device.topic(kind)) for kind in TopicKind if kind not in read)
    assert all(may(user, "read", device.topic(kind)) for kind in read)
    assert all(may(user, "read", topic) for topic in topics.centre_topics("entrance"))


@given(DEVICES, DEVICES, st.sampled_from(list(TopicKind)))
def test_a_device_may_neither_write_nor_read_topics_of_another(
    device: DeviceTopics, other: DeviceTopics, kind: TopicKind
) -> None:
    if user_of(device) != user_of(other):
        assert not may(user_of(device), "write", other.topic(kind))
        assert not may(user_of(device), "read", other.topic(kind))


def test_a_device_may_not_speak_for_the_centre_nor_read_with_wildcards() -> None:
    user = user_of(OWN)
    assert not may(user, "write", OWN.topic(TopicKind.RECEIPT))
    assert not may(user, "write", OWN.topic(TopicKind.DESIRED))
    assert not may(user, "write", topics.centre_state_topic("entrance"))
    assert not any(
        may(user, "read", topic) for topic in ("#", "entrance/#", "entrance/v1/+/+/receipt", "entrance/v1/#")
    )
    assert not may(user, "read", "entrance/v1/dong-ba/+/receipt")


def test_a_centre_may_read_messages_of_all_devices_and_write_receipts_to_each() -> None:
    for kind in (TopicKind.STATE, TopicKind.EVENT, TopicKind.HEALTH, TopicKind.HELLO):
        assert may("centre-2", "read", topics.topic_filter("entrance", kind))
        assert not may("centre-2", "write", OWN.topic(kind))
    assert may("centre-2", "write", OWN.topic(TopicKind.RECEIPT))
    assert may("centre-2", "write", topics.centre_state_topic("entrance"))
    assert not may("centre-2", "read", "#")


@given(DEVICES, DEVICES)
def test_commands_go_from_the_centre_to_one_device_and_replies_from_it_to_the_centre(
    device: DeviceTopics, other: DeviceTopics
) -> None:
    user, reply = user_of(device), device.reply_topic("a" * 32)
    assert may("centre", "write", device.command_topic("pause"))
    assert may("centre", "read", topics.reply_filter("entrance"))
    assert may(user, "read", device.command_topic("+"))
    assert may(user, "write", reply)
    assert not may("centre", "write", reply)
    assert not may(user, "write", device.command_topic("pause"))
    assert not may(user, "read", reply)
    if user != user_of(other):
        assert not may(user_of(other), "read", device.command_topic("+"))
        assert not may(user_of(other), "write", reply)
        assert not may(user_of(other), "write", device.topic(TopicKind.HELLO))


def test_a_client_uses_the_queues_of_its_own_session_and_of_no_other() -> None:
    rights: dict[str, Any] = {one["user"]: one for one in definitions(["centre", "a.b", "a.b-2"])["permissions"]}
    assert re.search(rights["a.b"]["configure"], "mqtt-subscription-a.bqos1")
    for queue in (
        "mqtt-subscription-centreqos1",
        "mqtt-subscription-a.b-2qos1",
        "mqtt-subscription-aXbqos1",
        "amq.topic",
    ):
        assert not re.search(rights["a.b"]["configure"], queue)
    assert re.search(rights["a.b"]["read"], "amq.topic")


def test_the_command_prints_users_of_all_certificates_but_the_broker_s_and_revoked_ones(tmp_path: Path) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    authority = CertificateAuthority.create(tmp_path, "test", now)
    authority.issue("broker", CertificateUse.SERVER, now, 30, ["localhost"])
    for name in ("centre", "dong-ba/gate-1", "dong-ba/gate-2"):
        authority.issue(name, CertificateUse.CLIENT, now, 30)
    (stolen,) = [one for one in authority.issued() if one.name == "dong-ba/gate-2"]
    authority.revoke([stolen.serial], now)
    done = CliRunner().invoke(pki, ["rabbitmq", "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert [user["name"] for user in found["users"]] == ["centre", "dong-ba.gate-1"]
    assert not any(user["password_hash"] for user in found["users"])
