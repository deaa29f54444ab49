"""A kiosk and a centre with two real brokers that are killed in turn: nothing is lost, nothing is stored twice."""

import random
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.connection import BrokerEndpoint, BrokerUnreachableError, Connected, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.paho.failover import Failover
from mqtt.paho.name_resolution import ResolvedAddress, open_socket
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import PLAIN, Broker

OPTIONS = DeliveryOptions(receipt_timeout_s=0.5, reconnect_max_delay_s=5.0)
WILL = OutgoingMessage("t", b"")


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def failover(endpoints: Sequence[BrokerEndpoint], client_id: str, *, keep_session: bool = False) -> Failover:
    def open_connection(endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        return PahoConnection(endpoint, client_id, will=will, keep_session=keep_session, failures=failures)

    return Failover(endpoints, open_connection, jitter=random.Random(3))


class Line:
    """A store with its relay, and a collector on a thread of its own."""

    def __init__(self, folder: Path, brokers: Sequence[Broker], version: str) -> None:
        endpoints = [broker.endpoint(version, keepalive_s=5) for broker in brokers]
        self.store = SqliteEventStore(folder / "p.db")
        self.ledger = folder / "centre.db"
        self.relay = OutboxRelay(
            self.store,
            GATE,
            failover(endpoints, "gate-1"),
            clock=SystemClock(),
            brokers=[str(each) for each in endpoints],
            options=OPTIONS,
            jitter=random.Random(2),
        )
        self.committed = 0
        self._pause = threading.Event()
        self._stop = threading.Event()
        self._connect = failover(endpoints, "centre-1", keep_session=True)
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self) -> None:
        with (
            closing(SqliteLedger(self.ledger)) as ledger,
            closing(Collector("entrance", ledger, self._connect, jitter=random.Random(4))) as collector,
        ):
            while not self._stop.wait(collector.step()):
                pass

    def commit(self, count: int) -> None:
        first = self.committed + 1
        self.committed += count
        self.store.commit_all([an_event(number) for number in range(first, first + count)])

    def until(self, done: Callable[[], bool], timeout_s: float) -> None:
        started_s = time.monotonic()
        while not done():
            assert time.monotonic() < started_s + timeout_s, f"{self.store.backlog_size()} wait, {self.relay.status()}"
            self._pause.wait(min(self.relay.step(), 0.1))

    def delivered(self) -> bool:
        return self.store.backlog_size() == 0

    def close(self) -> None:
        self.relay.close()
        self._stop.set()
        self._thread.join()
        self.store.close()


@pytest.fixture
def brokers() -> Iterator[list[Broker]]:
    with Broker(persistence=True) as first, Broker(persistence=True) as second:
        yield [first, second]


def test_after_each_kill_of_a_broker_everything_goes_on_over_the_other_one(
    tmp_path: Path, brokers: list[Broker], version: str
) -> None:
    first, second = brokers
    with closing(Line(tmp_path, brokers, version)) as line:
        line.commit(50)
        line.until(line.delivered, 30.0)
        assert line.relay.status().broker == first.address
        for dead, living in ((first, second), (second, first), (first, second)):
            dead.kill()
            line.commit(50)
            line.until(line.delivered, 60.0)
            assert line.relay.status().broker == living.address
            dead.start()
        counts = read_counts(line.ledger)
        assert counts.distinct == line.committed == 200
        with closing(sqlite3.connect(line.ledger)) as ledger:
            assert ledger.execute("SELECT count(*) FROM event").fetchone() == (200,)
        assert line.store.quarantined_count() == 0


def test_a_name_with_several_ip_addresses_is_tried_at_each_of_them(brokers: list[Broker], version: str) -> None:
    broker = brokers[0]
    found: list[ResolvedAddress] = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, broker.port)) for host in ("127.0.0.2", "127.0.0.1")
    ]
    endpoint = BrokerEndpoint("broker.example", broker.port, "5" if version == "5" else "3.1.1")
    connection = PahoConnection(endpoint, "one", resolve=lambda _host, _port: found)
    with closing(connection):
        connection.open()
        assert any(isinstance(event, Connected) for _ in range(50) for event in connection.process(0.1))


def test_an_ip_address_that_accepts_and_never_answers_does_not_hide_the_next_one() -> None:
    with socket.create_server(("127.0.0.2", 0)) as silent:
        port = silent.getsockname()[1]
        with socket.create_server(("127.0.0.1", port)) as living:
            found: list[ResolvedAddress] = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", each.getsockname()) for each in (silent, living)
            ]
            for failures, host in ((0, "127.0.0.2"), (1, "127.0.0.1"), (2, "127.0.0.2")):
                with open_socket(lambda _host, _port: found, failures, "broker.example", port) as opened:
                    assert opened.getpeername() == (host, port)


def test_a_name_without_any_ip_address_is_an_error_of_the_connection() -> None:
    with pytest.raises(OSError, match="has no address"):
        open_socket(lambda _host, _port: [], 0, "broker.example", 1883)


def test_the_certificate_is_checked_against_the_name_of_each_address(tmp_path: Path) -> None:
    """The first broker has a certificate of another name. It is refused, and the second one is used."""
    authority = CertificateAuthority.create(tmp_path, "test authority", datetime.now(UTC))
    endpoints, running = [], ExitStack()
    with running:
        for name, host in (("first", "other.example"), ("second", "127.0.0.1")):
            issued = authority.issue(name, CertificateUse.SERVER, datetime.now(UTC), 30, [host])
            broker = Broker(f"{PLAIN}\ncertfile {issued.path}\nkeyfile {issued.path.with_suffix('.key')}")
            running.enter_context(broker)
            endpoints.append(replace(broker.endpoint(), tls=True, ca_path=tmp_path / "ca.pem"))
        connect = failover(endpoints, "gate-1")
        with pytest.raises(BrokerUnreachableError, match="The certificate of the broker is not for"):
            connect(WILL).open()
        with closing(connect(WILL)) as connection:
            connection.open()
            assert connection.address == str(endpoints[1])
            assert any(isinstance(event, Connected) for _ in range(50) for event in connection.process(0.1))
