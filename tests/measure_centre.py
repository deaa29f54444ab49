"""Rows of the delivery benchmark about the centre: into PostgreSQL beside COPY alone, the whole way, memory, presence."""

import os
import re
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from kiosk.clock import SystemClock
from kiosk.courier import Courier, Terms
from kiosk.courier.parcel import pack
from kiosk.model import Stored
from kiosk.store import Store
from mqtt import envelope
from mqtt.centre.arrivals import Arrival
from mqtt.centre.postgres import COLUMNS, TYPES, PostgresLedger, day_of
from mqtt.client import PahoLink
from mqtt.link import Endpoint
from mqtt.topics import Branch, Leaf
from tests import postgres
from tests.bench_table import Row, goal_row
from tests.broker import Broker, Listener
from tests.passages import a_passage
from tests.proxy import Mood, Proxy

BRANCH = Branch("entrance", "bench", "gate-1")
EPOCH = "0123456789abcdef"
NOW = datetime.now(UTC)
ROOT = Path(__file__).parents[1]
LOUD = "allow_anonymous true\nmax_queued_messages 1000000\nmax_inflight_messages 1000\nset_tcp_nodelay true"


def messages(count: int) -> list[bytes]:
    """Batches of 50, as they come over the wire."""
    at_ms = int(NOW.timestamp() * 1000)
    template = [a_passage(number) for number in range(50)]
    made = []
    for first in range(1, count + 1, 50):
        texts = [
            pack(Stored(EPOCH, seq, "boot", replace(template[seq % 50], id=UUID(int=at_ms << 80 | 7 << 76 | 2 << 62 | seq))),
                 BRANCH.source).text
            for seq in range(first, first + 50)
        ]  # fmt: skip
        made.append(envelope.message_of(texts))
    return made


def into_postgres(address: str, payloads: list[bytes]) -> float:
    """Rows per second from bytes to COMMIT, 20 messages (1000 passages) per commit."""
    with closing(PostgresLedger(address)) as ledger:
        started = time.perf_counter()
        for first in range(0, len(payloads), 20):
            arrivals = [
                Arrival(BRANCH, *envelope.read_passages(payload, BRANCH.source), received_at=NOW)
                for payload in payloads[first : first + 20]
            ]
            ledger.record(arrivals)
        return len(payloads) * 50 / (time.perf_counter() - started)


def copy_alone(address: str, count: int) -> float:
    """The limit: the same columns by COPY into a table without partitions, 1000 rows per commit, nothing asked, nothing checked."""
    passage = a_passage(1)
    rows = [
        (1, UUID(int=number), day_of(passage.id), 1, number, NOW, 1.0, "boot", "synchronised", "pass", "ok", "in", "pass",
         "verified", passage.pseudonym.hex(), passage.sealed, 178, NOW)
        for number in range(1000)
    ]  # fmt: skip
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE limit_of_copy AS SELECT * FROM passage WHERE false")
        connection.execute("ALTER TABLE limit_of_copy ADD PRIMARY KEY (device, id, seq)")
        connection.commit()
        started = time.perf_counter()
        for turn in range(count // 1000):
            with connection.cursor().copy(f"COPY limit_of_copy ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(TYPES)
                for row in rows:
                    copy.write_row((*row[:4], turn * 1000 + int(str(row[4])), *row[5:]))
            connection.commit()
        return count / (time.perf_counter() - started)


def centre_rows(*, quick: bool) -> list[Row]:
    """PostgreSQL, beside COPY alone on the same server."""
    if postgres.programs() is None:
        return [Row("centre into PostgreSQL", "not measured", "", "sudo apt-get install postgresql")]
    count, rounds = (10_000, 2) if quick else (50_000, 3)
    payloads = messages(count)
    ours, limit = [], []
    with postgres.server() as address:
        for turn in range(rounds):
            database = postgres.fresh_database(address, f"bench_{turn}")
            ours.append(into_postgres(database, payloads))
            limit.append(copy_alone(database, count))
    speed, peer = statistics.median(ours), statistics.median(limit)
    return [
        Row(f"COPY alone, {count} rows", round(peer), "rows/s"),
        goal_row("centre into PostgreSQL, batches of 50", round(speed), "rows/s", ">= 0.65",
                 reference=round(peer), ratio=round(speed / peer, 2)),
    ]  # fmt: skip


def whole_way(folder: Path, *, quick: bool) -> list[Row]:
    """From outbox to receipt: broker and centre (SQLite, fsync per commit) are processes of their own."""
    count = 5_000 if quick else 50_000
    with Broker(LOUD, log_type="error") as broker, closing(Store(folder / "whole.db")) as store:
        command = ["-m", "kiosk", "centre", "--broker", broker.address, "--database", str(folder / "whole-centre.db")]
        centre = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert centre.stderr is not None
        centre.stderr.readline()  # "connected and subscribed"
        for _ in range(0, count, 1000):
            store.commit_all([replace(a_passage(number), id=uuid4()) for number in range(1000)])
        courier = Courier(
            store,
            BRANCH,
            lambda will: PahoLink(broker.endpoint(), "bench-device", will=will),
            clock=SystemClock(),
            terms=Terms(window=5000),
        )
        idle = threading.Event()
        started = time.perf_counter()
        while store.depth():
            idle.wait(courier.step())
        seconds = time.perf_counter() - started
        courier.close()
        centre.terminate()
        centre.communicate(timeout=20)
    return [Row(f"whole way, {count}: outbox to receipt, centre on SQLite", round(count / seconds), "passages/s")]


def memory(folder: Path, *, quick: bool) -> list[Row]:
    """Resident memory of a device's process while it drains, from the first tenth of the backlog on."""
    count = 50_000 if quick else 1_000_000
    with closing(Store(folder / "memory.db")) as store:
        batch = [a_passage(number) for number in range(1000)]
        for _ in range(0, count, 1000):
            store.commit_all(batch)
    seen: list[float] = []
    ready = threading.Event()
    with Broker("allow_anonymous true\nmax_queued_messages 100", log_type="error") as broker:
        command = ["-m", "tests.device", "--database", str(folder / "memory.db"), "--port", str(broker.port)]
        command += ["--greens", os.devnull, "--per-s", "1", "--delivery", "broker"]
        device = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, cwd=ROOT)
        with closing(Store(folder / "memory.db")) as look:
            gone = 0
            while gone < count - 100:
                gone = look._courier.execute("SELECT up_to_seq FROM delivery").fetchone()[0]
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
    topic = BRANCH.topic(Leaf.STATE)
    with Broker(log_type="error") as broker, Proxy(broker.port) as proxy:
        listener = Listener(broker.endpoint(), topic)
        endpoint = Endpoint("127.0.0.1", proxy.port, keepalive_s=keepalive_s)
        with closing(Store(folder / "presence.db")) as store:
            courier = Courier(store, BRANCH, lambda will: PahoLink(endpoint, "bench", will=will), clock=SystemClock())
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
