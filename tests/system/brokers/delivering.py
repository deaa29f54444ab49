"""Devices and a centre at a broker cluster: the product's delivery code with databases of its own, and what arrived in the end."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from kiosk.core.model import DeviceState
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.paho.failover import Failover
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import an_event
from tests.paths import PROJECT

SITE = "dong-ba"
BATCH = 20
POLL_S = 0.1
RECONNECT_MAX_DELAY_S = 10.0
DRAIN_S = 300.0


def device_names(count: int) -> list[str]:
    """Their names in certificates."""
    return [f"{SITE}/gate-{number}" for number in range(1, count + 1)]


def _uuid7(rng: random.Random) -> UUID:
    ms = int(time.time() * 1000)
    return UUID(int=ms << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62))


class Device:
    """One kiosk without a gate. Its relay runs on a thread of its own."""

    def __init__(self, folder: Path, name: str, endpoints: Sequence[BrokerEndpoint], client_id: str) -> None:
        site, _, device = name.partition("/")
        self.name = name
        self.store = SqliteEventStore(folder / f"{device}.db")
        self.recorded: set[bytes] = set()
        self._rng = random.Random(name)
        self._stop = threading.Event()

        def open_connection(endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
            return PahoConnection(endpoint, client_id, will=will, failures=failures)

        self.relay = OutboxRelay(
            self.store,
            DeviceTopics("entrance", site, device),
            Failover(endpoints, open_connection, max_delay_s=RECONNECT_MAX_DELAY_S),
            clock=SystemClock(),
            brokers=[str(endpoint) for endpoint in endpoints],
            options=DeliveryOptions(reconnect_max_delay_s=RECONNECT_MAX_DELAY_S),
        )
        self.relay.set_state(DeviceState.READY)
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self.relay.step())

    def record(self, count: int) -> None:
        """Commit so many new events."""
        now = datetime.now(UTC)
        events = [replace(an_event(1), id=_uuid7(self._rng), occurred_at=now) for _ in range(count)]
        self.store.commit_all(events)
        self.recorded.update(event.id.bytes for event in events)

    @property
    def acknowledged(self) -> int:
        """Events with a receipt."""
        return self.store.newest_seq - self.store.backlog_size()

    def close(self) -> None:
        """End its thread and its connection."""
        self._stop.set()
        self._thread.join()
        self.relay.close()
        self.store.close()


class Fleet:
    """`with Fleet(...) as fleet:` runs some devices."""

    def __init__(
        self, folder: Path, names: Sequence[str], endpoints: Callable[[str], Sequence[BrokerEndpoint]]
    ) -> None:
        self.devices: list[Device] = []
        self._stack = ExitStack()
        for name in names:
            user = name.replace("/", ".")
            device = Device(folder, name, endpoints(user), user)
            self._stack.callback(device.close)
            self.devices.append(device)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def record(self, count: int, per_s: float) -> None:
        """So many events over all devices, at this rate."""
        started_s = time.monotonic()
        recorded = 0
        while recorded < count:
            for device in self.devices:
                device.record(BATCH)
                recorded += BATCH
            threading.Event().wait(max(0.0, started_s + recorded / per_s - time.monotonic()))

    def wait_until_flowing(self, since: Sequence[int], timeout_s: float = DRAIN_S) -> tuple[float, float]:
        """Seconds until the first and until the last device got a receipt for an event after these newest seqs."""
        started_s = time.monotonic()
        first_s: float | None = None
        while time.monotonic() < started_s + timeout_s:
            flowing = [device.acknowledged > newest for device, newest in zip(self.devices, since, strict=True)]
            if any(flowing) and first_s is None:
                first_s = time.monotonic() - started_s
            if all(flowing):
                assert first_s is not None
                return first_s, time.monotonic() - started_s
            threading.Event().wait(POLL_S)
        raise AssertionError(f"no receipts after {timeout_s:.0f} s: {self.errors()}")

    def newest(self) -> list[int]:
        """The newest seq of each device."""
        return [device.store.newest_seq for device in self.devices]

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Wait until every event has a receipt."""
        ends_s = time.monotonic() + timeout_s
        while any(device.store.backlog_size() for device in self.devices):
            assert time.monotonic() < ends_s, f"events without a receipt: {self.errors()}"
            threading.Event().wait(POLL_S)

    def errors(self) -> list[str]:
        """What the devices say, for a test that failed."""
        return [f"{each.name}: {each.store.backlog_size()} wait, {each.relay.status().error}" for each in self.devices]

    def recorded(self) -> set[bytes]:
        """The ids of all events."""
        return set().union(*(device.recorded for device in self.devices))


class Centre:
    """`with Centre(...) as centre:` runs `kiosk centre` on SQLite until it has subscribed."""

    def __init__(self, folder: Path, brokers: Sequence[BrokerEndpoint], *options: str) -> None:
        """`brokers`: with the same files for TLS, or without TLS. `options`: more options of the command."""
        self.database = folder / "centre.db"
        self._log = folder / "centre.log"
        addresses = [part for broker in brokers for part in ("--broker", str(broker))]
        self._command = ["-m", "kiosk.cli", "centre", *addresses, "--database", str(self.database), "--name", "centre"]
        files = {"--ca": brokers[0].ca_path, "--certificate": brokers[0].certificate_path, "--key": brokers[0].key_path}
        self._command += [part for name, path in files.items() if path for part in (name, str(path))]
        self._command += ["--mqtt-version", brokers[0].mqtt_version, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command], cwd=PROJECT, stdout=log, stderr=log, env=os.environ
            )
        for _ in range(1200):
            if "subscribed" in self.log():
                return self
            if self._process.poll() is not None:
                break
            threading.Event().wait(0.1)
        self.__exit__(None, None, None)
        raise AssertionError(f"the centre does not start: {self.log()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stored(self) -> list[bytes]:
        """The ids of its rows."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            return [bytes(id_) for (id_,) in reader.execute("SELECT id FROM event")]
