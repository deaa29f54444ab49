"""A record that nobody can stand on the way to the centre is found and set aside; it never stops the others."""

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
from mqtt.centre.ingest.sqlite_ledger import SqliteLedger, read_counts
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import PLAIN, Broker
from tests.faults.network_proxy import Proxy

TERMS = DeliveryOptions(receipt_timeout_s=0.3, reconnect_max_delay_s=0.1)


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Centre:
    """A collector in a thread of its own, as a centre is a process of its own."""

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
    """A store, its courier, and a centre behind a broker."""

    def __init__(self, folder: Path, broker: Broker, version: str, port: int | None = None) -> None:
        self.store = SqliteEventStore(folder / "p.db")
        device = BrokerEndpoint("127.0.0.1", port or broker.port, "5" if version == "5" else "3.1.1", keepalive_s=5)

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(device, "gate-1", will=will)

        self.relay = OutboxRelay(
            self.store,
            GATE,
            connect,
            clock=SystemClock(),
            options=TERMS,
            software_version="test",
            jitter=random.Random(1),
        )
        self._pause = threading.Event()
        self.centre = Centre(folder / "centre.db", broker)
        assert self.centre.ready.wait(10)

    def until(self, done: Callable[[], bool], within_s: float = 60.0) -> None:
        ends_s = time.monotonic() + within_s
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
def a_line(folder: Path, broker: Broker, version: str, port: int | None = None) -> Iterator[Line]:
    with closing(Line(folder, broker, version, port)) as line:
        yield line


def test_records_that_cut_the_connection_are_found_and_all_others_arrive(tmp_path: Path, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy, a_line(tmp_path, broker, version, proxy.port) as line:
        poison = (77, 78, 131)
        proxy.hates = tuple(str(an_event(number).id).encode() for number in poison)
        line.store.commit_all([an_event(number) for number in range(1, 161)])
        line.until(lambda: line.store.quarantined_count() == 3 and line.store.backlog_size() == 0)
        assert line.quarantine() == dict.fromkeys(poison, "closes-connection")
        assert line.at_centre() == 157
        line.store.commit(an_event(161))
        line.until(lambda: line.store.backlog_size() == 0)
        assert line.at_centre() == 158, "what came later goes its way"
        proxy.hates = ()
        line.relay.retry_quarantine()
        line.until(lambda: line.at_centre() == 161)
        line.until(lambda: line.store.backlog_size() == 0)


def test_live_passages_get_through_while_a_poisoned_one_is_looked_for(tmp_path: Path, version: str) -> None:
    with Broker() as broker, Proxy(broker.port) as proxy, a_line(tmp_path, broker, version, proxy.port) as line:
        proxy.hates = (str(an_event(3).id).encode(),)
        line.store.commit_all([an_event(number) for number in range(1, 101)])
        line.until(lambda: proxy.cuts > MAX_DISCONNECTS)
        number = 100
        while not line.store.quarantined_count():
            number += 1
            live = line.store.commit(an_event(number))
            before = proxy.cuts
            line.until(functools.partial(line.delivered, live.seq))
            assert proxy.cuts - before < 12, "it did not wait for the end of the search"
        line.until(lambda: line.store.backlog_size() == 0)
        assert line.at_centre() == number - 1


@pytest.mark.parametrize("limit", ["max_packet_size 3000", "message_size_limit 3000"])
def test_a_broker_that_takes_only_small_messages_gets_small_ones_and_what_is_too_large_for_it_is_set_aside(
    tmp_path: Path, version: str, limit: str
) -> None:
    with Broker(f"{PLAIN}\n{limit}") as broker, a_line(tmp_path, broker, version) as line:
        large = replace(an_event(40), sealed=random.Random(1).randbytes(3000))
        line.store.commit_all([large if number == 40 else an_event(number) for number in range(1, 81)])
        line.until(lambda: line.at_centre() == 79)
        number = 80
        while not line.store.quarantined_count():  # where it is swallowed in silence, only others' receipts tell
            number += 1
            line.store.commit(an_event(number))
            line.until(functools.partial(line.delivered, number))
        line.until(lambda: line.store.backlog_size() == 0)
        assert list(line.quarantine()) == [40]


def test_a_message_that_breaks_as_a_whole_but_not_in_its_parts_was_too_large() -> None:
    trial = PoisonMessageDetector()
    for _ in range(MAX_DISCONNECTS):
        trial.on_disconnected([(1, 2, 3, 4)], 0.0)
    broken = set()
    for token in range(1, 20):
        group = trial.next_group()
        if not group:
            break
        trial.on_sent(group, token, 100 * len(group))
        if len(group) > 2:
            broken.add(group)
            trial.on_disconnected([], 0.0)
        else:
            trial.on_acknowledged(token, 5.0)
    assert broken == {(1, 2, 3, 4)}
    assert not trial.has_candidates
    assert not trial.rejected
    assert trial.size_limit_bytes(6.0) == 200
    assert trial.size_limit_bytes(6.0 + 3600.0) > 10**6, "a broker may be mended"


def test_a_network_that_breaks_again_and_again_makes_nobody_guilty_who_gets_through_in_between() -> None:
    trial = PoisonMessageDetector()
    for round_ in range(50):
        for _ in range(MAX_DISCONNECTS):
            trial.on_disconnected([(1, 2), (3,)], 0.0)
        while trial.has_candidates:
            group = trial.next_group()
            for token in range(1, MAX_DISCONNECTS):  # it breaks under everybody, but once less than it takes
                trial.on_sent(trial.next_group(), token, 10)
                trial.on_disconnected([], 0.0)
            while group := trial.next_group():
                trial.on_sent(group, 99 + round_, 10)
                trial.on_acknowledged(99 + round_, 0.0)
    assert not trial.rejected


def test_a_passage_that_the_broker_says_it_cannot_stand_is_found_without_a_single_cut() -> None:
    trial = PoisonMessageDetector()
    trial.on_rejected((5, 6, 7), 900, "payload-format-invalid", 0.0)
    for token in range(1, 20):
        group = trial.next_group()
        if not group:
            break
        trial.on_sent(group, token, 300 * len(group))
        if 6 in group:
            trial.on_rejected(group, 300, "payload-format-invalid", 0.0)
        else:
            trial.on_acknowledged(token, 0.0)
    assert trial.rejected == {6: "payload-format-invalid"}
    assert not trial.has_candidates
