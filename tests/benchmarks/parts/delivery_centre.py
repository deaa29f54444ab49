"""Rows of the delivery benchmark with the centre: PostgreSQL relative to COPY alone, whole way, memory, presence."""

import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from kiosk.core.model import StoredEvent
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt import events as envelope
from mqtt.centre.fleet.backlog_control import FLOOR_EVENTS_PER_S
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.postgres.rows import COPY_COLUMNS, event_date
from mqtt.connection import BrokerEndpoint, Connected, ConnectionEvent, IncomingMessage, OutgoingMessage, Subscribed
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics, TopicKind
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.access_events import EPOCH, an_event, event_text
from tests.fakes.parts.backlog_fleet import BacklogFleet
from tests.fakes.processes import postgres
from tests.fakes.processes.broker import Broker, Listener
from tests.faults.network_proxy import Mood, Proxy
from tests.paths import PROJECT

BRANCH = DeviceTopics("entrance", "bench", "gate-1")
NOW = datetime.now(UTC)
LOUD = "allow_anonymous true\nmax_queued_messages 1000000\nmax_inflight_messages 1000\nset_tcp_nodelay true"


def messages(count: int) -> list[bytes]:
    """Payloads of 50 events each, as on the wire."""
    at_ms = int(NOW.timestamp() * 1000)
    template = [an_event(number) for number in range(50)]
    payloads = []
    for first in range(1, count + 1, 50):
        ids = (UUID(int=at_ms << 80 | 7 << 76 | 2 << 62 | seq) for seq in range(first, first + 50))
        events = [replace(template[seq % 50], id=id_) for seq, id_ in enumerate(ids, first)]
        stored = (StoredEvent(EPOCH, seq, "boot", event) for seq, event in enumerate(events, first))
        texts = [event_text(each, BRANCH.source) for each in stored]
        payloads.append(envelope.make_payload(texts))
    return payloads


class QueuedConnection:
    """A connection that delivers messages as fast as they are taken, like a broker with a full queue."""

    address = "memory:0"

    def __init__(self, payloads: Sequence[bytes]) -> None:
        topic = BRANCH.topic(TopicKind.EVENT)
        self._left = deque(IncomingMessage(topic, payload, 1, False, token) for token, payload in enumerate(payloads))
        self._greeting: deque[ConnectionEvent] = deque([Connected(False, 65535, None), Subscribed()])
        self.confirmed = 0

    def open(self) -> None:
        """Does nothing."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        if self._greeting:
            return [self._greeting.popleft()]
        return [self._left.popleft() for _ in range(min(100, len(self._left)))]

    def publish(self, message: OutgoingMessage) -> int:
        return 1

    def subscribe(self, filters: Sequence[str]) -> None:
        """Does nothing: `process` returns the grant."""

    def acknowledge(self, incoming: IncomingMessage) -> None:
        self.confirmed += 1

    def unacknowledged_count(self) -> int:
        return 0

    def close(self, *, clean: bool = True) -> None:
        """Does nothing."""


def into_postgres(address: str, payloads: Sequence[bytes]) -> float:
    """Rows per second from message bytes to receipts after COMMIT: the whole collector without a network."""
    connection = QueuedConnection(payloads)
    with closing(PostgresLedger(address)) as ledger:
        collector = Collector(BRANCH.prefix, ledger, lambda _will: connection)
        while not collector.ready:
            collector.step()
        started = time.perf_counter()
        while connection.confirmed < len(payloads):
            collector.step()
        seconds = time.perf_counter() - started
        collector.close()
    return len(payloads) * 50 / seconds


def copy_alone(address: str, payloads: Sequence[bytes]) -> float:
    """The limit: the same prepared rows with COPY of psycopg into the same table, 1000 per commit, without queries."""
    events = [event for payload in payloads for event in envelope.parse_events(payload, BRANCH.source)[0]]
    columns = [name.strip() for name in COPY_COLUMNS.split(",")]
    with psycopg.connect(address) as connection:
        types: dict[str, str] = dict(
            connection.execute(
                "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute "
                "WHERE attrelid = 'event'::regclass AND attnum > 0"
            ).fetchall()
        )
        rows = [
            {
                "device": 1,
                "stream": 1,
                "day": event_date(event.id),
                "received_at": NOW,
                "id": event.id,
                "occurred_at": event.time,
            }
            | {name: getattr(event.data, name) for name in columns if hasattr(event.data, name)}
            for event in events
        ]
        ready = [[row[name] for name in columns] for row in rows]
        started = time.perf_counter()
        for first in range(0, len(ready), 1000):
            with connection.cursor().copy(f"COPY event ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types([types[name] for name in columns])
                for values in ready[first : first + 1000]:
                    copy.write_row(values)
            connection.commit()
        return len(ready) / (time.perf_counter() - started)


def centre_rows(*, quick: bool) -> list[Row]:
    """PostgreSQL, relative to COPY alone on the same server."""
    if postgres.programs() is None:
        return [Row("centre into PostgreSQL", "not measured", "", "sudo apt-get install postgresql")]
    count, rounds = (20_000, 3) if quick else (50_000, 5)
    payloads = messages(count)
    ours: list[float] = []
    limit: list[float] = []
    with postgres.server(durable=True) as address:
        for round_number in range(rounds):
            for found, way in ((ours, into_postgres), (limit, copy_alone)):
                database = postgres.fresh_database(address, f"{way.__name__}_{round_number}")
                with closing(PostgresLedger(database)) as ledger:  # creates the tables and the partition of today
                    ledger.record(
                        [IngestedMessage(BRANCH, *envelope.parse_events(payloads[0], BRANCH.source), received_at=NOW)]
                    )
                found.append(way(database, payloads[1:]))
    speed, peer = statistics.median(ours), statistics.median(limit)
    beside = statistics.median(one / other for one, other in zip(ours, limit, strict=True))
    return [
        Row(f"COPY alone, {count} of the same rows into the same table", round(peer), "rows/s"),
        goal_row("centre into PostgreSQL, batches of 50", round(speed), "rows/s", ">= 30000"),
        goal_row("centre into PostgreSQL, beside COPY alone", round(speed), "rows/s", ">= 0.65",
                 reference=round(peer), ratio=round(beside, 2)),
    ]  # fmt: skip


BACKLOG_BUDGET = 5000.0
"""Events per second: the default of `kiosk centre`."""
STORED_PER_S, LIVE_PER_S = 8000.0, 100.0
"""Events per second: what the simulated centre can store, and how many happen at the gates meanwhile."""


def backlog_rows(*, quick: bool) -> list[Row]:
    """A simulated fleet after a day without a centre, with the backlog control of the product. Prints the curve."""
    devices, events_each = (1_000, 1_000) if quick else (10_000, 10_000)
    fleet = BacklogFleet(
        devices,
        events_each,
        BACKLOG_BUDGET,
        capacity=lambda _now_s: STORED_PER_S,
        live_per_s=LIVE_PER_S,
        window_s=60.0 if quick else 900.0,
    )
    took_s = fleet.run()
    for at_s, rate in fleet.curve():
        print(f"  after {at_s / 60:5.0f} min: {rate:6.0f} events/s {'#' * round(rate / BACKLOG_BUDGET * 50)}")
    best_s = devices * events_each / BACKLOG_BUDGET
    about = f"backlog of {devices} x {events_each}, simulated, budget {BACKLOG_BUDGET:.0f}/s"
    until_last = f"{about}: until the last event"
    ratio = round(took_s / best_s, 2)
    return [
        Row(until_last, round(took_s), "s", round(best_s), ratio)  # two minutes of the start are much of a short run
        if quick else goal_row(until_last, round(took_s), "s", "<= 1.25", reference=round(best_s), ratio=ratio),
        goal_row(f"{about}: largest rate after the start", round(max(rate for _, rate in fleet.curve()[1:])), "events/s",
                 f"<= {1.05 * (BACKLOG_BUDGET + devices * FLOOR_EVENTS_PER_S):.0f}"),
        goal_row(f"{about}: live p95 meanwhile", round(fleet.live_delay_s(95), 2), "s", "<= 2"),
        Row(f"{about}: rates told to each device", round(fleet.told / devices, 1), "messages"),
    ]  # fmt: skip


def drained_s(store: SqliteEventStore, relay: OutboxRelay) -> float:
    """Seconds until the outbox is empty. Closes the relay."""
    idle = threading.Event()
    started = time.perf_counter()
    while store.backlog_size():
        idle.wait(relay.step())
    seconds = time.perf_counter() - started
    relay.close()
    return seconds


def whole_way(folder: Path, *, quick: bool) -> list[Row]:
    """From outbox to receipt. Broker and centre (SQLite, fsync per commit) are separate processes."""
    count = 5_000 if quick else 50_000
    with Broker(LOUD, log_type="error") as broker, closing(SqliteEventStore(folder / "whole.db")) as store:
        command = [
            "-m",
            "kiosk.cli",
            "centre",
            "--broker",
            broker.address,
            "--database",
            str(folder / "whole-centre.db"),
        ]
        centre = subprocess.Popen([sys.executable, *command], cwd=PROJECT, stderr=subprocess.PIPE, text=True)
        assert centre.stderr is not None
        centre.stderr.readline()  # "connected and subscribed"
        for _ in range(0, count, 1000):
            store.commit_all([replace(an_event(number), id=uuid4()) for number in range(1000)])
        relay = OutboxRelay(
            store,
            BRANCH,
            lambda will: PahoConnection(broker.endpoint(), "bench-device", will=will),
            clock=SystemClock(),
            options=DeliveryOptions(max_inflight=5000),
        )
        seconds = drained_s(store, relay)
        centre.terminate()
        centre.communicate(timeout=20)
    return [Row(f"whole way, {count}: outbox to receipt, centre on SQLite", round(count / seconds), "events/s")]


def memory(folder: Path, *, quick: bool) -> list[Row]:
    """Resident memory of a device process while it sends its backlog, after the first tenth."""
    count = 50_000 if quick else 1_000_000
    with closing(SqliteEventStore(folder / "memory.db")) as store:
        batch = [an_event(number) for number in range(1000)]
        for _ in range(0, count, 1000):
            store.commit_all(batch)
    seen: list[float] = []
    ready = threading.Event()
    with Broker("allow_anonymous true\nmax_queued_messages 100", log_type="error") as broker:
        command = [
            "-m",
            "tests.fakes.processes.delivering_device",
            "--database",
            str(folder / "memory.db"),
            "--port",
            str(broker.port),
        ]
        command += ["--greens", os.devnull, "--per-s", "1", "--delivery", "broker"]
        device = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, cwd=PROJECT)
        with closing(SqliteEventStore(folder / "memory.db")) as reader:
            delivered = 0
            while delivered < count - 100:
                delivered = reader._relay_connection.execute("SELECT up_to_seq FROM delivery").fetchone()[0]
                if delivered > count / 10:
                    seen.append(_resident_mb(device.pid))
                ready.wait(0.05)
        device.kill()
        device.communicate()
    spread = max(seen) - min(seen)
    return [
        goal_row(f"memory while draining {count}, largest", round(max(seen), 1), "MB", "<= 100"),
        goal_row(f"memory while draining {count}, spread", round(spread, 1), "MB", "<= 10"),
    ]


def _resident_mb(pid: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def presence(folder: Path, *, quick: bool) -> list[Row]:
    """Time from the last byte of a device to `offline` at a subscriber, relative to the keep-alive."""
    keepalive_s = 8 if quick else 20
    topic = BRANCH.topic(TopicKind.STATE)
    with Broker(log_type="error") as broker, Proxy(broker.port) as proxy:
        listener = Listener(broker.endpoint(), topic)
        endpoint = BrokerEndpoint("127.0.0.1", proxy.port, keepalive_s=keepalive_s)
        with closing(SqliteEventStore(folder / "presence.db")) as store:
            relay = OutboxRelay(
                store, BRANCH, lambda will: PahoConnection(endpoint, "bench", will=will), clock=SystemClock()
            )
            while not listener.look(0.01):
                relay.step()
            proxy.set(Mood.HALF_OPEN)
            started = time.monotonic()
            patience = timedelta(seconds=5 * keepalive_s)
            while b"offline" not in listener.look(0.05)[-1][1]:
                assert time.monotonic() - started < patience.total_seconds()
            took_s = time.monotonic() - started
            proxy.set(Mood.CUT)
            relay.close()
        listener.close()
    return [
        goal_row(f"device down to offline, keep-alive {keepalive_s} s", round(took_s, 2), "s", "<= 1.5",
                 reference=keepalive_s, ratio=round(took_s / keepalive_s, 2))
    ]  # fmt: skip
