"""Any flipped byte of the database: the gate opens, everything that reads the database goes on, and no event is lost silently.

`make test-flips` flips all bytes of a larger database. Its arguments are the number of rows, and the step between two bytes.
"""

import json
import logging
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import KioskError, StoreError
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore, StoreCorruptError
from kiosk.storage.availability_log import AvailabilityEntry, AvailabilityLog, AvailabilityState
from kiosk.storage.database import PAGE_BYTES
from kiosk.storage.queries.availability import read_availability
from kiosk.storage.queries.events import EventFilter, find_events
from kiosk.storage.queries.hourly_counts import read_hourly_counts
from kiosk.storage.queries.quarantine import read_quarantine
from mqtt import events
from tests.fakes.data.access_events import GATE, START_AT, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

NOW = ClockReading(START_AT + timedelta(days=1), 5000.0, ClockQuality.SYNCHRONISED)
MAX_STARTS = 3
"""The daemon tries again after two seconds."""


def sound_database(path: Path, count: int) -> set[int]:
    """A database that was closed cleanly. Returns the seqs of its undelivered events."""
    with closing(SqliteEventStore(path, boot_id="first-boot")) as store:
        store.bind_source(GATE.source)
        store.commit_all([an_event(number) for number in range(1, count + 1)])
        delivered, rejected = count * 6 // 10, count * 8 // 10
        store.acknowledge(delivered, [(delivered + 3, delivered + 5)], [(rejected, "bad-data-reason")])
    AvailabilityLog(path).append(
        AvailabilityEntry(NOW, AvailabilityState.SERVING, lists_stale=False, process_start=True)
    )
    return set(range(delivered + 1, count + 1)) - {delivered + 3, delivered + 4, delivered + 5}


def flipped(content: bytes, offset: int, mask: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ mask]) + content[offset + 1 :]


def start(path: Path) -> SqliteEventStore:
    """As the daemon starts: it opens the database, and reads the newest events."""
    for attempt in range(MAX_STARTS):
        store = None
        try:
            store = SqliteEventStore(path, boot_id="second-boot")
            store.bind_source(GATE.source)
            store.check_writable()
            store.recent(20_000)
            store.commit(an_event(90_001 + attempt))
        except KioskError:
            if store is not None:
                store.close()
        else:
            return store
    raise AssertionError("the gate does not open")


def deliver(store: SqliteEventStore) -> set[int]:
    """Send what is pending. Returns the seqs that were sent, as the outbox counts them."""
    clock = ManualClock()
    broker = FakeBroker(clock)
    options = DeliveryOptions(acknowledge_by="broker")
    relay = OutboxRelay(store, GATE, broker.connect, clock=clock, options=options, jitter=random.Random(1))
    for _ in range(60):
        relay.step()
        clock.advance(0.2)
    store.outbox_status()
    assert relay.status().connected, relay.status().error
    sent = set()
    for message in broker.on("event"):
        good, bad = events.parse_events(message.payload, GATE.source)
        assert good or all(one.id for one in bad), "the centre says which event it rejects"
        content = json.loads(message.payload)
        sent |= {
            event["data"]["seq"] + store.base_seq for event in (content if isinstance(content, list) else [content])
        }
    return sent


def query_everything(path: Path) -> None:
    """What the pages ask. They show a StoreError as a sentence."""
    try:
        find_events(path, EventFilter())
        read_hourly_counts(path, START_AT, START_AT)
        read_quarantine(path)
        read_availability(path, START_AT)
    except StoreError:
        """Shown."""


def check_flip(folder: Path, content: bytes, undelivered: set[int], offset: int, mask: int) -> None:
    path = folder / "p.db"
    for file in folder.iterdir():
        file.unlink()
    path.write_bytes(flipped(content, offset, mask))
    try:
        run_for_a_while(path, undelivered)
    except StoreCorruptError:  # the daemon ends, and systemd starts it again
        run_for_a_while(path, undelivered)


def run_for_a_while(path: Path, undelivered: set[int]) -> None:
    with closing(start(path)) as store:
        sent = deliver(store)
        with suppress(StoreError):
            store.run_maintenance(NOW)
        query_everything(path)
        store.outbox_status()
        told = [notice for notice in store.notices() if notice.kind != "purged-age"]
        kept = sent | set(store._delivery.quarantined)
        assert undelivered <= kept or told, f"lost without a notice: {undelivered - kept}"
        assert store.backlog_size() <= len(store.pending(0, 100_000)), "the relay waits for nothing"


def offsets(content: bytes, step: int, seed: int) -> Iterator[tuple[int, int]]:
    dice = random.Random(seed)
    for offset in range(0, len(content), step):
        yield min(len(content) - 1, offset + dice.randrange(step)), 1 << dice.randrange(8)


def failures(count: int, places: Iterable[tuple[int, int]] | None, step: int = 1, seed: int = 1) -> list[str]:
    """Try flips one after the other, in memory."""
    found = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        undelivered = sound_database(Path(name) / "sound.db", count)
        content = (Path(name) / "sound.db").read_bytes()
        folder = Path(name) / "try"
        folder.mkdir()
        for offset, mask in places or offsets(content, step, seed):
            try:
                check_flip(folder, content, undelivered, offset, mask)
            except Exception as error:  # noqa: BLE001 - every kind is a finding
                found.append(
                    f"byte {offset} (page {offset // PAGE_BYTES}) ^ {mask:#x}: {type(error).__name__}: {error}"
                )
    return found


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of starts log what they find."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_any_flipped_byte_of_the_database_leaves_the_gate_open_and_loses_nothing_silently() -> None:
    assert failures(60, None, step=97, seed=random.randrange(1000)) == []


def test_any_flipped_byte_of_the_header_leaves_the_gate_open() -> None:
    assert failures(60, [(offset, 1 << offset % 8) for offset in range(100)]) == []


if __name__ == "__main__":
    logging.disable()
    results = failures(int(sys.argv[1]), None, step=int(sys.argv[2]))
    sys.stdout.write("\n".join([*results, f"{len(results)} failures"]) + "\n")
    sys.exit(bool(results))
