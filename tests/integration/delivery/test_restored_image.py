"""An old image of the memory card is written back: with a real broker and a real centre process, no event is lost."""

import random
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.simulation.processes import ChildProcess
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import Broker

TIMEOUT_S = 60.0
_tick = threading.Event()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[tuple[Broker, Path]]:
    """A broker and a centre in processes of their own, and the centre's database."""
    database = tmp_path / "centre.db"
    with Broker() as broker:
        command = [sys.executable, "-m", "kiosk.cli", "centre", "--broker", broker.address, "--database", str(database)]
        process = ChildProcess("centre", command, tmp_path / "centre.log")
        process.start()
        try:
            yield broker, database
        finally:
            process.terminate()


def deliver(path: Path, broker: Broker, numbers: range) -> SqliteEventStore:
    """Record these events, and deliver until nothing waits. The store is closed."""
    with closing(SqliteEventStore(path)) as store:
        store.bind_source(GATE.source)
        store.commit_all([an_event(number) for number in numbers])

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(broker.endpoint(), "entrance-dong-ba-gate-1", will=will)

        options = DeliveryOptions(receipt_timeout_s=1.0)
        relay = OutboxRelay(store, GATE, connect, clock=SystemClock(), options=options, jitter=random.Random(1))
        ends_s = monotonic() + TIMEOUT_S
        while store.backlog_size():
            assert monotonic() < ends_s, relay.status().error
            _tick.wait(relay.step())
        relay.close()
    return store


def ids_at_centre(database: Path) -> set[bytes]:
    with closing(sqlite3.connect(database)) as opened:
        return {row[0] for row in opened.execute("SELECT id FROM event")}


@pytest.mark.parametrize(("age", "recorded"), [(1, 1), (1, 30), (300, 20), (300, 900)])
def test_a_restored_image_loses_no_event_and_starts_a_new_epoch(
    tmp_path: Path, centre: tuple[Broker, Path], age: int, recorded: int
) -> None:
    """The image lacks the last `age` events. `recorded` events are recorded after it was restored, without a network."""
    broker, database = centre
    path, image = tmp_path / "events.db", tmp_path / "image.db"
    deliver(path, broker, range(100))
    shutil.copy(path, image)
    epoch = deliver(path, broker, range(100, 100 + age)).epoch
    shutil.copy(image, path)
    restored = deliver(path, broker, range(5000, 5000 + recorded))
    assert ids_at_centre(database) >= {an_event(number).id.bytes for number in range(5000, 5000 + recorded)}
    assert restored.epoch != epoch
    assert restored.epoch_reason == "conflict"
    with closing(SqliteEventStore(path)) as store:
        assert [notice.kind for notice in store.notices()] == ["new-epoch"]
