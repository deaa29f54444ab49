"""A broker that keeps no retained messages: kiosk and centre work, and the centre knows the fleet soon after any start."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from kiosk.core.model import DeviceState
from kiosk.delivery import OutboxRelay
from kiosk.delivery.device_reporter import HEALTH_INTERVAL_S, ConnectionFactory
from kiosk.storage import SqliteEventStore
from mqtt.centre.fleet.status import DeviceStatus, read_fleet_status
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.connection import ManualClock
from tests.fakes.parts.stepping import until
from tests.fakes.processes.broker import PLAIN, Broker


class Fleet:
    """Kiosks at a broker, and centres that come and go. The test advances the clock of the kiosks."""

    def __init__(self, folder: Path, broker: Broker, stack: ExitStack) -> None:
        self.folder = folder
        self.broker = broker
        self.clock = ManualClock()
        self._stack = stack
        self.relays: list[OutboxRelay] = []
        self.stores: list[SqliteEventStore] = []
        for number in (1, 2, 3):
            store = stack.enter_context(closing(SqliteEventStore(folder / f"gate-{number}.db")))
            relay = OutboxRelay(
                store,
                DeviceTopics("entrance", "dong-ba", f"gate-{number}"),
                self._connect(f"gate-{number}"),
                clock=self.clock,
            )
            relay.set_state(DeviceState.DEGRADED if number == 2 else DeviceState.READY, "disk" if number == 2 else "")
            self.stores.append(store)
            self.relays.append(stack.enter_context(closing(relay)))

    def _connect(self, name: str) -> ConnectionFactory:
        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(self.broker.endpoint(), name, will=will, keep_session=name.startswith("centre"))

        return connect

    def step(self) -> None:
        self.clock.advance(0.01)
        for relay in self.relays:
            relay.step()

    def centre(self, database: str, name: str) -> Collector:
        ledger = self._stack.enter_context(closing(SqliteLedger(self.folder / database)))
        collector = Collector("entrance", ledger, self._connect(name))
        until(lambda: collector.ready, collector.step, self.step)
        return collector

    def status(self, database: str) -> list[DeviceStatus]:
        return read_fleet_status(str(self.folder / database), datetime.now(UTC))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Broker(f"{PLAIN}\nretain_available false") as broker, ExitStack() as stack:
        yield Fleet(tmp_path, broker, stack)


def states(found: list[DeviceStatus]) -> list[str]:
    return [one.state for one in found]


EXPECTED = ["ready", "degraded", "ready"]


def test_events_arrive_and_receipts_return(fleet: Fleet) -> None:
    with closing(fleet.centre("a.db", "centre-1")) as centre:
        for store in fleet.stores:
            store.commit_all([replace(an_event(number), id=uuid4()) for number in range(1, 11)])
        until(lambda: not any(store.backlog_size() for store in fleet.stores), centre.step, fleet.step)
        until(lambda: states(fleet.status("a.db")) == EXPECTED, centre.step, fleet.step)


def test_a_new_centre_knows_the_state_of_all_devices_within_one_health_interval(fleet: Fleet) -> None:
    with closing(fleet.centre("a.db", "centre-1")) as centre:
        until(lambda: states(fleet.status("a.db")) == EXPECTED, centre.step, fleet.step)
    with closing(fleet.centre("b.db", "centre-2")) as other:
        assert fleet.status("b.db") == []
        fleet.clock.advance(HEALTH_INTERVAL_S)
        until(lambda: states(fleet.status("b.db")) == EXPECTED, other.step, fleet.step)


def test_a_centre_that_was_away_while_a_device_was_cut_off_knows_it_again_when_it_connects(fleet: Fleet) -> None:
    with closing(fleet.centre("a.db", "centre-1")) as centre:
        until(lambda: states(fleet.status("a.db")) == EXPECTED, centre.step, fleet.step)
    fleet.broker.kill()
    fleet.broker.start()
    with closing(fleet.centre("b.db", "centre-1")) as again:
        until(lambda: states(fleet.status("b.db")) == EXPECTED, again.step, fleet.step)
