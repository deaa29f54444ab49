"""Rows of the delivery benchmark about the centre: into PostgreSQL beside COPY alone, the whole way, memory, presence."""

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
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.postgres_ledger import PostgresLedger
from mqtt.centre.ingest.postgres_rows import COPY_COLUMNS, event_date
from mqtt.connection import BrokerEndpoint, Connected, ConnectionEvent, IncomingMessage, OutgoingMessage, Subscribed
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics, TopicKind
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.access_events import EPOCH, an_event, event_text
from tests.fakes.processes import postgres
from tests.fakes.processes.broker import Broker, Listener
from tests.faults.network_proxy import Mood, Proxy
from tests.paths import PROJECT

BRANCH = DeviceTopics("entrance", "bench", "gate-1")
NOW = datetime.now(UTC)
LOUD = "allow_anonymous true\nmax_queued_messages 1000000\nmax_inflight_messages 1000\nset_tcp_nodelay true"


def messages(count: int) -> list[bytes]:
    """Batches of 50, as they come over the wire."""
    at_ms = int(NOW.timestamp() * 1000)
    template = [an_event(number) for number in range(50)]
    made = []
    for first in range(1, count + 1, 50):
        texts = [
            event_text(StoredEvent(EPOCH, seq, "boot", replace(template[seq % 50], id=UUID(int=at_ms << 80 | 7 << 76 | 2 << 62 | seq))),
                 BRANCH.source)
            for seq in range(first, first + 50)
        ]  # fmt: skip
        made.append(envelope.make_payload(texts))
    return made


class QueuedConnection:
    """A link that hands over messages as fast as they are taken, as a broker with a full queue does (see mqtt.connection.Link)."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        topic = BRANCH.topic(TopicKind.EVENT)
        self._left = deque(IncomingMessage(topic, payload, 1, False, token) for token, payload in enumerate(payloads))
        self._greeting: deque[ConnectionEvent] = deque([Connected(False, 65535, None), Subscribed()])
        self.confirmed = 0

    def open(self) -> None:
        """There is nothing to open."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        if self._greeting:
            return [self._greeting.popleft()]
        return [self._left.popleft() for _ in range(min(100, len(self._left)))]

    def publish(self, message: OutgoingMessage) -> int:
        return 1

    def subscribe(self, filters: Sequence[str]) -> None:
        """Granted by the greeting."""

    def acknowledge(self, incoming: IncomingMessage) -> None:
        self.confirmed += 1

    def unacknowledged_count(self) -> int:
        return 0

    def close(self, *, clean: bool = True) -> None:
        """There is nothing to close."""


def into_postgres(address: str, payloads: Sequence[bytes]) -> float:
    """Rows per second from the bytes of messages to receipts after COMMIT: the whole collector, without the network."""
    haul = QueuedConnection(payloads)
    with closing(PostgresLedger(address)) as ledger:
        collector = Collector(BRANCH.prefix, ledger, lambda _will: haul)
        while not collector.ready:
            collector.step()
        started = time.perf_counter()
        while haul.confirmed < len(payloads):
            collector.step()
        seconds = time.perf_counter() - started
        collector.close()
    return len(payloads) * 50 / seconds


def copy_alone(address: str, payloads: Sequence[bytes]) -> float:
    """The limit: the same rows, made ready before, by psycopg's COPY into the same table, 1000 per commit; nothing asked."""
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
    """PostgreSQL, beside COPY alone on the same server."""
    if postgres.programs() is None:
        return [Row("centre into PostgreSQL", "not measured", "", "sudo apt-get install postgresql")]
    count, rounds = (20_000, 3) if quick else (50_000, 5)
    payloads = messages(count)
    ours: list[float] = []
    limit: list[float] = []
    with postgres.server() as address:
        for turn in range(rounds):
            for found, way in ((ours, into_postgres), (limit, copy_alone)):
                database = postgres.fresh_database(address, f"{way.__name__}_{turn}")
                with closing(PostgresLedger(database)) as ledger:  # makes the tables, and today's partition
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


def drained_s(store: SqliteEventStore, courier: OutboxRelay) -> float:
    """Seconds until nothing waits; the courier is closed after it."""
    idle = threading.Event()
    started = time.perf_counter()
    while store.backlog_size():
        idle.wait(courier.step())
    seconds = time.perf_counter() - started
    courier.close()
    return seconds


def whole_way(folder: Path, *, quick: bool) -> list[Row]:
    """From outbox to receipt: broker and centre (SQLite, fsync per commit) are processes of their own."""
    count = 5_000 if quick else 50_000
    with Broker(LOUD, log_type="error") as broker, closing(SqliteEventStore(folder / "whole.db")) as store:
        command = ["-m", "kiosk", "centre", "--broker", broker.address, "--database", str(folder / "whole-centre.db")]
        centre = subprocess.Popen([sys.executable, *command], cwd=PROJECT, stderr=subprocess.PIPE, text=True)
        assert centre.stderr is not None
        centre.stderr.readline()  # "connected and subscribed"
        for _ in range(0, count, 1000):
            store.commit_all([replace(an_event(number), id=uuid4()) for number in range(1000)])
        courier = OutboxRelay(
            store,
            BRANCH,
            lambda will: PahoConnection(broker.endpoint(), "bench-device", will=will),
            clock=SystemClock(),
            options=DeliveryOptions(max_inflight=5000),
        )
        seconds = drained_s(store, courier)
        centre.terminate()
        centre.communicate(timeout=20)
    return [Row(f"whole way, {count}: outbox to receipt, centre on SQLite", round(count / seconds), "passages/s")]


def memory(folder: Path, *, quick: bool) -> list[Row]:
    """Resident memory of a device's process while it drains, from the first tenth of the backlog on."""
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
        with closing(SqliteEventStore(folder / "memory.db")) as look:
            gone = 0
            while gone < count - 100:
                gone = look._relay_connection.execute("SELECT up_to_seq FROM delivery").fetchone()[0]
                if gone > count / 10:
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
    """From the last byte of a device to `offline` at a subscriber, in keep-alives."""
    keepalive_s = 8 if quick else 20
    topic = BRANCH.topic(TopicKind.STATE)
    with Broker(log_type="error") as broker, Proxy(broker.port) as proxy:
        listener = Listener(broker.endpoint(), topic)
        endpoint = BrokerEndpoint("127.0.0.1", proxy.port, keepalive_s=keepalive_s)
        with closing(SqliteEventStore(folder / "presence.db")) as store:
            courier = OutboxRelay(
                store, BRANCH, lambda will: PahoConnection(endpoint, "bench", will=will), clock=SystemClock()
            )
            while not listener.look(0.01):
                courier.step()
            proxy.set(Mood.HALF_OPEN)
            started = time.monotonic()
            patience = timedelta(seconds=5 * keepalive_s)
            while b"offline" not in listener.look(0.05)[-1][1]:
                assert time.monotonic() - started < patience.total_seconds()
            took_s = time.monotonic() - started
            proxy.set(Mood.CUT)
            courier.close()
        listener.close()
    return [
        goal_row(f"device down to offline, keep-alive {keepalive_s} s", round(took_s, 2), "s", "<= 1.5",
                 reference=keepalive_s, ratio=round(took_s / keepalive_s, 2))
    ]  # fmt: skip
