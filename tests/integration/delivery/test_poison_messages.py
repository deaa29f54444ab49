"""An event that closes the connection is found and quarantined. It never blocks the others."""

import functools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.delivery.poison_messages import MAX_DISCONNECTS, PoisonMessageDetector
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import PLAIN, Broker
from tests.faults.network_proxy import Proxy

OPTIONS = DeliveryOptions(receipt_timeout_s=0.3, reconnect_max_delay_s=0.1)
RETRIES = replace(OPTIONS, quarantine_retry_s=5.0)


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Centre:
    """A collector on its own thread."""

    def __init__(self, path: Path, broker: Broker) -> None:
        self.path = path
        self._endpoint = broker.endpoint("3.1.1")
        self.ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(self._endpoint, "centre-1", will=will, keep_session=True)

        with closing(SqliteLedger(self.path)) as ledger, closing(Collector("entrance", ledger, connect)) as collector:
            while not self._stop.wait(collector.step()):
                if collector.ready:
                    self.ready.set()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


class Line:
    """A store, its relay, and a centre behind a broker."""

    def __init__(
        self, folder: Path, broker: Broker, version: str, port: int | None = None, options: DeliveryOptions = OPTIONS
    ) -> None:
        self.store = SqliteEventStore(folder / "p.db")
        device = BrokerEndpoint("127.0.0.1", port or broker.port, "5" if version == "5" else "3.1.1", keepalive_s=5)

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(device, "gate-1", will=will)

        self.relay = OutboxRelay(
            self.store,
            GATE,
            connect,
            clock=SystemClock(),
            options=options,
            software_version="test",
            jitter=random.Random(1),
        )
        self._pause = threading.Event()
        self.centre = Centre(folder / "centre.db", broker)
        assert self.centre.ready.wait(10)

    def until(self, done: Callable[[], bool], timeout_s: float = 60.0) -> None:
        ends_s = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < ends_s, (
                f"{self.store.backlog_size()} wait, {self.quarantine()}, {self.relay.status()}"
            )
            self._pause.wait(self.relay.step())

    def quarantine(self) -> dict[int, str]:
        with closing(sqlite3.connect(self.store.path)) as database:
            return dict(database.execute("SELECT seq, reason FROM quarantine").fetchall())

    def at_centre(self) -> int:
        return read_counts(self.centre.path).distinct

    def delivered(self, seq: int) -> bool:
        return all(row.seq != seq for row in self.store.pending(seq - 1, 1))

    def close(self) -> None:
        self.relay.close()
        self.centre.close()
        self.store.close()


@contextmanager
def open_line(
    folder: Path, broker: Broker, version: str, port: int | None = None, options: DeliveryOptions = OPTIONS
) -> Iterator[Line]:
    with closing(Line(folder, broker, version, port, options)) as line:
        yield line


def test_events_that_break_the_connection_are_quarantined_and_all_others_arrive(tmp_path: Path, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy, open_line(tmp_path, broker, version, proxy.port) as line:
        poison = (77, 78, 131)
        proxy.hates = tuple(str(an_event(number).id).encode() for number in poison)
        line.store.commit_all([an_event(number) for number in range(1, 161)])
        line.until(lambda: line.store.quarantined_count() == 3 and line.store.backlog_size() == 0)
        assert line.quarantine() == dict.fromkeys(poison, "closes-connection")
        assert line.at_centre() == 157
        line.store.commit(an_event(161))
        line.until(lambda: line.store.backlog_size() == 0)
        assert line.at_centre() == 158, "later events are delivered"
        proxy.hates = ()
        line.relay.retry_quarantine()
        line.until(lambda: line.at_centre() == 161)
        line.until(lambda: line.store.backlog_size() == 0)


def test_new_events_are_delivered_during_the_search_for_a_poison_message(tmp_path: Path, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy, open_line(tmp_path, broker, version, proxy.port) as line:
        proxy.hates = (str(an_event(3).id).encode(),)
        line.store.commit_all([an_event(number) for number in range(1, 101)])
        line.until(lambda: proxy.cuts > MAX_DISCONNECTS)
        number = 100
        while not line.store.quarantined_count():
            number += 1
            live = line.store.commit(an_event(number))
            before = proxy.cuts
            line.until(functools.partial(line.delivered, live.seq))
            assert proxy.cuts - before < 12, "a live event does not wait for the end of the search"
        line.until(lambda: line.store.backlog_size() == 0)
        assert line.at_centre() == number - 1


@pytest.mark.parametrize("limit", ["max_packet_size 3000", "message_size_limit 3000"])
def test_a_broker_that_accepts_only_small_messages_gets_small_ones_and_larger_events_do_not_stop_them(
    tmp_path: Path, version: str, limit: str
) -> None:
    with Broker(f"{PLAIN}\n{limit}") as broker, open_line(tmp_path, broker, version, options=RETRIES) as line:
        large = replace(an_event(40), sealed=random.Random(1).randbytes(3000))
        line.store.commit_all([large if number == 40 else an_event(number) for number in range(1, 81)])
        line.until(lambda: line.at_centre() == 79)
        if version == "5":  # announced, or refused by its size: the event waits
            line.until(lambda: line.store.backlog_size() == 1)
            line.until(lambda: line.relay.status().refused)
            assert list(line.quarantine()) == []
        else:
            number = 80
            while (
                not line.store.quarantined_count()
            ):  # if the broker drops it silently, only the receipts of other events show it
                number += 1
                line.store.commit(an_event(number))
                line.until(functools.partial(line.delivered, number))
            line.until(lambda: line.store.backlog_size() == 0)
            assert list(line.quarantine()) == [40]
        broker.stop()
        broker.config.write_text(broker.config.read_text().replace(limit, ""), encoding="utf-8")
        broker.start()
        line.until(lambda: not line.store.quarantined_count() and line.delivered(40))
        line.until(lambda: line.store.backlog_size() == 0)


def test_a_message_that_fails_as_a_whole_but_not_in_parts_was_too_large() -> None:
    detector = PoisonMessageDetector()
    for _ in range(MAX_DISCONNECTS):
        detector.on_disconnected([(1, 2, 3, 4)], 0.0)
    broken = set()
    for token in range(1, 20):
        group = detector.next_group()
        if not group:
            break
        detector.on_sent(group, token, 100 * len(group))
        if len(group) > 2:
            broken.add(group)
            detector.on_disconnected([], 0.0)
        else:
            detector.on_acknowledged(token, 5.0)
    assert broken == {(1, 2, 3, 4)}
    assert not detector.has_candidates
    assert not detector.rejected
    assert detector.size_limit_bytes(6.0) == 200
    assert detector.size_limit_bytes(6.0 + 3600.0) > 10**6, "the limit expires: the broker may have been fixed"


def test_a_network_that_fails_again_and_again_rejects_no_event_that_is_acknowledged_in_between() -> None:
    detector = PoisonMessageDetector()
    for round_ in range(50):
        for _ in range(MAX_DISCONNECTS):
            detector.on_disconnected([(1, 2), (3,)], 0.0)
        while detector.has_candidates:
            group = detector.next_group()
            for token in range(1, MAX_DISCONNECTS):  # the connection is lost for all, but once less than the limit
                detector.on_sent(detector.next_group(), token, 10)
                detector.on_disconnected([], 0.0)
            while group := detector.next_group():
                detector.on_sent(group, 99 + round_, 10)
                detector.on_acknowledged(99 + round_, 0.0)
    assert not detector.rejected


def test_an_event_that_the_broker_rejects_with_a_reason_is_found_without_a_lost_connection() -> None:
    detector = PoisonMessageDetector()
    detector.on_rejected((5, 6, 7), 900, "payload-format-invalid", 0.0)
    for token in range(1, 20):
        group = detector.next_group()
        if not group:
            break
        detector.on_sent(group, token, 300 * len(group))
        if 6 in group:
            detector.on_rejected(group, 300, "payload-format-invalid", 0.0)
        else:
            detector.on_acknowledged(token, 0.0)
    assert detector.rejected == {6: "payload-format-invalid"}
    assert not detector.has_candidates
