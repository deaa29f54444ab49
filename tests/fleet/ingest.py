"""`python tests/fleet/ingest.py MESSAGES DATABASE`: how fast a centre stores messages that wait at its broker, without a network.

MESSAGES is a file of `tests.benchmarks.parts.fleet_ingest`. Prints JSON. It imports only the product, so that it measures the
release whose checkout is in PYTHONPATH.
"""

import json
import pickle
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.database import open_ledger
from mqtt.connection import Connected, ConnectionEvent, IncomingMessage, OutgoingMessage, Subscribed

MESSAGES_PER_READ = 1000
"""The shipped configuration of mosquitto sends so many before the first is acknowledged."""


class WaitingMessages:
    """A connection that delivers messages as fast as they are taken."""

    address = "memory"

    def __init__(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self._left = deque(IncomingMessage(topic, payload, 1, False, i) for i, (topic, payload) in enumerate(messages))
        self._greeting: deque[ConnectionEvent] = deque([Connected(False, 65535, None), Subscribed()])
        self.acknowledged = 0
        self._unacknowledged = 0

    def open(self) -> None:
        """Does nothing."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """The next messages."""
        if self._greeting:
            return [self._greeting.popleft()]
        room = MESSAGES_PER_READ - self._unacknowledged
        taken = [self._left.popleft() for _ in range(min(room, len(self._left)))]
        self._unacknowledged += len(taken)
        return taken

    def publish(self, message: OutgoingMessage) -> int:
        """Receipts go nowhere."""
        return 1

    def subscribe(self, filters: Sequence[str]) -> None:
        """Does nothing."""

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """Counts."""
        self.acknowledged += 1
        self._unacknowledged -= 1

    def unacknowledged_count(self) -> int:
        """Of our own messages: none."""
        return 0

    def close(self, *, clean: bool = True) -> None:
        """Does nothing."""


def main(file: Path, database: str) -> None:
    """Store all messages, and print rows per second and processor time of this process for each row."""
    messages, row_count = pickle.loads(file.read_bytes())  # noqa: S301 - the benchmark wrote it
    connection = WaitingMessages(messages)
    with closing(open_ledger(database)) as ledger:
        collector = Collector("entrance", ledger, lambda _will: connection)
        while not collector.ready:
            collector.step()
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        while connection.acknowledged < len(messages):
            collector.step()
        seconds, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
        collector.close()
    print(json.dumps({"rows_per_s": row_count / seconds, "cpu_us_per_row": cpu_s / row_count * 1e6}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
