"""A device without camera and lamps, as a process: commits events at a given rate and delivers them.

`python -m tests.fakes.processes.delivering_device --database FILE --port PORT --greens FILE --per-s 300`. After each commit
it writes a line with seq and id to the file `greens`: from then on the event must not be lost. Lines on stdin: `disk full`,
`disk ok`, `poison` (the next event is one that the centre rejects), `clock SECONDS` (the wall clock jumps), `pause`, `go`,
`commit N` (at once). `--per-s 0` commits nothing else. SIGTERM ends it cleanly.
"""

import argparse
import os
import signal
import sys
import threading
from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kiosk.core.model import AccessEvent, ClockReading, DeviceState, Reason
from kiosk.core.ports import StoreError
from kiosk.core.uuid7 import uuid7
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import GATE, an_event

ROOMY_PAGES = 10_000_000
MANY = 500
"""Events in one transaction of the command `commit`."""


class JumpingClock:
    """The clock of the machine with an adjustable wall clock."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.jump = timedelta()

    def now(self) -> ClockReading:
        reading = self._clock.now()
        return replace(reading, utc_at=reading.utc_at + self.jump)


class Device:
    """Shared by the gate thread and the delivery thread."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.clock = JumpingClock()
        self.gate = DeviceTopics(GATE.prefix, GATE.site, arguments.device)
        self.store = SqliteEventStore(arguments.database)
        self.store.bind_source(self.gate.source)
        self.greens = os.open(arguments.greens, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.burst = max(1, int(arguments.per_s) // 100)
        self.going = arguments.per_s > 0
        self.interval_s = self.burst / int(arguments.per_s) if self.going else 0.0
        self.stop = threading.Event()
        self.poison = 0
        self.commands: deque[str] = deque()
        endpoint = BrokerEndpoint("127.0.0.1", arguments.port, arguments.mqtt, keepalive_s=2)

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(endpoint, f"entrance-{GATE.site}-{self.gate.device}", will=will)

        options = DeliveryOptions(
            receipt_timeout_s=1.0,
            max_inflight=arguments.window,
            max_batch=arguments.batch,
            reconnect_max_delay_s=1.0,
            acknowledge_by=arguments.delivery,
        )
        self.relay = OutboxRelay(self.store, self.gate, connect, clock=self.clock, options=options)
        self.relay.set_state(DeviceState.READY)

    def gate_step(self) -> float:
        """Commit a few events. A failed commit writes no line to `greens` and is retried."""
        while self.commands:
            self.execute(self.commands.popleft())
        if not self.going:
            return 0.05
        for _ in range(self.burst):
            event = self.next_passage()
            try:
                stored = self.store.commit(event)
            except StoreError:
                return 0.05
            os.write(self.greens, f"{stored.seq} {event.id}\n".encode())
        return self.interval_s

    def commit_many(self, count: int) -> None:
        """Commit that many events at once."""
        for first in range(0, count, MANY):
            new = [self.next_passage() for _ in range(min(MANY, count - first))]
            stored = self.store.commit_all(new)
            os.write(self.greens, "".join(f"{one.seq} {one.event.id}\n" for one in stored).encode())

    def next_passage(self) -> AccessEvent:
        now = self.clock.now()
        event = replace(an_event(1), id=uuid7(now), occurred_at=now.utc_at, monotonic_s=now.monotonic_s)
        if self.poison:
            self.poison -= 1
            event = replace(event, code_bytes=2_000_000, reason=Reason.UNKNOWN_CODE)  # more than the wire allows
        return event

    def execute(self, command: str) -> None:
        name, _, rest = command.partition(" ")
        if command == "disk full":
            self.store._gate_connection.execute(
                "PRAGMA max_page_count = 1"
            )  # SQLite clamps it to the present size, then commits fail with SQLITE_FULL
        elif command == "disk ok":
            self.store._gate_connection.execute(f"PRAGMA max_page_count = {ROOMY_PAGES}")
        elif name == "clock":
            self.clock.jump = timedelta(seconds=float(rest))
        elif name == "poison":
            self.poison += 1
        elif name == "commit":
            self.commit_many(int(rest))
        else:
            self.going = name == "go"

    def listen(self) -> None:
        """Read commands from stdin until its end."""
        for line in sys.stdin:
            self.commands.append(line.strip())

    def run_relay(self) -> None:
        while not self.stop.wait(self.relay.step()):
            """The condition makes the step."""

    def run(self) -> None:
        threading.Thread(target=self.listen, daemon=True).start()
        delivery = threading.Thread(target=self.run_relay, daemon=True)
        delivery.start()
        while not self.stop.wait(self.gate_step()):
            """The condition makes the step."""
        delivery.join(10)
        self.relay.close()
        self.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--greens", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", default=GATE.device)
    parser.add_argument("--per-s", type=int, default=300)
    parser.add_argument("--mqtt", default="5")
    parser.add_argument("--delivery", choices=["centre", "broker"], default="centre")
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=50)
    device = Device(parser.parse_args())
    worker = threading.Thread(target=device.run)
    signal.signal(signal.SIGTERM, lambda *_: device.stop.set())  # safe: the main thread holds no lock, it only joins
    worker.start()
    worker.join()


if __name__ == "__main__":
    main()
