"""Tests of commands on the relay's connection: hello, journal before the act, replies, and what a lost connection means."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.delivery import OutboxRelay
from kiosk.delivery.remote import CommandChannel, CommandExecutor, CommandFailedError, CommandResult
from kiosk.delivery.remote.channel import HELLO_INTERVAL_S, HELLO_RETRY_S
from kiosk.delivery.remote.executor import RESTART_AFTER_S
from kiosk.storage import SqliteEventStore
from kiosk.storage.command_journal import MAX_ENTRIES, CommandEntry, CommandJournal
from kiosk.storage.queries.commands import newest_commands
from mqtt.remote.command_guard import AcceptedCommand, CommandGuard
from mqtt.remote.commands import PART_BYTES, CommandName, HelloMessage, ReplyMessage, ReplyState
from mqtt.topics import TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE, START_AT
from tests.fakes.parts.commands import FLEET_KEY, OTHER_KEY, a_command, signed
from tests.fakes.parts.connection import FakeBroker, ManualClock


class UnsetClock(ManualClock):
    """A clock that was never set."""

    def now(self) -> ClockReading:
        reading = super().now()
        return ClockReading(reading.utc_at, reading.monotonic_s, ClockQuality.UNSET)


class Device:
    """A relay with a command channel on a real store, with a broker in memory."""

    def __init__(self, path: Path, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.broker = FakeBroker(self.clock)
        self.path = path
        self.store = SqliteEventStore(path)
        self.journal = CommandJournal(path)
        guard = CommandGuard(GATE.wire_name, [FLEET_KEY.public_key()], self.journal.highest_counter())
        self.channel = CommandChannel(
            GATE, guard, self.journal, clock=self.clock, list_numbers=lambda: {"trust": 3, "deny": 7}
        )
        self.relay = OutboxRelay(self.store, GATE, self.broker.connect, clock=self.clock, orders=self.channel)
        self.executor = CommandExecutor(
            self.channel, self.journal, dict.fromkeys(CommandName, self.act), self.clock, lambda _: None
        )
        self.acts: list[AcceptedCommand] = []
        self.result = CommandResult()
        self.error: Exception | None = None
        self.run()

    def act(self, command: AcceptedCommand) -> CommandResult:
        self.acts.append(command)
        if self.error is not None:
            raise self.error
        return self.result

    def run(self, *, act: bool = True) -> None:
        """Until nothing is due."""
        for _ in range(30):
            self.relay.step()
            if act and not self.channel.accepted.empty():
                self.executor.step()

    def hello(self) -> HelloMessage:
        message = self.broker.on("hello")[-1]
        wire_schema.check(message.topic, message.payload)
        assert (message.qos, message.retain) == (1, False)
        return HelloMessage.from_payload(message.payload)

    def command(self, name: str = "lamp-test", key: Any = FLEET_KEY, **changed: Any) -> None:
        """Deliver a command for the present connection."""
        now = self.clock.now().utc_at
        fields = {
            "session": self.hello().session,
            "issued_at": now,
            "expires_at": now + timedelta(minutes=1),
            "name": name,
            "arguments": {},
        }
        self.broker.deliver(GATE.command_topic(name), signed(a_command(GATE.wire_name, **(fields | changed)), key))

    def replies(self) -> list[ReplyMessage]:
        found = [message for message in self.broker.received if "/reply/" in message.topic]
        for message in found:
            wire_schema.check(message.topic, message.payload)
            assert message.qos == 1
        return [ReplyMessage.from_payload(message.payload) for message in found]

    def states(self) -> list[str]:
        return [str(reply.state) for reply in self.replies()]

    def close(self) -> None:
        self.relay.close()
        self.store.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with closing(Device(tmp_path / "events.db")) as opened:
        yield opened


def test_a_hello_comes_on_every_connect_with_a_new_session(device: Device) -> None:
    first = device.hello()
    assert first.lists == {"trust": 3, "deny": 7}
    assert set(first.commands) == {each.value for each in CommandName}
    device.broker.cut()
    device.run()
    device.clock.advance(60)
    device.run()
    assert len(device.broker.on("hello")) == 2
    assert device.hello().session != first.session
    assert device.broker.filters[-1] == (
        GATE.topic(TopicKind.RECEIPT),
        GATE.command_topic("+"),
        GATE.list_topic("+"),
    )


def test_a_hello_that_no_centre_received_is_said_again_with_the_same_session(device: Device) -> None:
    device.broker.unheard = True
    device.broker.cut()
    device.run()
    device.clock.advance(60)
    device.run()
    session = device.hello().session
    device.broker.unheard = False
    device.clock.advance(HELLO_RETRY_S)
    device.run()
    assert [HelloMessage.from_payload(one.payload).session for one in device.broker.on("hello")[-2:]] == [session] * 2
    device.clock.advance(HELLO_INTERVAL_S / 2)
    count = len(device.broker.on("hello"))
    device.run()
    assert len(device.broker.on("hello")) == count


def test_a_centre_that_knows_an_older_session_gets_the_present_one(device: Device) -> None:
    device.command(session="0" * 32)
    device.run()
    device.clock.advance(HELLO_RETRY_S)
    device.run()
    assert len(device.broker.on("hello")) == 2
    device.clock.advance(HELLO_INTERVAL_S)
    device.run()
    assert len(device.broker.on("hello")) == 3


def test_a_command_is_accepted_done_and_in_the_journal_with_who_asked_and_why(device: Device) -> None:
    device.command("pause", arguments={"minutes": 5}, requested_by="cli:Lê An")
    device.run()
    assert [act.name for act in device.acts] == [CommandName.PAUSE]
    assert device.states() == ["accepted", "done"]
    (entry,) = newest_commands(device.path, 10)
    assert (entry.name, entry.requested_by, entry.result) == ("pause", "cli:Lê An", "done")
    assert entry.reason == "the gate is cleaned"


def test_a_command_is_on_disk_before_it_is_done(device: Device) -> None:
    device.command()
    device.run(act=False)
    assert device.acts == []
    assert [entry.result for entry in newest_commands(device.path, 10)] == ["started"]


def test_the_same_message_again_is_obeyed_once_and_gets_no_second_reply(device: Device) -> None:
    device.command()
    device.command()
    device.run()
    assert len(device.acts) == 1
    assert device.states() == ["accepted", "done"]
    assert device.channel.refused == {"replayed": 1}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"session": "0" * 32}, "other-session"),
        ({"expires_at": START_AT, "issued_at": START_AT - timedelta(seconds=9)}, "expired"),
        ({"arguments": {"lines": -1}, "name": "send-log"}, "invalid-arguments"),
    ],
)
def test_a_refused_command_changes_nothing_and_says_why(device: Device, changed: dict[str, Any], code: str) -> None:
    device.command(**{"name": "lamp-test", **changed})
    device.run()
    assert device.acts == []
    assert [(str(reply.state), reply.code) for reply in device.replies()] == [("refused", code)]
    assert newest_commands(device.path, 10) == ()


def test_forged_and_damaged_commands_are_counted_and_get_no_reply(device: Device) -> None:
    device.command(key=OTHER_KEY)
    device.broker.deliver(GATE.command_topic("restart"), b"\xff" * 70_000)
    device.run()
    assert device.channel.refused == {"forged": 2}
    assert (device.acts, device.replies()) == ([], [])


def test_with_a_clock_that_is_not_set_nothing_is_obeyed(tmp_path: Path) -> None:
    with closing(Device(tmp_path / "events.db", UnsetClock())) as device:
        device.command()
        device.run()
        assert [reply.code for reply in device.replies()] == ["clock-unset"]
        assert device.acts == []


def test_after_a_restart_also_with_an_older_database_a_recorded_command_is_not_obeyed_again(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(Device(path)) as device:
        device.command(counter=9)
        recorded = device.broker.links[-1].events[-1]
        device.run()
        assert len(device.acts) == 1
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM remote_command")  # as in an image of the card that is older than the command
    with closing(Device(path)) as device:
        device.broker.links[-1].events.append(recorded)
        device.run()
        assert device.acts == []
        assert [reply.code for reply in device.replies()] == ["other-session"]


def test_the_counter_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(Device(path)) as device:
        device.command(counter=9)
        device.run()
    with closing(Device(path)) as device:
        device.command(counter=9)
        device.run()
        assert device.acts == []
        device.command(counter=10)
        device.run()
        assert len(device.acts) == 1


def test_a_command_that_cannot_be_written_down_is_not_done(device: Device) -> None:
    with closing(sqlite3.connect(device.path)) as raw, raw:
        raw.execute("DROP TABLE remote_command")
    device.command()
    device.run()
    assert device.acts == []
    assert [reply.code for reply in device.replies()] == ["store-failed"]


def test_a_content_comes_in_parts_with_its_hash_also_over_a_lost_connection(device: Device) -> None:
    content = bytes(range(256)) * 400
    device.result = CommandResult(content=content)
    device.broker.acknowledges = False
    device.command("send-log")
    device.run()
    assert device.states() == ["accepted", "part", "part", "part"]  # no more are in flight
    device.broker.cut()
    device.broker.acknowledges = True
    device.broker.received.clear()
    device.run()
    device.clock.advance(60)
    device.run()
    replies = device.replies()
    assert device.states() == ["accepted", *["part"] * -(-len(content) // PART_BYTES), "done"]
    whole = b"".join(reply.content_bytes for reply in replies if reply.state is ReplyState.PART)
    assert whole == content
    assert replies[-1].sha256 == hashlib.sha256(content).hexdigest()


def test_a_content_that_is_too_large_and_a_handler_that_fails_are_told(device: Device) -> None:
    device.result = CommandResult(content=b"x" * 600_000)
    device.command("support-bundle")
    device.run()
    device.error = CommandFailedError("failed", "the disk\0is full")
    device.command("lamp-test", counter=2)
    device.run()
    assert [(str(reply.state), reply.code) for reply in device.replies()] == [
        ("accepted", None), ("failed", "too-large"), ("accepted", None), ("failed", "failed"),
    ]  # fmt: skip
    assert [entry.result for entry in newest_commands(device.path, 10)] == ["failed", "failed"]


def test_more_commands_than_can_wait_are_refused(device: Device) -> None:
    for counter in range(1, 13):
        device.command(counter=counter)
    device.run(act=False)
    codes = [reply.code for reply in device.replies()]
    assert codes.count("busy") == 4
    device.run()
    assert len(device.acts) == 8


def test_a_restart_waits_until_the_broker_has_the_reply_or_for_some_seconds(device: Device) -> None:
    device.result = CommandResult(restart=True)
    assert not device.executor.is_restart_due(device.clock.s)
    device.broker.acknowledges = False
    device.command("restart")
    device.run()
    assert not device.executor.is_restart_due(device.clock.s)
    assert device.executor.is_restart_due(device.clock.s + RESTART_AFTER_S)


def test_a_restart_is_due_when_the_reply_is_acknowledged(device: Device) -> None:
    device.result = CommandResult(restart=True)
    device.command("restart")
    device.run()
    assert device.states() == ["accepted", "done"]
    assert device.executor.is_restart_due(device.clock.s)


def test_the_journal_keeps_the_newest_commands_and_the_highest_counter(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    SqliteEventStore(path).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executemany(
            "INSERT INTO remote_command VALUES (?, 'a', '2026-11-28T08:00:00+00:00', 'pause', 'an', 'why', 'done')",
            [(counter,) for counter in range(1, MAX_ENTRIES + 50)],
        )
    journal = CommandJournal(path)
    journal.begin(CommandEntry(5_000, "b", START_AT, "pause", "an", "why", "started"))
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM remote_command").fetchone() == (MAX_ENTRIES,)
    assert journal.highest_counter() == 5_000


def test_a_journal_without_its_database_raises_store_errors(tmp_path: Path) -> None:
    journal = CommandJournal(tmp_path / "missing" / "events.db")
    entry = CommandEntry(1, "b", START_AT, "pause", "an", "why", "started")
    for act in (journal.highest_counter, lambda: journal.begin(entry), lambda: journal.finish(1, "done")):
        with pytest.raises(StoreError):
            act()
