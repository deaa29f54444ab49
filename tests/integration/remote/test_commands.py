"""Commands from the command line to a device and back, over a real broker and a real database."""

import json
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.builders.remote_lists import ListReceiver
from kiosk.cli.centre.command import centre
from kiosk.cli.centre.remote import wait_for_reply
from kiosk.core.model import DeviceState
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.delivery.remote import CommandChannel, CommandExecutor, CommandResult
from kiosk.delivery.remote.desired import DesiredInbox
from kiosk.storage import SqliteEventStore
from kiosk.storage.command_journal import CommandJournal
from kiosk.storage.queries.commands import newest_commands
from kiosk.system.clock import SystemClock
from kiosk.system.translations import translator
from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.remote.dispatcher import CommandDispatcher
from mqtt.centre.remote.store import NewCommand, add_command, find_command
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.remote.command_guard import AcceptedCommand, CommandGuard
from mqtt.remote.commands import CommandName
from mqtt.remote.desired_guard import DesiredGuard
from tests.fakes.data.access_events import GATE
from tests.fakes.parts.commands import FLEET_KEY
from tests.fakes.processes.broker import Broker
from tests.fakes.processes.postgres import PostgresServer
from tests.paths import PROJECT

REASON = "a test of the commands"


class Fleet:
    """A running centre and a running device."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        database: str,
        *,
        has_key: bool = True,
        lists: ListLoader | None = None,
        configuration: ConfigurationControl | None = None,
        list_url: str = "",
    ) -> None:
        """`lists` and `configuration`: those of the device. `list_url`: where the centre says that lists are."""
        self.folder, self.broker, self.database = folder, broker, database
        self.stop = threading.Event()
        self.acts: list[AcceptedCommand] = []
        prepare_configuration(database)
        self.ledger = open_ledger(database)
        self.collector = Collector(
            "entrance",
            self.ledger,
            lambda will: PahoConnection(broker.endpoint(), "centre", will=will, keep_session=True),
            further=CommandDispatcher(database, "entrance", FLEET_KEY if has_key else None, list_url=list_url),
        )
        self.store = SqliteEventStore(folder / "events.db")
        journal, clock = CommandJournal(folder / "events.db"), SystemClock()
        guard = CommandGuard(GATE.wire_name, [FLEET_KEY.public_key()], journal.highest_counter())
        inbox = None
        if configuration is not None:
            inbox = DesiredInbox(DesiredGuard(GATE.wire_name, [FLEET_KEY.public_key()], 0), configuration.report)
        channel = self.channel = CommandChannel(
            GATE, guard, journal, clock=clock, list_numbers=lambda: lists.numbers if lists else {}, desired=inbox
        )
        handlers = dict.fromkeys(CommandName, self.act)
        self.receiver = ListReceiver(channel, lists) if lists else None
        self.executor = CommandExecutor(channel, journal, handlers, clock, self._run_due)
        options = DeliveryOptions(reconnect_max_delay_s=1.0)
        self.relay = OutboxRelay(self.store, GATE, self._connect, clock=clock, options=options, orders=channel)
        self.relay.set_state(DeviceState.READY)
        self.threads = [
            threading.Thread(target=self._loop, args=(step,))
            for step in (self.collector.step, self.relay.step, self.executor.step)
        ]

    def _run_due(self, _: float) -> None:
        if self.receiver is not None:
            self.receiver.prepare_due()
            self.receiver.apply_due()

    def _connect(self, will: OutgoingMessage) -> Connection:
        return PahoConnection(self.broker.endpoint(), f"{GATE.site}.{GATE.device}", will=will)

    def _loop(self, step: Callable[[], float]) -> None:
        while not self.stop.wait(step()):
            """The condition makes the step."""

    def act(self, command: AcceptedCommand) -> CommandResult:
        self.acts.append(command)
        is_log = command.name is CommandName.SEND_LOG
        return CommandResult(count=3, content=b"one line\n" * 9_000 if is_log else b"")

    def __enter__(self) -> "Fleet":
        for thread in self.threads:
            thread.start()
        self.until(lambda: bool(self.rows("SELECT 1 AS n FROM remote_device")) and self.is_known())
        return self

    def is_known(self) -> bool:
        return bool(self.rows("SELECT 1 AS n FROM device WHERE state <> 'offline' AND state <> ''"))

    def rows(self, statement: str) -> list[dict[str, object]]:
        with open_query(self.database) as query:
            return query(statement)

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(1_000):
            if done():
                return
            threading.Event().wait(0.05)
        raise AssertionError("the condition never became true")

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)
        self.relay.close()
        self.collector.close()
        self.store.close()
        self.ledger.close()

    def run(self, *arguments: str) -> Result:
        """`kiosk centre command`."""
        given = ["--database", self.database, "command", GATE.wire_name, *arguments]
        return CliRunner().invoke(centre, [*given, "--requested-by", "Lê An", "--reason", REASON])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("commands")
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        database = str(folder / "centre.db")
        if request.param == "postgresql":
            database = stack.enter_context(PostgresServer()).address
        yield stack.enter_context(Fleet(folder, broker, database))


def test_a_command_is_audited_at_both_ends_done_and_answered(fleet: Fleet) -> None:
    done = fleet.run("pause", "--minutes", "10")
    assert done.exit_code == 0, done.output
    assert "pause: Done (3)" in done.output
    assert fleet.acts[-1].arguments.model_dump() == {"minutes": 10}
    entry = newest_commands(fleet.folder / "events.db", 1)[0]
    assert (entry.name, entry.requested_by, entry.reason, entry.result) == ("pause", "cli:Lê An", REASON, "done")
    with open_query(fleet.database) as query:
        row = read_audit(query, limit=1)[0].entry
        assert list(verify_audit(query)) == []
    assert (row.who, row.what, row.about, row.why) == ("cli:Lê An", "command-pause", GATE.wire_name, REASON)


def test_a_log_arrives_whole(fleet: Fleet, tmp_path: Path) -> None:
    done = fleet.run("send-log", "--lines", "9", "--output", str(tmp_path / "log.txt"), "--json")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "log.txt").read_bytes() == b"one line\n" * 9_000
    assert json.loads(done.stdout)["state"] == "done"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pause"], "the values of pause are not possible"),
        (["forget", "--id", "x"], "the values of forget are not possible"),
    ],
)
def test_a_command_with_impossible_values_is_not_taken_and_leaves_no_audit_row(
    fleet: Fleet, arguments: list[str], words: str
) -> None:
    before = fleet.rows("SELECT count(*) AS n FROM audit")
    done = fleet.run(*arguments)
    assert done.exit_code == 1
    assert words in done.output
    assert fleet.rows("SELECT count(*) AS n FROM audit") == before


def test_a_command_to_an_unknown_device_is_not_taken(fleet: Fleet) -> None:
    given = ["--database", fleet.database, "command", "no/where", "resume", "--requested-by", "An", "--reason", REASON]
    done = CliRunner().invoke(centre, given)
    assert (done.exit_code, "the centre knows no device no/where" in done.output) == (1, True)


def test_the_commands_of_the_how_to_do_what_it_says(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (PROJECT / "docs/how-to/run-a-centre.md").read_text(encoding="utf-8").split("<!-- commands -->")[1]
    lines = text.split("```")[1].splitlines()[1:]
    assert len(lines) == len(CommandName) - 1
    monkeypatch.chdir(tmp_path)
    for line in lines:
        words = shlex.split(line.replace("centre.db", fleet.database).replace("dong-ba/gate-1", GATE.wire_name))
        assert words[:2] == ["kiosk", "centre"]
        done = CliRunner().invoke(centre, words[2:])
        assert done.exit_code == 0, done.output
        assert fleet.acts[-1].name in line


def test_without_a_fleet_key_at_the_centre_the_command_says_so_when_its_time_is_over(tmp_path: Path) -> None:
    database = str(tmp_path / "centre.db")
    with Broker() as broker, Fleet(tmp_path, broker, database, has_key=False) as fleet:
        with open_query(database) as query:
            new = NewCommand(GATE.wire_name, CommandName.RESUME, {}, "an", REASON, timedelta(milliseconds=300))
            order_id = add_command(query, new, datetime.now(UTC))
        row = wait_for_reply(database, order_id, lambda _: None, translator("en"))
        assert (row.state, row.code) == ("expired", "waiting")
        assert fleet.acts == []


def test_after_a_lost_connection_the_device_says_hello_and_obeys_again(tmp_path: Path) -> None:
    with Broker() as broker, Fleet(tmp_path, broker, str(tmp_path / "centre.db")) as fleet:
        (before,) = fleet.rows("SELECT session FROM remote_device")
        broker.kill()
        broker.start()
        fleet.until(lambda: fleet.rows("SELECT session FROM remote_device") != [before])
        done = fleet.run("resume")
        assert done.exit_code == 0, done.output


def test_a_command_to_a_device_that_is_away_waits_for_it(tmp_path: Path) -> None:
    database = str(tmp_path / "centre.db")
    with Broker() as broker, closing(open_ledger(database)):
        with Fleet(tmp_path, broker, database):
            """The device was there once, and says that it goes."""
        with open_query(database) as query:
            new = NewCommand(GATE.wire_name, CommandName.RESUME, {}, "an", REASON, timedelta(minutes=10))
            order_id = add_command(query, new, datetime.now(UTC))
        with Fleet(tmp_path, broker, database) as fleet:

            def is_done() -> bool:
                with open_query(database) as query:
                    row = find_command(query, order_id)
                return row is not None and row.state == "done"

            fleet.until(is_done)
            assert [act.name for act in fleet.acts] == [CommandName.RESUME]


def test_the_fleet_key_of_the_command_line_is_the_one_that_a_device_reads(tmp_path: Path) -> None:
    from kiosk.cli.pki import pki
    from mqtt.remote.signature import OrderUse, load_fleet_private_key, load_fleet_public_keys, open_order, sign_order

    made = CliRunner().invoke(pki, ["fleet-key", "--folder", str(tmp_path)])
    assert made.exit_code == 0, made.output
    private, public = tmp_path / "fleet.key", tmp_path / "fleet.pem"
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    order = sign_order(load_fleet_private_key(private.read_bytes()), OrderUse.COMMAND, b"x")
    assert open_order(load_fleet_public_keys(public.read_bytes()), OrderUse.COMMAND, order) == b"x"
    before = private.read_bytes()
    again = CliRunner().invoke(pki, ["fleet-key", "--folder", str(tmp_path)])
    assert again.exit_code != 0
    assert private.read_bytes() == before
    text = FLEET_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert load_fleet_private_key(text).public_key() == FLEET_KEY.public_key()
