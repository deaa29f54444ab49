"""People who watch live pages of a centre while it stores events: what the ingest notices of them, and what the pages need.

As a program: `python -m tests.benchmarks.parts.centre_watchers ADDRESS SECONDS`, with a session token for each watcher on stdin.
"""

import http.client
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from kiosk.core.model import StoredEvent
from mqtt import events as envelope
from mqtt.centre.accounts.accounts import begin_session
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.database import open_query
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.topics import DeviceTopics
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.access_events import EPOCH, an_event, event_text
from tests.paths import PROJECT
from web_ui.centre.access import SESSION_COOKIE

_pause = threading.Event()
WATCHERS = 200
POLL_S = 10.0
"""As centre.js asks."""
EVENTS_PER_S = 250
"""Of 10,000 gates in a busy hour."""
COMMIT_S = 0.1
WARD_SHARE, SITE_SHARE = 0.5, 0.25
"""Most people watch a ward."""


def measure_watchers(database: str, sites: int, devices: int, seconds: float) -> list[Row]:
    """The ingest alone, with watchers, and alone again, `seconds` each, beside a real `kiosk centre web`."""
    feed = Feed(sites, devices)
    with closing(PostgresLedger(database)) as ledger, served(database) as (address, process):
        feed.run(ledger, 5)  # partitions and plans
        before = feed.run(ledger, seconds)
        with watching(database, address, seconds) as watchers:
            with_watchers = feed.run(ledger, seconds)
            said = watchers.communicate(timeout=seconds + 60)[0]
        after = feed.run(ledger, seconds)
        memory_mb = peak_memory_mb(process.pid)
    answered, failed, slowest_ms = (float(text) for text in said.split())
    alone = _p95(before + after)
    return [
        Row("watchers who ask every 10 s", WATCHERS),
        Row("their requests that were answered", int(answered)),
        Row("their requests that failed", int(failed)),
        Row("their requests, p95 over the network of this machine", slowest_ms, "ms"),
        Row("commit of new events without watchers, p95, first run", _p95(before), "ms"),
        Row("commit of new events without watchers, p95, last run", _p95(after), "ms"),
        goal_row("commit of new events with watchers, p95, to that without", _p95(with_watchers), "ms", "<= 1.5",
                 reference=alone, ratio=round(_p95(with_watchers) / alone, 2)),
        goal_row("memory of kiosk centre web with watchers, peak", memory_mb, "MB", "<= 150"),
    ]  # fmt: skip


def _p95(values: Sequence[float]) -> float:
    return round(statistics.quantiles(values, n=20, method="inclusive")[-1], 1)


class Feed:
    """Events of a city, stored as they come. Each device has its own numbers."""

    def __init__(self, sites: int, devices: int) -> None:
        self._topics = [DeviceTopics("entrance", f"s{n % sites}", f"g{n // sites}") for n in range(devices)]
        self._seqs: Counter[int] = Counter()
        self._random = random.Random(1)

    def run(self, ledger: PostgresLedger, seconds: float) -> list[float]:
        """Store EVENTS_PER_S for so long. Returns how long each commit took, in ms."""
        found, begun_s = [], time.perf_counter()
        for number in range(int(seconds / COMMIT_S)):
            messages = [self._message() for _ in range(int(EVENTS_PER_S * COMMIT_S))]
            _pause.wait(max(0.0, begun_s + number * COMMIT_S - time.perf_counter()))
            started_s = time.perf_counter()
            ledger.record(messages)
            found.append(1000 * (time.perf_counter() - started_s))
        return found

    def _message(self) -> IngestedMessage:
        device = self._random.randrange(len(self._topics))
        topics, now = self._topics[device], datetime.now(UTC)
        self._seqs[device] += 1
        identity = UUID(int=(int(now.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | self._random.getrandbits(62))
        event = replace(an_event(self._seqs[device]), id=identity, occurred_at=now)
        text = event_text(StoredEvent(EPOCH, self._seqs[device], "boot", event), topics.source)
        payload = envelope.make_payload([text])
        return IngestedMessage(topics, *envelope.parse_events(payload, topics.source), received_at=now)


@contextmanager
def served(database: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A real `kiosk centre web` that has read the city. Yields its address and process."""
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--database", database, "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            assert process.stdout
            found = re.fullmatch(r"centre web: (http://\S+/)\n", process.stdout.readline())
            assert found
            watch(found[1], new_sessions(database, 1)[0], ["/areas/46", "/areas/19753"], time.perf_counter() + 1)
            yield found[1], process
        finally:
            process.terminate()


def new_sessions(database: str, count: int) -> list[str]:
    """Session tokens of a viewer of the city."""
    with open_query(database) as query:
        return [begin_session(query, "viewer-46", "127.0.0.1", datetime.now(UTC)) for _ in range(count)]


@contextmanager
def watching(database: str, address: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """All watchers, in a process of their own, for so long."""
    command = [sys.executable, "-m", "tests.benchmarks.parts.centre_watchers", address, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            assert process.stdin
            process.stdin.write("\n".join(new_sessions(database, WATCHERS)) + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def peak_memory_mb(pid: int) -> float:
    """The most that a process needed."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:  # noqa: PTH123 - no file of a disk
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def watch(address: str, token: str, pages: Sequence[str], until_s: float) -> list[float]:
    """Ask for each page in turn until then, as a browser with a script does. Returns the time of each answer in ms, -1: failed."""
    parts, found, tags = urlsplit(address), [], dict.fromkeys(pages, "")
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    while time.perf_counter() < until_s:
        for page in pages:
            headers = {"Cookie": f"{SESSION_COOKIE}={token}", "If-None-Match": tags[page], "Accept-Language": "vi"}
            started_s = time.perf_counter()
            try:
                connection.request("GET", f"{page}?format=main", headers=headers)
                answer = connection.getresponse()
                answer.read()
                tags[page] = answer.headers.get("ETag", "")
                is_right = answer.status in {200, 304}

            except (OSError, http.client.HTTPException):
                connection.close()
                is_right = False
            found.append(1000 * (time.perf_counter() - started_s) if is_right else -1)
            _pause.wait(max(0.0, min(POLL_S, until_s - time.perf_counter())))
    connection.close()
    return found


def main() -> None:
    """Prints how many requests were answered, how many failed, and the p95 in ms."""
    address, seconds = sys.argv[1], float(sys.argv[2])
    tokens = [sys.stdin.readline().strip() for _ in range(WATCHERS)]
    chosen, times, lock = random.Random(2), [], threading.Lock()
    until_s = time.perf_counter() + seconds

    def one(token: str, page: str, delay_s: float) -> None:
        _pause.wait(delay_s)
        mine = watch(address, token, [page], until_s)
        with lock:
            times.extend(mine)

    threads = []
    for token in tokens:
        kind = chosen.random()
        page = "/areas/19753" if kind < WARD_SHARE else "/sites/s0" if kind < WARD_SHARE + SITE_SHARE else "/areas/46"
        threads.append(threading.Thread(target=one, args=(token, page, chosen.random() * min(POLL_S, seconds / 2))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = [value for value in times if value >= 0]
    print(len(answered), len(times) - len(answered), _p95(answered))


if __name__ == "__main__":
    main()
