"""Storage and delivery, each relative to a reference in the same run: the limit of the disk, mosquitto_pub, paho, the bridge."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics
from tests.benchmarks.parts import delivery_centre, hostile_device
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.access_events import an_event
from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT

BRANCH = DeviceTopics("entrance", "bench", "gate-1")
RECORD_BYTES = 310
LOUD = "allow_anonymous true\nmax_queued_messages 1000000\nmax_inflight_messages 1000\nset_tcp_nodelay true"
EVENTS = [an_event(number) for number in range(1000)]


@dataclass(frozen=True)
class Written:
    """Rate and written bytes of a series of commits."""

    per_s: float
    bytes_each: float


def written_bytes() -> int:
    """Bytes that this process has written to the disk (proc(5), /proc/PID/io)."""
    found = re.search(r"^write_bytes: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def timed(work: Callable[[], int]) -> Written:
    """Measure `work`, which returns the number of events that it wrote."""
    before, started = written_bytes(), time.perf_counter()
    count = work()
    seconds = time.perf_counter() - started
    return Written(count / seconds, (written_bytes() - before) / count)


def append_and_sync(path: Path, count: int) -> int:
    """The limit of the disk: a plain file, one fdatasync per record."""
    record = os.urandom(RECORD_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        os.write(descriptor, record)
        os.fdatasync(descriptor)
    os.close(descriptor)
    return count


def commit_each(store: SqliteEventStore, count: int) -> int:
    """One transaction per event."""
    for number in range(count):
        store.commit(EVENTS[number % 1000])
    return count


def commit_burst(store: SqliteEventStore, count: int) -> int:
    """Fifty events per transaction."""
    for number in range(0, count, 50):
        store.commit_all(EVENTS[number % 1000 : number % 1000 + 50])
    return count


def fdatasyncs(way: str, count: int, folder: Path) -> float | None:
    """fdatasync calls per event, counted by strace in a separate process. None without strace."""
    if shutil.which("strace") is None:
        return None
    report = folder / f"strace-{way}"
    command = ["strace", "-f", "-c", "-e", "trace=fdatasync,fsync", "-o", str(report)]
    command += [sys.executable, "-m", "tests.benchmarks.delivery", way, str(count), str(folder / f"counted-{way}.db")]
    subprocess.run(command, check=True, cwd=PROJECT, capture_output=True)
    calls = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+\d*\s*f(?:data)?sync$", report.read_text(), re.MULTILINE)
    return sum(map(int, calls)) / count


def recording(folder: Path, *, quick: bool) -> list[Row]:
    """Durable insert, one at a time and in bursts."""
    count, rounds = (
        (100, 9) if quick else (200, 25)
    )  # short turns, so that other load of the machine affects all of them
    limit, ours, burst = [], [], []
    with (
        closing(SqliteEventStore(folder / "each.db")) as each,
        closing(SqliteEventStore(folder / "burst.db")) as bursts,
    ):
        commit_each(each, 50)
        for i in range(rounds):
            limit.append(timed(lambda i=i: append_and_sync(folder / f"plain-{i}", count)))  # type: ignore[misc]
            ours.append(timed(lambda: commit_each(each, count)))
            burst.append(timed(lambda: commit_burst(bursts, count)))
    peer = statistics.median(one.per_s for one in limit)
    speed = statistics.median(one.per_s for one in ours)
    beside = statistics.median(one.per_s / other.per_s for one, other in zip(ours, limit, strict=True))
    many = statistics.median(one.per_s for one in burst)
    rows = [
        Row("write + fdatasync of 310 bytes", round(peer), "records/s", "the limit of this disk"),
        goal_row("durable insert, one per transaction", round(speed), "records/s", ">= 0.75",
                 reference=round(peer), ratio=round(beside, 2)),
        goal_row("written per event", round(statistics.mean(one.bytes_each for one in ours)), "bytes", "<= 9500"),
        Row("durable insert, a burst of 50", round(many), "records/s", round(peer), round(many / peer, 1)),
        goal_row("written per event in a burst",
                 round(statistics.mean(one.bytes_each for one in burst)), "bytes", "<= 1000"),
    ]  # fmt: skip
    for way, goal in (("each", "<= 1.02"), ("burst", "<= 0.03")):
        syncs = fdatasyncs(way, 2000, folder)
        if syncs is not None:
            rows.append(goal_row(f"fdatasync per event, {way}", round(syncs, 3), "calls", goal))
    return rows


def filled(path: Path, count: int) -> SqliteEventStore:
    """A store with `count` undelivered events."""
    store = SqliteEventStore(path)
    for _ in range(0, count, 1000):
        store.commit_all(EVENTS)
    return store


def drain_ours(store: SqliteEventStore, broker: Broker, batch: int) -> float:
    """Events per second from the outbox. PUBACK deletes them, as in the references, so no centre is needed."""

    def connect(will: OutgoingMessage) -> Connection:
        return PahoConnection(broker.endpoint("3.1.1"), "bench-ours", will=will)

    options = DeliveryOptions(acknowledge_by="broker", max_batch=batch, max_inflight=1000 if batch == 1 else 5000)
    relay = OutboxRelay(store, BRANCH, connect, clock=SystemClock(), options=options)
    return store.backlog_size() / delivery_centre.drained_s(store, relay)


def drain_mosquitto_pub(broker: Broker, count: int, record: bytes) -> float:
    """mosquitto_pub -l, QoS 1. It loses lines beyond 65,535 silently, so `count` must be smaller."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", "bench/peer", "-q", "1", "-l"]
    lines = (record + b"\n") * count
    started = time.perf_counter()
    subprocess.run(command, input=lines, check=True)
    return count / (time.perf_counter() - started)


def drain_paho(broker: Broker, count: int, record: bytes) -> float:
    """paho alone: no storage, unlimited in-flight messages, its own thread."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.max_inflight_messages_set(0)
    client.max_queued_messages_set(0)
    done = threading.Event()
    left = [count]

    def on_publish(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            done.set()

    client.on_publish = on_publish
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    started = time.perf_counter()
    for _ in range(count):
        client.publish("bench/peer", record, qos=1)
    assert done.wait(120)
    seconds = time.perf_counter() - started
    client.disconnect()
    client.loop_stop()
    return count / seconds


def drain_bridge(count: int, record: bytes) -> float | None:
    """A mosquitto that queued the events while another one was unreachable, and now bridges them to it."""
    port = free_port()
    bridge = (
        f"connection up\naddress 127.0.0.1:{port}\ntopic bench/# out 1\nrestart_timeout 1\ncleansession false\n"
        f"{LOUD}\nmax_queued_bytes 0"
    )
    with Broker(bridge, log_type="error") as near:
        drain_mosquitto_pub(near, count, record)
        far = Broker(LOUD, log_type="error")
        far.config.write_text(far.config.read_text().replace(str(far.port), str(port), 1))
        far.port = port
        with far:
            return _received_by(far, count)


def _received_by(broker: Broker, count: int) -> float | None:
    """Messages per second between the first and the last at mosquitto_sub. None if they do not arrive."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", "bench/#", "-q", "1", "-F", "."]
    command += ["-C", str(count), "-W", "120"]  # ends after `count` messages or 120 seconds
    with subprocess.Popen(command, stdout=subprocess.PIPE) as listening:
        assert listening.stdout is not None
        seen = len(os.read(listening.stdout.fileno(), 2))
        first = time.perf_counter()
        while more := len(os.read(listening.stdout.fileno(), 65536)):
            seen += more
        seconds = time.perf_counter() - first
    return count / seconds if seen == 2 * count else None  # a point and a line end for each


def draining(folder: Path, *, quick: bool) -> list[Row]:
    """The outbox with one and with fifty events per message, relative to other programs."""
    if shutil.which("mosquitto_pub") is None:
        return [Row("drain", "not measured", "", "mosquitto_pub is missing: sudo apt-get install mosquitto-clients")]
    count, rounds = (20_000, 3) if quick else (50_000, 5)
    record = os.urandom(RECORD_BYTES // 2).hex().encode()
    found: dict[str, list[float]] = {}
    for i in range(rounds):
        with Broker(LOUD, log_type="error") as broker:
            found.setdefault("mosquitto_pub", []).append(drain_mosquitto_pub(broker, count, record))
            found.setdefault("paho", []).append(drain_paho(broker, count, record))
            for name, batch in (("single", 1), ("batched", 50)):
                with closing(filled(folder / f"{name}-{i}.db", count)) as store:
                    found.setdefault(name, []).append(drain_ours(store, broker, batch))
    median = {name: round(statistics.median(values)) for name, values in found.items()}

    def beside(name: str, peer: str) -> float:
        """Median of the ratios of each round: other load of the machine affects all programs of a round alike."""
        return round(statistics.median(one / other for one, other in zip(found[name], found[peer], strict=True)), 2)

    peer, alone, single, batched = (median[name] for name in ("mosquitto_pub", "paho", "single", "batched"))
    rows = [
        Row(f"drain {count}: mosquitto_pub -l -q 1", peer, "messages/s"),
        Row(f"drain {count}: paho, no storage, unlimited inflight", alone, "messages/s", peer, beside("paho", "mosquitto_pub")),
        goal_row("outbox, one per message", single, "events/s", ">= 0.48",
                 reference=peer, ratio=beside("single", "mosquitto_pub")),
        goal_row("outbox, one per message, beside paho", single, "events/s", ">= 0.95",
                 reference=alone, ratio=beside("single", "paho")),
        goal_row("outbox, 50 per message", batched, "events/s", ">= 4",
                 reference=peer, ratio=beside("batched", "mosquitto_pub")),
    ]  # fmt: skip
    bridge = drain_bridge(10_000 if quick else 50_000, record)
    if bridge is not None:
        rows.append(goal_row("outbox, 50 per message, beside the Mosquitto bridge", batched, "events/s", ">= 6",
                             reference=round(bridge), ratio=round(batched / bridge, 2)))  # fmt: skip
    return rows


def run(quick: bool) -> list[Row]:
    """All rows. `quick` takes less than a minute."""
    folder = Path(tempfile.mkdtemp(prefix="bench-delivery-"))
    try:
        rows = recording(folder, quick=quick) + draining(folder, quick=quick)
        rows += delivery_centre.whole_way(folder, quick=quick) + delivery_centre.centre_rows(quick=quick)
        rows += hostile_device.rows(quick=quick)
        return rows + delivery_centre.memory(folder, quick=quick) + delivery_centre.presence(folder, quick=quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":  # the process traced by strace
    way, wanted, file = sys.argv[1:]
    with closing(SqliteEventStore(Path(file))) as counted:
        (commit_each if way == "each" else commit_burst)(counted, int(wanted))
