"""Commands from the centre on the relay's connection: hello, subscription, check, journal and replies."""

import contextlib
import logging
import queue
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import Clock, StoreError
from kiosk.delivery.remote.desired import DesiredInbox
from kiosk.delivery.remote.replies import ReplyQueue
from kiosk.storage.command_journal import STARTED, CommandEntry, CommandJournal
from mqtt.connection import Acknowledged, Connection, IncomingMessage, OutgoingMessage
from mqtt.message_model import InvalidMessageError
from mqtt.printable_text import printable
from mqtt.remote.command_guard import AcceptedCommand, CommandGuard, CommandRefusal, RefusalCode
from mqtt.remote.commands import HelloMessage, ReplyMessage, ReplyState
from mqtt.remote.lists import ListMessage
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

HELLO_INTERVAL_S = 900.0
"""A centre whose database was replaced gets the hello of a connection that stays."""
HELLO_RETRY_S = 5.0
MAX_WAITING_LISTS = 4
MAX_QUEUED = 8
"""Commands that wait. More are refused."""
BUSY, STORE_FAILED = "busy", "store-failed"
_LOG_TIMES = frozenset({1, 10, 100, 1_000, 10_000, 100_000})
"""A flood of refused commands is logged so many times."""


class OrderChannel(Protocol):
    """What the relay calls, in its thread."""

    @property
    def filters(self) -> Sequence[str]:
        """Topics to subscribe to."""

    def on_connected(self) -> None:
        """The connection is ready. A hello with a new session is due."""

    def on_message(self, incoming: IncomingMessage) -> bool:
        """False: it is no message for this channel."""

    def publish_due(self, connection: Connection) -> None:
        """Send what is due. Raises BrokerConnectionError."""

    def on_acknowledged(self, event: Acknowledged) -> None:
        """The broker answered to a message."""

    def on_disconnected(self) -> None:
        """The connection is lost."""


class NoCommands:
    """A device without a fleet key obeys no command."""

    filters: Sequence[str] = ()

    def on_connected(self) -> None:
        """Nothing is due."""

    def on_message(self, incoming: IncomingMessage) -> bool:  # noqa: ARG002
        """No message is for it."""
        return False

    def publish_due(self, connection: Connection) -> None:
        """Nothing is due."""

    def on_acknowledged(self, event: Acknowledged) -> None:
        """Nothing was sent."""

    def on_disconnected(self) -> None:
        """Nothing changes."""


class CommandChannel:
    """The relay's thread calls the methods of OrderChannel. One other thread takes accepted commands from `accepted`."""

    def __init__(
        self,
        topics: DeviceTopics,
        guard: CommandGuard,
        journal: CommandJournal,
        *,
        clock: Clock,
        list_numbers: Callable[[], Mapping[str, int]],
        software_version: str = "",
        desired: DesiredInbox | None = None,
    ) -> None:
        """`list_numbers`: of the signed lists in force, by kind. `desired`: takes configurations. None: this device takes none."""
        self._topics = topics
        self._guard = guard
        self._journal = journal
        self._clock = clock
        self._list_numbers = list_numbers
        self._software_version = software_version[:64]
        self.desired = desired
        self._hello_due_s = 0.0
        self._hello_token = -1
        self._refused: Counter[str] = Counter()
        self.accepted: queue.Queue[AcceptedCommand] = queue.Queue(MAX_QUEUED)
        self.replies = ReplyQueue(topics)
        self._lists: queue.Queue[ListMessage] = queue.Queue(MAX_WAITING_LISTS)
        self._list_errors: dict[str, str] = {}

    @property
    def filters(self) -> Sequence[str]:
        """All commands, lists and configurations for this device."""
        orders = (self._topics.command_topic("+"), self._topics.list_topic("+"))
        return orders if self.desired is None else (*orders, self._topics.topic(TopicKind.DESIRED))

    @property
    def refused(self) -> Mapping[str, int]:
        """How many commands were not obeyed, by reason."""
        return dict(self._refused)

    def on_connected(self) -> None:
        """Orders of the connection before are worth nothing from now on."""
        self._guard.session = secrets.token_hex(16)
        self._hello_due_s = self._clock.now().monotonic_s

    def on_disconnected(self) -> None:
        """No order is taken until the next hello."""
        self._guard.session = None
        self.replies.on_disconnected()

    def publish_due(self, connection: Connection) -> None:
        """Hello, then replies. Raises BrokerConnectionError."""
        now_s = self._clock.now().monotonic_s
        if now_s >= self._hello_due_s:
            self._hello_token = connection.publish(self._hello())
            self._hello_due_s = now_s + HELLO_INTERVAL_S
        self.replies.publish_due(connection)

    def on_acknowledged(self, event: Acknowledged) -> None:
        """The broker has a reply. A hello that no centre received is said again."""
        if event.token == self._hello_token and event.no_subscribers:
            self._say_hello_in(HELLO_RETRY_S)
        self.replies.on_acknowledged(event.token)

    def on_message(self, incoming: IncomingMessage) -> bool:
        """Check a command. Where it is obeyed, it is on disk before it is in `accepted`."""
        if incoming.topic.startswith(self._topics.list_topic("")):
            self._on_list_message(incoming)
            return True
        if self.desired is not None and incoming.topic == self._topics.topic(TopicKind.DESIRED):
            self._on_desired(self.desired, incoming)
            return True
        prefix = self._topics.command_topic("")
        if not incoming.topic.startswith(prefix):
            return False
        now = self._clock.now()
        found = self._guard.check(incoming.topic.removeprefix(prefix), incoming.payload, _known_at(now))
        if isinstance(found, CommandRefusal):
            self._on_refused(found, now)
        else:
            self._on_accepted(found, now)
        return True

    def say_hello(self) -> None:
        """Say what is in force now. Any thread."""
        self._hello_due_s = 0.0

    def _on_desired(self, desired: DesiredInbox, incoming: IncomingMessage) -> None:
        now = self._clock.now()
        refusal = desired.offer(incoming.payload, self._guard.session, _known_at(now))
        if refusal is not None:
            self._on_refused(refusal, now)

    def _on_list_message(self, incoming: IncomingMessage) -> None:
        """The newest few. A centre sends another one after the next hello."""
        try:
            self._lists.put_nowait(ListMessage.from_payload(incoming.payload))
        except InvalidMessageError as error:
            self._on_refused(CommandRefusal(RefusalCode.INVALID, detail=str(error)), self._clock.now())
        except queue.Full:
            log.warning("a list of the centre is dropped: others wait")

    def take_list(self) -> ListMessage | None:
        """The next list that came. Any thread."""
        with contextlib.suppress(queue.Empty):
            return self._lists.get_nowait()
        return None

    def on_list(self, kind: str, code: str) -> None:
        """A list is in force, or `code` says why not. The next hello says so. Any thread."""
        if code:
            self._list_errors[kind] = code
        else:
            self._list_errors.pop(kind, None)
        self._hello_due_s = 0.0

    def _on_accepted(self, command: AcceptedCommand, now: ClockReading) -> None:
        message = command.message
        if self.accepted.full():
            self._refuse(message.id, BUSY, now)
            return
        entry = CommandEntry(
            message.counter, message.id, now.utc_at, command.name, message.requested_by, message.reason, STARTED
        )
        try:
            self._journal.begin(entry)
        except StoreError as error:
            log.error("a command of the centre is refused: %s", error)
            self._refuse(message.id, STORE_FAILED, now)
            return
        log.warning("%s by %s: %s", command.name, printable(message.requested_by), printable(message.reason))
        self.replies.add(ReplyMessage(id=message.id, state=ReplyState.ACCEPTED, at=now.utc_at))
        self.accepted.put_nowait(command)

    def _on_refused(self, refusal: CommandRefusal, now: ClockReading) -> None:
        self._refused[refusal.code] += 1
        times = self._refused[refusal.code]
        if times in _LOG_TIMES:
            log.warning("an order is not obeyed: %s %s (%d times)", refusal.code, refusal.detail, times)
        if refusal.code is RefusalCode.OTHER_SESSION:  # perhaps the centre did not get the newest hello
            self._say_hello_in(HELLO_RETRY_S)
        if refusal.id:
            self._refuse(refusal.id, refusal.code, now, refusal.detail)

    def _say_hello_in(self, seconds: float) -> None:
        self._hello_due_s = min(self._hello_due_s, self._clock.now().monotonic_s + seconds)

    def _refuse(self, order_id: str, code: str, now: ClockReading, detail: str = "") -> None:
        self.replies.add(
            ReplyMessage(id=order_id, state=ReplyState.REFUSED, at=now.utc_at, code=code, detail=detail[:200])
        )

    def _hello(self) -> OutgoingMessage:
        assert self._guard.session is not None
        hello = HelloMessage(
            session=self._guard.session,
            at=self._clock.now().utc_at,
            software_version=self._software_version,
            commands=tuple(sorted(self._guard.supported)),
            lists=dict(self._list_numbers()),
            list_errors=dict(self._list_errors),
            configuration=None if self.desired is None else self.desired.report(),
        )
        return OutgoingMessage(self._topics.topic(TopicKind.HELLO), hello.to_payload())


def _known_at(now: ClockReading) -> datetime | None:
    """None: the clock is not set."""
    return None if now.quality is ClockQuality.UNSET else now.utc_at
