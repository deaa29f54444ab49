"""A centre that is started with another share group gets each event once: the broker's session keeps nothing of the old one."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.centre.command import centre
from mqtt import events
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.session_memory import SubscriptionMemory
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE
from tests.fakes.processes.broker import PLAIN, Broker, publish
from tests.unit.mqtt.centre.ingest.test_collector import event

NAME = "centre-1"
FILTER = "entrance/v1/+/+/event"


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Centre:
    """One start of a centre after the other, with one name and one database."""

    def __init__(self, folder: Path, broker: Broker, version: str) -> None:
        self.database = folder / "centre.db"
        self.endpoint = broker.endpoint(version)
        self.seq = 0
        self.received: list[int] = []

    def start(self, group: str | None) -> None:
        """Start with this group, receive 10 events of a device, stop."""
        memory = SubscriptionMemory(str(self.database), NAME)

        def connect(will: OutgoingMessage) -> Connection:
            return PahoConnection(self.endpoint, NAME, will=will, keep_session=True, stale_filters=memory.stale_filters)

        with (
            closing(SqliteLedger(self.database)) as ledger,
            closing(Collector("entrance", ledger, connect, share_group=group)) as collector,
        ):
            self._step(collector, lambda: collector.ready)
            first = self.seq + 1
            self.seq += 10
            for seq in range(first, self.seq + 1):
                payload = events.make_payload([event(seq)])
                publish(self.endpoint, OutgoingMessage(GATE.topic(TopicKind.EVENT), payload), f"gate-{seq}")
            self._step(collector, lambda: self.count("SELECT count(*) FROM event") == self.seq)
            for _ in range(5):  # what comes a second time comes at once
                collector.step()

    def _step(self, collector: Collector, done: Callable[[], bool]) -> None:
        for _ in range(300):
            if done():
                return
            collector.step()
        raise AssertionError(f"not all of {self.seq} events arrive")

    def count(self, query: str) -> int:
        with closing(sqlite3.connect(self.database)) as ledger:
            return int(ledger.execute(query).fetchone()[0] or 0)

    def duplicates(self) -> int:
        return self.count("SELECT sum(duplicates) FROM stream")


@pytest.mark.parametrize(
    "groups", [[None, "a"], ["a", None], ["a", "b"], ["a", "b", "a"], [None, "a", "b", None]], ids=str
)
def test_after_each_change_of_the_group_every_event_comes_once(
    tmp_path: Path, version: str, groups: list[str | None]
) -> None:
    with Broker() as broker:
        made = Centre(tmp_path, broker, version)
        for group in groups:
            made.start(group)
            assert made.duplicates() == 0


def test_events_that_wait_in_the_session_survive_a_change_of_the_group(tmp_path: Path, version: str) -> None:
    with Broker() as broker:
        made = Centre(tmp_path, broker, version)
        made.start("a")
        made.seq += 1
        publish(made.endpoint, OutgoingMessage(GATE.topic(TopicKind.EVENT), events.make_payload([event(made.seq)])))
        made.start("b")
        assert made.count("SELECT count(*) FROM event") == made.seq
        assert made.duplicates() == 0


def test_a_centre_that_leaves_keeps_nothing_at_the_broker(tmp_path: Path, version: str) -> None:
    with Broker() as broker:
        made = Centre(tmp_path, broker, version)
        made.start("a")
        arguments = ["--broker", broker.address, "--mqtt-version", version, "--database", str(made.database), "leave"]
        done = CliRunner().invoke(centre, arguments)
        assert done.exit_code == 0, done.output
        assert broker.address in done.output
        assert SubscriptionMemory(str(made.database), NAME).stale_filters([]) == []
        assert not session_present(made.endpoint)


def session_present(endpoint: BrokerEndpoint) -> bool:
    """Whether the broker still keeps the session of the centre."""
    connection = PahoConnection(endpoint, NAME, keep_session=True)
    with closing(connection):
        connection.open()
        for _ in range(100):
            for found in connection.process(0.1):
                return bool(getattr(found, "session_present", False))
    raise AssertionError("the broker does not answer")


def test_leaving_says_which_broker_cannot_be_reached(tmp_path: Path) -> None:
    done = CliRunner().invoke(centre, ["--broker", "127.0.0.1:1", "--database", str(tmp_path / "c.db"), "leave"])
    assert done.exit_code == 1
    assert "127.0.0.1:1" in done.output


def test_a_memory_that_cannot_be_read_still_knows_the_plain_form_of_a_shared_filter(tmp_path: Path) -> None:
    memory = SubscriptionMemory(str(tmp_path / "none.db"), NAME)
    assert memory.stale_filters([f"$share/a/{FILTER}", "entrance/v1/+/+/state"]) == [FILTER]


def test_two_centres_of_one_database_have_memories_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    SqliteLedger(path).close()
    one, two = (SubscriptionMemory(str(path), name) for name in ("one", "two"))
    for number in range(3):
        assert one.stale_filters([f"$share/g{number}/x"]) == [*(f"$share/g{old}/x" for old in range(number)), "x"]
    assert two.stale_filters(["y"]) == []


def test_a_name_that_has_been_in_many_groups_is_cleaned_from_all_of_them(tmp_path: Path, version: str) -> None:
    with Broker(f"{PLAIN}\nmax_packet_size 3000") as broker:
        made = Centre(tmp_path, broker, version)
        made.start("g0")
        memory = SubscriptionMemory(str(made.database), NAME)
        for number in range(1, 150):
            memory.stale_filters([f"$share/g{number}/{FILTER}"])
        made.start("g150")
        assert made.duplicates() == 0
