"""PostgreSQL is killed in the middle of batches, or its standby takes over: no event is lost, none is stored twice."""

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from kiosk.core.model import StoredEvent
from mqtt.centre.ingest.collector import LEDGER_BACKOFF_LAST_S, Collector
from mqtt.centre.postgres.address import CONNECT_TIMEOUT_S, connection_options
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.connection import IncomingMessage, OutgoingMessage
from mqtt.events import Receipt
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data.access_events import an_event, event_text
from tests.fakes.parts.stepping import until
from tests.fakes.processes.broker import PLAIN, Broker
from tests.fakes.processes.postgres import PostgresServer

DEVICES = [DeviceTopics("entrance", f"site-{number}", "gate-1") for number in range(40)]
EVENTS_EACH = 50
BROKER = f"{PLAIN}\nmax_queued_messages 100000\nmax_inflight_messages 100"


class Site:
    """Many devices at one broker, and one centre. The broker keeps what the centre has not acknowledged."""

    def __init__(self, broker: Broker, address: str) -> None:
        self.ledger = PostgresLedger(address)
        self.collector = Collector(
            "entrance",
            self.ledger,
            lambda will: PahoConnection(broker.endpoint(), "centre", will=will, keep_session=True),
            jitter=random.Random(1),
        )
        self.devices = PahoConnection(broker.endpoint(), "devices")
        self.devices.open()
        self.receipts: dict[str, int] = {}
        self.waits: list[float] = []
        """After which times the centre wanted to try again."""
        until(lambda: self.collector.ready, self.step)

    def step(self) -> None:
        wait_s = self.collector.step()
        if wait_s:
            self.waits.append(wait_s)
        for event in self.devices.process(0.01):
            if isinstance(event, IncomingMessage):
                self.devices.acknowledge(event)
                receipt = Receipt.from_payload(event.payload)
                self.receipts[event.topic] = max(self.receipts.get(event.topic, 0), receipt.up_to_seq)

    def send_all(self) -> None:
        """Each message has one event, and the devices take turns, as a fleet does."""
        self.devices.subscribe(["entrance/v1/+/+/receipt"])
        for seq in range(1, EVENTS_EACH + 1):
            for device in DEVICES:
                stored = StoredEvent("a" * 16, seq, "boot", replace(an_event(seq), id=uuid4()))
                payload = event_text(stored, device.source).encode()
                self.devices.publish(OutgoingMessage(device.topic(TopicKind.EVENT), payload))

    def close(self) -> None:
        self.collector.close()
        self.devices.close()
        self.ledger.close()


def check(site: Site, address: str) -> None:
    """Every device has the receipt of its last event, and the database has each event once, with right counts."""
    wanted = {device.topic(TopicKind.RECEIPT): EVENTS_EACH for device in DEVICES}
    until(lambda: site.receipts == wanted, site.step, tries=20_000)
    with closing(psycopg.connect(address)) as connection:
        for query in (
            "SELECT count(*) FROM event",
            "SELECT count(DISTINCT (device, id)) FROM event",
            "SELECT count(DISTINCT (stream, seq)) FROM event",
            "SELECT sum(n) FROM hourly",
            "SELECT sum(last_seq - first_seq + 1) FROM seq_range",
            "SELECT sum(newest_seq) FROM stream",
        ):
            assert connection.execute(query.encode()).fetchone() == (len(DEVICES) * EVENTS_EACH,), query
    assert max(site.waits, default=0.0) <= LEDGER_BACKOFF_LAST_S, "it comes back soon after its database"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer(durable=True) as started:
        yield started


def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(server: PostgresServer) -> None:
    with Broker(BROKER) as broker, closing(Site(broker, server.address)) as site:
        site.send_all()
        for part in (1, 2, 3):
            _until_receipts(site, part * len(DEVICES) * EVENTS_EACH // 5)
            server.kill()
            for _ in range(2):
                site.step()
            server.start()
        check(site, server.address)


def _until_receipts(site: Site, number: int) -> None:
    until(lambda: sum(site.receipts.values()) >= number, site.step, tries=20_000)


def test_the_standby_takes_over_and_loses_and_doubles_nothing(server: PostgresServer) -> None:
    standby = server.standby()
    both = f"postgresql://centre@127.0.0.1:{server.port},127.0.0.1:{standby.port}/postgres"
    with standby, Broker(BROKER) as broker:
        server.make_synchronous()
        with closing(Site(broker, both)) as site:
            site.send_all()
            _until_receipts(site, len(DEVICES) * EVENTS_EACH // 3)
            server.kill()
            site.step()
            standby.promote()
            check(site, standby.address)


def test_what_the_address_says_has_precedence(tmp_path: Path) -> None:
    options = connection_options("postgresql://centre@a,b/entrance?connect_timeout=30", "x")
    assert (options["host"], options["connect_timeout"], options["target_session_attrs"]) == ("a,b", "30", "read-write")
    assert connection_options("postgresql://a/b?options=-c%20work_mem%3D8MB", "x")["options"] == (
        "-c TimeZone=UTC -c work_mem=8MB"
    )
    assert connection_options("postgresql://a/b?target_session_attrs=any", "x")["target_session_attrs"] == "any"
    assert connection_options("postgresql://a/b", "x")["connect_timeout"] == CONNECT_TIMEOUT_S
