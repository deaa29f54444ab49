"""A RabbitMQ cluster with the shipped configuration: rights of each device, and the death of each node."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mqtt import topics
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerEndpoint,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics, TopicKind
from tests.fleet.kiosk.simulated_kiosk import device_topics
from tests.fleet.simulation import FleetOptions, Simulation
from tests.fleet.traffic import FixedRate
from tests.system.brokers import root
from tests.system.brokers.delivering import DRAIN_S, Centre, Fleet, device_names
from tests.system.brokers.rabbitmq import RabbitMqCluster
from tests.system.conftest import Measured
from tests.system.container import requirements

pytestmark = [pytest.mark.system, pytest.mark.brokers, pytest.mark.timeout(1800)]
DEVICES = device_names(10)
ONE, TWO = DeviceTopics("entrance", "dong-ba", "gate-1"), DeviceTopics("entrance", "dong-ba", "gate-2")
RECORDS, SHORT_RECORDS = 20_000, 2_000
PER_S = 400.0
KIOSKS, SHORT_KIOSKS = 2_000, 200


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqCluster]:
    requirements.skip_if(root.missing())
    folder, now = tmp_path_factory.mktemp("rabbitmq"), datetime.now(UTC)
    authority = CertificateAuthority.create(folder / "pki", "test authority", now)
    for name in ("centre", *DEVICES):
        authority.issue(name, CertificateUse.CLIENT, now, 30)
    authority.issue("dong-ba/gate-99", CertificateUse.CLIENT, now, 30)  # it has a certificate, and is no user
    users = ["centre", *(name.replace("/", ".") for name in DEVICES)]
    with RabbitMqCluster(folder, authority, users) as running:
        yield running


def connect(endpoint: BrokerEndpoint, client_id: str, will: OutgoingMessage | None = None) -> PahoConnection:
    """A connection that the broker accepted. Raises BrokerConnectionError."""
    connection = PahoConnection(endpoint, client_id, will=will)
    connection.open()
    try:
        wait_for(connection, Connected)
    except BrokerConnectionError:
        connection.close()
        raise
    return connection


def wait_for(connection: PahoConnection, kind: type[ConnectionEvent]) -> ConnectionEvent:
    for _ in range(300):
        for event in connection.process(0.1):
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind}")


def may_publish(endpoint: BrokerEndpoint, client_id: str, topic: str) -> bool:
    """Whether the broker accepts a message to this topic. RabbitMQ ends the connection of a client that may not."""
    connection = connect(endpoint, client_id)
    try:
        connection.publish(OutgoingMessage(topic, b"{}"))
        answer = wait_for(connection, Acknowledged)
    except BrokerConnectionError:
        return False
    finally:
        connection.close()
    assert isinstance(answer, Acknowledged)
    return answer.failure is None


def may_subscribe(endpoint: BrokerEndpoint, client_id: str, topic_filter: str) -> bool:
    """Whether the broker grants this subscription."""
    connection = connect(endpoint, client_id)
    try:
        connection.subscribe([topic_filter])
        answer = wait_for(connection, Subscribed)
    except BrokerConnectionError:
        return False
    finally:
        connection.close()
    assert isinstance(answer, Subscribed)
    return not answer.rejected_filters


def test_a_device_writes_its_own_topics_and_no_others(cluster: RabbitMqCluster) -> None:
    endpoint, me = cluster.endpoints("dong-ba.gate-1")[0], "dong-ba.gate-1"
    kinds = (TopicKind.STATE, TopicKind.EVENT, TopicKind.HEALTH)
    assert all(may_publish(endpoint, me, ONE.topic(kind)) for kind in kinds)
    for topic in (
        *(TWO.topic(kind) for kind in kinds),
        ONE.topic(TopicKind.RECEIPT),
        topics.centre_state_topic("entrance"),
        "entrance/v2/dong-ba/gate-1/event",
        "other",
    ):
        assert not may_publish(endpoint, me, topic), topic


def test_a_device_hears_its_own_receipts_and_the_centre_and_nothing_else(cluster: RabbitMqCluster) -> None:
    endpoint, me = cluster.endpoints("dong-ba.gate-1")[1], "dong-ba.gate-1"
    for topic in (ONE.topic(TopicKind.RECEIPT), *topics.centre_topics("entrance")):
        assert may_subscribe(endpoint, me, topic), topic
    for topic in (
        TWO.topic(TopicKind.RECEIPT), ONE.topic(TopicKind.EVENT), "entrance/v1/+/+/receipt", "entrance/v1/dong-ba/#", "#",
        "entrance/v1/+/gate-1/receipt", "entrance/#",
    ):  # fmt: skip
        assert not may_subscribe(endpoint, me, topic), topic


def test_a_centre_reads_all_devices_and_writes_only_receipts_and_commands(cluster: RabbitMqCluster) -> None:
    endpoint = cluster.endpoints("centre")[2]
    for kind in (TopicKind.STATE, TopicKind.EVENT, TopicKind.HEALTH):
        assert may_subscribe(endpoint, "centre", topics.topic_filter("entrance", kind))
    assert may_publish(endpoint, "centre", ONE.topic(TopicKind.RECEIPT))
    assert may_publish(endpoint, "centre", topics.centre_state_topic("entrance"))
    assert not may_publish(endpoint, "centre", ONE.topic(TopicKind.EVENT))
    assert not may_subscribe(endpoint, "centre", "#")


def test_a_last_will_for_another_device_never_appears(cluster: RabbitMqCluster) -> None:
    centre = connect(cluster.endpoints("centre")[2], "centre")
    centre.subscribe([topics.topic_filter("entrance", TopicKind.STATE)])
    wait_for(centre, Subscribed)
    heard = []
    for name, victim in (("dong-ba.gate-1", TWO), ("dong-ba.gate-2", TWO)):
        will = OutgoingMessage(victim.topic(TopicKind.STATE), f"will of {name}".encode())
        device = connect(cluster.endpoints(name)[0], name, will)
        device.close(clean=False)
    for _ in range(300):
        heard += [event.payload for event in centre.process(0.1) if isinstance(event, IncomingMessage)]
        if any(payload.startswith(b"will") for payload in heard):
            break
    centre.close()
    assert set(heard) - {b"{}"} == {b"will of dong-ba.gate-2"}  # others are retained


@pytest.mark.parametrize("client_id", ["centre", "dong-ba.gate-2", "dong-ba/gate-1", "x"])
def test_a_device_with_another_client_id_is_refused_and_disconnects_no_other(
    cluster: RabbitMqCluster, client_id: str
) -> None:
    victims = [connect(cluster.endpoints(name)[0], name) for name in ("centre", "dong-ba.gate-2")]
    with pytest.raises(BrokerConnectionError):
        connect(cluster.endpoints("dong-ba.gate-1")[0], client_id)
    for victim in victims:
        victim.subscribe([topics.centre_state_topic("entrance")])
        wait_for(victim, Subscribed)  # it is still connected
        victim.close()


def test_certificates_that_are_missing_foreign_or_of_no_user_do_not_connect(
    cluster: RabbitMqCluster, tmp_path: Path
) -> None:
    own = cluster.endpoints("dong-ba.gate-1")[0]
    other = CertificateAuthority.create(tmp_path / "other", "other authority", datetime.now(UTC))
    forged = other.issue("dong-ba/gate-1", CertificateUse.CLIENT, datetime.now(UTC), 30)
    for endpoint, client_id in (
        (replace(own, certificate_path=None, key_path=None), "dong-ba.gate-1"),
        (replace(own, certificate_path=forged.path, key_path=forged.path.with_suffix(".key")), "dong-ba.gate-1"),
        (cluster.endpoints("dong-ba.gate-99")[0], "dong-ba.gate-99"),
    ):
        with pytest.raises(BrokerConnectionError):
            connect(endpoint, client_id)


def test_nothing_is_lost_or_doubled_while_each_node_dies_in_turn(
    cluster: RabbitMqCluster, tmp_path: Path, measured: Measured, request: pytest.FixtureRequest
) -> None:
    records = SHORT_RECORDS if request.config.getoption("--short") else RECORDS
    times = []
    with Centre(tmp_path, cluster.endpoints("centre")) as centre, Fleet(tmp_path, DEVICES, cluster.endpoints) as fleet:
        fleet.record(len(DEVICES) * 20, PER_S)
        fleet.wait_until_flowing([0] * len(DEVICES))
        for node in cluster.nodes:
            fleet.record(records // 6, PER_S)
            newest = fleet.newest()
            node.kill()
            killed = threading.Thread(target=fleet.record, args=(records // 6, PER_S))
            killed.start()
            times.append(fleet.wait_until_flowing(newest))
            killed.join()
            node.start()
            node.wait_until_ready()
            fleet.drain()
        recorded = fleet.recorded()
        assert centre.log().count("no connection to the broker") >= 2  # it was at two of the nodes at least
    stored = Counter(centre.stored())
    measured(
        f"{len(recorded)} events, each of three nodes killed: seconds until the first and the last of {len(DEVICES)} devices had "
        f"receipts {', '.join(f'{first:.1f} and {last:.1f}' for first, last in times)}; "
        f"lost {len(recorded - stored.keys())}, doubled {stored.total() - len(stored)}"
    )
    assert recorded == set(stored)
    assert stored.total() == len(stored)


def test_two_thousand_kiosks_come_back_after_the_death_of_a_node(
    cluster: RabbitMqCluster, tmp_path: Path, measured: Measured, request: pytest.FixtureRequest
) -> None:
    kiosks = SHORT_KIOSKS if request.config.getoption("--short") else KIOSKS
    names = [device_topics("entrance", index) for index in range(kiosks)]
    users = [
        cluster.authority.issue(f"{one.site}/{one.device}", CertificateUse.CLIENT, datetime.now(UTC), 30)
        for one in names
    ]
    cluster.allow([user.name.replace("/", ".") for user in users])
    options = FleetOptions(
        kiosks, FixedRate(20), 10.0, connects_per_s=50, drain_s=DRAIN_S, certificates=str(cluster.authority.folder)
    )
    node = cluster.nodes[1]
    addresses = tuple((endpoint.host, endpoint.port) for endpoint in cluster.endpoints("centre"))
    with Centre(tmp_path, cluster.endpoints("centre")), closing(Simulation(options, addresses)) as simulation:
        assert simulation.connect(), simulation.counts
        connected_s = time.monotonic() - simulation.started_s
        node.kill()
        killed_s = time.monotonic()
        simulation.run(duration_s=5.0)
        assert simulation.counts.lost_connections > 0
        simulation.run(duration_s=DRAIN_S, is_done=lambda: simulation.counts.connected == kiosks)
        back_s = time.monotonic() - killed_s
        drained = simulation.drain()
    node.start()
    node.wait_until_ready()
    counts = simulation.counts
    measured(f"{kiosks} kiosks connected in {connected_s:.0f} s, and were back {back_s:.0f} s after a node's death")
    assert drained, counts
    assert counts.confirmed == counts.recorded > 0
    assert not counts.wrong_receipts
