"""Sends commands, lists and configurations of a running centre, and takes replies. The database has a thread of its own."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mqtt import topics
from mqtt.centre.configuration.sending import ConfigurationSender, has_devices_to_configure, save_report
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.remote.lists import has_devices_behind, take_lists
from mqtt.centre.remote.sending import expire_commands, has_open_commands, save_hello, take_commands
from mqtt.centre.remote.store import save_reply
from mqtt.connection import Connection, IncomingMessage, OutgoingMessage
from mqtt.message_model import InvalidMessageError
from mqtt.printable_text import printable
from mqtt.remote.commands import HelloMessage, ReplyMessage
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

POLL_S = 0.5
"""How often the database is asked for new commands."""
MAX_REPLIES_OF_ONE = 64
"""Replies of one device that wait to be stored. More are dropped."""
MAX_UNSTORED = 2_000
"""Replies of all devices while the database cannot be used."""


@dataclass(frozen=True, slots=True)
class _Unstored:
    """What came from devices and is not in the database yet."""

    hellos: dict[DeviceTopics, HelloMessage] = field(default_factory=dict)
    replies: list[tuple[DeviceTopics, ReplyMessage]] = field(default_factory=list)
    incoming: list[IncomingMessage] = field(default_factory=list)
    """To acknowledge to the broker, in the present connection."""


class CommandDispatcher:
    """The collector's thread calls all methods."""

    def __init__(
        self,
        database: str,
        topic_prefix: str,
        key: Ed25519PrivateKey | None,
        *,
        share_prefix: str = "",
        list_url: str = "",
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`database` has the tables of `prepare_configuration`. `key` None: replies are stored, and no command is sent.

        `list_url`: where devices download lists that fit no message. Empty: nowhere.
        """
        self._database = database
        self._topic_prefix = topic_prefix
        self._key = key
        self._list_url = list_url
        self._now_at = now_at
        self._clock = clock
        self._hello_suffix = f"/{TopicKind.HELLO}"
        self.filters = (
            share_prefix + topics.topic_filter(topic_prefix, TopicKind.HELLO),
            share_prefix + topics.reply_filter(topic_prefix),
        )
        """Topics to subscribe to. A broker with an older access list refuses them: then there are no commands."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commands")
        self._work: Future[list[OutgoingMessage]] | None = None
        self._unstored = _Unstored()
        self._hellos: dict[DeviceTopics, HelloMessage] = {}
        self._replies: list[tuple[DeviceTopics, ReplyMessage]] = []
        self._reply_counts: Counter[DeviceTopics] = Counter()
        self._received: list[IncomingMessage] = []
        self._due_s = 0.0
        self._failed = False
        self._configurations = ConfigurationSender()

    def on_connected(self) -> None:
        """What was not acknowledged comes again."""
        self._received.clear()
        self._unstored.incoming.clear()

    def take(self, incoming: IncomingMessage) -> bool:
        """Take a hello or a reply. False: it is another message."""
        reply = topics.parse_reply_topic(incoming.topic)
        if reply is None and not incoming.topic.endswith(self._hello_suffix):
            return False
        self._received.append(incoming)
        found = reply[0] if reply else self._device_of(incoming.topic)
        if found is None:
            return True
        try:
            if reply is None:
                self._hellos[found] = HelloMessage.from_payload(incoming.payload)
            elif self._reply_counts[found] < MAX_REPLIES_OF_ONE and len(self._unstored.replies) < MAX_UNSTORED:
                message = ReplyMessage.from_payload(incoming.payload)
                if message.id == reply[1]:
                    self._reply_counts[found] += 1
                    self._replies.append((found, message))
        except InvalidMessageError as error:
            log.warning("%s: an invalid message was dropped: %s", found.source, error)
        return True

    def _device_of(self, topic: str) -> DeviceTopics | None:
        parsed = topics.parse_topic(topic)
        return parsed[0] if parsed else None

    def poll(self, connection: Connection) -> None:
        """Store what came, and send what is asked for. Raises BrokerConnectionError."""
        if self._work is not None:
            if not self._work.done():
                return
            self._finish(connection, self._work)
            self._work = None
        if self._clock() >= self._due_s or self._hellos or self._replies:
            self._due_s = self._clock() + POLL_S
            self._start()

    def _start(self) -> None:
        """What could not be stored before is tried again."""
        before = self._unstored
        self._unstored = _Unstored(
            before.hellos | self._hellos, before.replies + self._replies, before.incoming + self._received
        )
        self._hellos, self._replies, self._received = {}, [], []
        self._reply_counts.clear()
        self._work = self._executor.submit(self._run, self._unstored)

    def _run(self, unstored: "_Unstored") -> list[OutgoingMessage]:
        """In the thread of the database. Raises LedgerError."""
        now = self._now_at()
        if not unstored.hellos and not unstored.replies and not self._has_work():
            return []
        with open_query(self._database) as query:
            expire_commands(query, now)  # the first statement writes, so that SQLite waits for other writers
            for device, hello in sorted(unstored.hellos.items()):
                save_hello(query, device.wire_name, hello, now)
                if hello.configuration is not None:
                    save_report(query, device.wire_name, hello.configuration, now)
            for device, reply in unstored.replies:
                save_reply(query, device.wire_name, reply, now)
            orders: list[OutgoingMessage] = []
            if self._key is not None:
                orders += take_commands(query, self._key, self._topic_prefix, now)
                orders += self._configurations.take(query, self._key, self._topic_prefix, now)
            return [*orders, *take_lists(query, self._topic_prefix, self._list_url)]

    def _has_work(self) -> bool:
        with open_query(self._database) as query:
            has_configuration = self._key is not None and has_devices_to_configure(query)
            return has_open_commands(query) or has_devices_behind(query) or has_configuration

    def _finish(self, connection: Connection, work: Future[list[OutgoingMessage]]) -> None:
        """What is not stored is not acknowledged."""
        try:
            messages = work.result()
        except LedgerError as error:
            if not self._failed:
                log.error("commands wait until the database can be used: %s", printable(str(error)))
            self._failed = True
            self._due_s = self._clock() + POLL_S
            return
        self._failed = False
        for incoming in self._unstored.incoming:
            if incoming.qos:
                connection.acknowledge(incoming)
        self._unstored = _Unstored()
        for message in messages:
            connection.publish(message)
            log.info("sent %s", message.topic)

    def close(self) -> None:
        """Wait for the database."""
        self._executor.shutdown()
