"""A year of a gate in minutes: real database, relay and ledger, a simulated clock, and all that goes wrong in a year.

`python -m tests.faults.simulated_year [--people 400] [--days 365] [--seed 1]`. Quarantines, events without a receipt, outages of
days and weeks, full disks, clock jumps of up to ten years, restarts. Exit status 1 if the gate, the retention or the delivery stood
still on a day without a reason for it, or if an event was lost.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.core.uuid7 import uuid7
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import RetentionLimits, SqliteEventStore
from mqtt import events
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.receipts import receipt_messages
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import OutgoingMessage
from mqtt.events import InvalidEvent
from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

DAY_S = 86_400.0
OPEN_S = 11 * 3600.0
GROUP = 10
"""People who come within a few minutes."""
JUMPS = (3650.0, -3650.0, 1.0, -1.0, 0.1)
"""Days by which the clock is wrong."""
ROOMY_PAGES = 10_000_000
FAST_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it


class YearClock(ManualClock):
    """The wall clock may be wrong for some hours. Before this release it is unset, otherwise a time server has set it."""

    wrong_by = timedelta()

    def now(self) -> ClockReading:
        now = super().now()
        quality = ClockQuality.UNSET if self.wrong_by < timedelta(days=-30) else ClockQuality.SYNCHRONISED
        return replace(now, utc_at=now.utc_at + self.wrong_by, quality=quality)


@dataclass(slots=True)
class Year:
    """What a year has shown. Days are lists of numbers from 0."""

    people: int = 0
    recorded: int = 0
    outage_days: int = 0
    full_disk_days: int = 0
    jump_days: int = 0
    restarts: int = 0
    rejected: int = 0
    never_answered: int = 0
    gate_blocked: list[int] = field(default_factory=list)
    """Days on which an event could not be recorded although the disk had room."""
    retention_stuck: list[int] = field(default_factory=list)
    """Days with a delivered event that is two days too old, although the clock was right."""
    delivery_stuck: list[int] = field(default_factory=list)
    """Days with an outbox that is not empty, although the network was up."""
    deleted_early: list[int] = field(default_factory=list)
    """Days on which events are gone that are younger than the retention by a day or more."""
    lost: int = 0
    most_rows: int = 0
    most_bytes: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return (
            not (self.gate_blocked or self.retention_stuck or self.delivery_stuck or self.deleted_early or self.lost)
            and self.recorded > 0
        )


class Centre:
    """The ledger of a centre that rejects some events and never answers for others."""

    def __init__(self) -> None:
        self.ledger = SqliteLedger(Path(":memory:"))
        self.ids: set[bytes] = set()
        self.rejects: set[bytes] = set()
        self.ignores: set[bytes] = set()

    def receive(self, message: OutgoingMessage, clock: ManualClock) -> list[bytes]:
        """The receipts for it."""
        found, bad = events.parse_events(message.payload, GATE.source)
        good = [one for one in found if one.id.bytes not in self.rejects | self.ignores]
        bad += [InvalidEvent(str(one.id), "bad-data", one.data.epoch) for one in found if one.id.bytes in self.rejects]
        arrival = IngestedMessage(GATE, good, bad, clock.now().utc_at)
        recorded = self.ledger.record([arrival])
        self.ids |= {one.id.bytes for one in good}
        return [answer.payload for answer in receipt_messages([arrival], recorded)]


class Gate:
    """A gate with its disk, network and clock."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = YearClock()
        self.broker = FakeBroker(self.clock)
        self.centre = Centre()
        self.path = folder / "events.db"
        self.committed: dict[bytes, int] = {}
        """Id -> day of each event."""
        self._seen = 0
        self.start()

    def start(self) -> None:
        self.store = SqliteEventStore(self.path, limits=RetentionLimits(), now_at=lambda: self.clock.now().utc_at)
        self.store.bind_source(GATE.source)
        options = DeliveryOptions(receipt_timeout_s=10.0)
        self.relay = OutboxRelay(
            self.store, GATE, self.broker.connect, clock=self.clock, options=options, jitter=self.rng
        )

    def restart(self) -> None:
        self.broker.cut()
        self.store.close()
        self.start()

    def set_disk_full(self, *, full: bool) -> None:
        """SQLite takes its present size as the limit, and commits fail with SQLITE_FULL."""
        pages = 1 if full else ROOMY_PAGES
        self.store._gate_connection.execute(f"PRAGMA max_page_count = {pages}")

    def admit(self, day: int, count: int) -> bool:
        """Record some people. False if it was not possible."""
        now = self.clock.now()
        new = [
            replace(an_event(1), id=uuid7(now), occurred_at=now.utc_at, monotonic_s=now.monotonic_s)
            for _ in range(count)
        ]
        try:
            stored = self.store.commit_all(new)
        except StoreError:
            return False
        self.committed |= {one.event.id.bytes: day for one in stored}
        return True

    def pass_time(self, seconds: float, steps: int = 8) -> None:
        """Let the relay and the centre work meanwhile."""
        for _ in range(steps):
            self.relay.step()
            for message in self.broker.received[self._seen :]:
                if message.topic.endswith("/event"):
                    for payload in self.centre.receive(message, self.clock):
                        if self.broker.links and self.broker.up:
                            self.broker.deliver(GATE.topic(TopicKind.RECEIPT), payload)
            self.broker.received.clear()
            self._seen = 0
            self.clock.advance(seconds / steps)

    def rows(self, table: str) -> set[bytes]:
        found = self.store._relay_connection.execute(f"SELECT id FROM {table}").fetchall()  # noqa: S608 - constants
        return {bytes(row[0]) for row in found}


def simulate(folder: Path, *, people: int, days: int, seed: int) -> Year:
    """A year of `days` days."""
    began_s, gate, year = time.monotonic(), Gate(folder, seed), Year(people=people)
    ever_quarantined: set[bytes] = set()
    for day in range(days):
        is_up = not _is_outage(day, gate.rng)
        _simulate_day(gate, year, day, is_up=is_up)
        quarantined = gate.rows("event JOIN quarantine USING (seq)")
        ever_quarantined |= quarantined
        _judge(gate, year, day, is_up=is_up, quarantined=quarantined)
    gate.broker.up = True
    gate.pass_time(3600.0, steps=200)
    year.recorded = len(gate.committed)
    unanswered = gate.rows("outbox") & gate.centre.ignores
    year.lost = len(gate.committed.keys() - gate.centre.ids - ever_quarantined - unanswered)
    gate.store.close()
    gate.centre.ledger.close()
    year.seconds = round(time.monotonic() - began_s, 1)
    return year


def _is_outage(day: int, rng: random.Random) -> bool:
    """Two weeks in each quarter, and single days."""
    return day % 90 in range(70, 85) or rng.random() < 0.03


def _simulate_day(gate: Gate, year: Year, day: int, *, is_up: bool) -> None:
    rng = gate.rng
    groups = max(1, year.people // GROUP)
    full = range(*sorted(rng.sample(range(groups), 2))) if rng.random() < 0.05 and groups > 1 else range(0)
    wrong = range(*sorted(rng.sample(range(groups), 2))) if rng.random() < 0.1 and groups > 1 else range(0)
    jump = timedelta(days=rng.choice(JUMPS))
    gate.broker.up = is_up
    if not is_up:
        gate.broker.cut()
    if rng.random() < 0.1:
        gate.restart()
        year.restarts += 1
    gate.clock.advance(day * DAY_S - gate.clock.s)
    for group in range(groups):
        gate.set_disk_full(full=group in full)
        gate.clock.wrong_by = jump if group in wrong else timedelta()
        if not gate.admit(day, GROUP) and group not in full and day not in year.gate_blocked:
            year.gate_blocked.append(day)
        if group == groups // 2 and day % 10 in {3, 6}:
            _spoil_newest(gate, year, rejected=day % 10 == 3)
        gate.pass_time(OPEN_S / groups)
    gate.set_disk_full(full=False)
    gate.clock.wrong_by = timedelta()
    for _ in range(12):  # the night
        gate.pass_time(3600.0, steps=10)
    year.outage_days += not is_up
    year.full_disk_days += len(full) > 0
    year.jump_days += len(wrong) > 0


def _spoil_newest(gate: Gate, year: Year, *, rejected: bool) -> None:
    newest = next(reversed(gate.committed), None)
    if newest is None or newest in gate.centre.ids:
        return
    (gate.centre.rejects if rejected else gate.centre.ignores).add(newest)
    year.rejected += rejected
    year.never_answered += not rejected


def _judge(gate: Gate, year: Year, day: int, *, is_up: bool, quarantined: set[bytes]) -> None:
    """At the end of a day."""
    rows, waiting = gate.rows("event"), gate.rows("outbox")
    year.most_rows = max(year.most_rows, len(rows))
    year.most_bytes = max(year.most_bytes, gate.path.stat().st_size)
    oldest = day - RetentionLimits().retention_days - 2
    settled = rows - waiting - quarantined
    if any(gate.committed[id_] < oldest for id_ in settled):
        year.retention_stuck.append(day)
    young = {id_ for id_, at in gate.committed.items() if at > day - RetentionLimits().retention_days + 1}
    if young - rows:
        year.deleted_early.append(day)
    if is_up and waiting - gate.centre.ignores:
        year.delivery_stuck.append(day)


def main() -> int:
    """See the docstring of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=400, help="a day")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    memory = FAST_MEMORY if FAST_MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="simulated-year-", dir=memory))
    try:
        year = simulate(folder, people=options.people, days=options.days, seed=options.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(asdict(year) | {"good": year.good}, indent=1))
    return 0 if year.good else 1


if __name__ == "__main__":
    sys.exit(main())
