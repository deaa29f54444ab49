"""Builds the device's side of the centre's commands: who may sign them, what each does, and the replies."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from kiosk import config
from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.builders.remote_lists import ListReceiver
from kiosk.app.gate_worker import GateWorker
from kiosk.config.effective import read_effective_settings
from kiosk.core.model import Outcome
from kiosk.core.ports import Clock, Signal
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.delivery import OutboxRelay
from kiosk.delivery.remote import CommandChannel, CommandExecutor, CommandResult, Handler
from kiosk.delivery.remote.desired import DesiredInbox
from kiosk.storage import SqliteEventStore
from kiosk.storage.command_journal import CommandJournal
from kiosk.system import logs, support_files
from kiosk.system.status_file import STATUS_FILE
from mqtt.remote.command_guard import AcceptedCommand, CommandGuard
from mqtt.remote.commands import CommandName, ForgetArguments, PauseArguments, SendLogArguments
from mqtt.remote.desired_guard import DesiredGuard
from mqtt.remote.signature import FleetKeyError, load_fleet_public_keys
from mqtt.topics import DeviceTopics

log = logging.getLogger(__name__)

LAMP_TEST = (Outcome.FAIL, Outcome.CHECK_AGAIN, Outcome.FAIL, Outcome.CHECK_AGAIN)
"""Without the green lamp: its pattern opens the door."""
LAMP_TEST_INTERVAL_S = 2.0
MAX_LOG_BYTES = 256 * 1024
SUPPORTED = frozenset(CommandName)
"""What this release can do."""
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def build_channel(
    settings: config.Settings, lists: ListLoader, clock: Clock, configuration: ConfigurationControl | None = None
) -> CommandChannel | None:
    """After the database was opened. None: this device has no usable fleet key, and obeys no command. Raises StoreError."""
    path = settings.keys.fleet_public_key
    if path is None:
        return None
    try:
        keys = load_fleet_public_keys(path.read_bytes())
    except (OSError, FleetKeyError) as error:
        log.error("keys.fleet_public_key %s: %s. No command of the centre is obeyed.", path, error)
        return None
    topics = DeviceTopics(settings.mqtt.topic_prefix, settings.site.site, settings.site.device)
    journal = CommandJournal(settings.storage.path)
    guard = CommandGuard(topics.wire_name, keys, journal.highest_counter(), SUPPORTED)
    desired = None
    if configuration is not None:
        desired_guard = DesiredGuard(topics.wire_name, keys, configuration.state.counter)
        desired = DesiredInbox(desired_guard, configuration.report)
    return CommandChannel(
        topics,
        guard,
        journal,
        clock=clock,
        list_numbers=lambda: lists.numbers,
        software_version=version("entrance-kiosk"),
        desired=desired,
    )


def build_executor(
    channel: CommandChannel | None, settings: config.Settings, acts: "RemoteActs", clock: Clock
) -> CommandExecutor | None:
    """The thread that does what the channel accepts. None: there is no channel."""
    if channel is None:
        return None
    return CommandExecutor(channel, CommandJournal(settings.storage.path), acts.handlers(), clock, acts.run_due)


@dataclass(slots=True)
class RemoteActs:
    """What each command does. The thread of the executor alone."""

    gate_worker: GateWorker
    signal: Signal
    event_store: SqliteEventStore
    relay: OutboxRelay
    clock: Clock
    run_dir: Path
    on_change: Callable[[], None]
    """Called after a command changed the status."""
    list_receiver: ListReceiver | None = None
    take_desired: Callable[[], None] = lambda: None
    """Tries a configuration that came."""
    _signals: list[tuple[float, Outcome]] = field(default_factory=list)
    """What the lamps will show, and when (monotonic)."""

    def handlers(self) -> Mapping[CommandName, Handler]:
        """By the name of the command."""
        return {
            CommandName.PAUSE: self._pause,
            CommandName.RESUME: self._resume,
            CommandName.RESTART: lambda _: CommandResult(restart=True),
            CommandName.LAMP_TEST: self._lamp_test,
            CommandName.SEND_LOG: self._send_log,
            CommandName.SUPPORT_BUNDLE: self._support_bundle,
            CommandName.RELEASE_QUARANTINE: self._release_quarantine,
            CommandName.FORGET: self._forget,
        }

    def run_due(self, now_s: float) -> None:
        """Go on with a lamp test, make the next list whole, and try the next configuration."""
        self.take_desired()
        if self.list_receiver is not None:
            self.list_receiver.prepare_due()
        while self._signals and now_s >= self._signals[0][0]:
            self.signal.show(self._signals.pop(0)[1])

    def _pause(self, command: AcceptedCommand) -> CommandResult:
        assert isinstance(command.arguments, PauseArguments)
        self.gate_worker.pause.begin(self.clock.now(), duration_s=60.0 * command.arguments.minutes)
        self.on_change()
        return CommandResult()

    def _resume(self, _: AcceptedCommand) -> CommandResult:
        self.gate_worker.pause.end()
        self.on_change()
        return CommandResult()

    def _lamp_test(self, _: AcceptedCommand) -> CommandResult:
        now_s = self.clock.now().monotonic_s
        self._signals = [(now_s + place * LAMP_TEST_INTERVAL_S, one) for place, one in enumerate(LAMP_TEST)]
        return CommandResult()

    def _send_log(self, command: AcceptedCommand) -> CommandResult:
        assert isinstance(command.arguments, SendLogArguments)
        lowest = _LEVELS[command.arguments.level]
        levels = logging.getLevelNamesMapping()
        lines = [
            support_files.format_line(line)
            for line in logs.read_log_tail(self.run_dir)
            if levels.get(line.level, logging.ERROR) >= lowest
        ]
        text = "".join(lines[-command.arguments.lines :]).encode("utf-8", "replace")
        return CommandResult(content=text[-MAX_LOG_BYTES:])

    def _support_bundle(self, _: AcceptedCommand) -> CommandResult:
        settings = read_effective_settings(self.run_dir) or ()
        files = {
            "about.txt": f"made {datetime.now(UTC).isoformat(timespec='seconds')}\n",
            "status.json": _read_text(self.run_dir / STATUS_FILE),
            "settings.txt": "".join(f"{name} = {value}  ({source})\n" for name, value, source in settings),
            **support_files.common_files(self.run_dir),
        }
        return CommandResult(content=support_files.pack(files))

    def _forget(self, command: AcceptedCommand) -> CommandResult:
        assert isinstance(command.arguments, ForgetArguments)
        return CommandResult(count=self.event_store.forget_events(command.arguments.ids))

    def _release_quarantine(self, _: AcceptedCommand) -> CommandResult:
        count = self.event_store.quarantined_count()
        self.relay.retry_quarantine()
        return CommandResult(count=count)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"
