"""The collector: receives messages of all devices, commits them, acknowledges them, and sends receipts."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Literal

from mqtt import topics
from mqtt.centre.ingest.backlog_answers import BacklogAnswers
from mqtt.centre.ingest.batch import BatchContents, IngestedMessage, Recorded
from mqtt.centre.ingest.further_messages import FurtherMessages
from mqtt.centre.ingest.inbox import FairInbox
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.ingest.receipts import receipt_messages
from mqtt.centre.ingest.transaction import UNSTORABLE, Batch, describe_rejected, parse_messages
from mqtt.connection import (
    BrokerConnectionError,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    Connection,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
    reconnect_delay_s,
)
from mqtt.device_messages import BacklogRateMessage, CentreStateMessage
from mqtt.printable_text import printable
from mqtt.topics import TopicKind

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.2
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 5.0
LEDGER_BACKOFF_LAST_S = 5.0
"""A database that comes back is used within this time."""
TOO_MANY_WAITING = "too-many-waiting"
"""Reason of a message that was dropped, because its device sends faster than the protocol permits."""


class Collector:
    """One thread calls `step`. The ledger is used on a thread of its own within `step`.

    What was not committed is not acknowledged. While the ledger cannot be written, the centre is offline for its devices.
    """

    def __init__(
        self,
        topic_prefix: str,
        ledger: Ledger,
        connect: Callable[[OutgoingMessage], Connection],
        *,
        name: str = "centre",
        share_group: str | None = None,
        backlog_events_per_s: float | None = None,
        backlog_budget: float | None = None,
        further: FurtherMessages | None = None,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
    ) -> None:
        """`connect` makes a new connection with this last will and a persistent session, so that the broker keeps messages.

        `name`: of the centre, its client id.
        `share_group`: the centres of one group share one PostgreSQL; each event goes to one of them.
        `backlog_events_per_s`: how fast each device may send its backlog; None: as fast as it can.
        `backlog_budget`: how many events of backlogs per second all devices together may send at most; None: without a limit.
        The centre takes fewer where live messages would wait. `further`: other messages of the connection.
        """
        self._topic_prefix = topic_prefix
        self._share_prefix = share_prefix(share_group)
        self._ledger = ledger
        self._backlog_rate = BacklogRateMessage(events_per_s=backlog_events_per_s)
        self._backlog = BacklogAnswers(topic_prefix, name, backlog_budget, backlog_events_per_s)
        self._further = further
        self._connect = connect
        self._clock = clock
        self._now_at = now_at
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads reconnects, not for security
        self._connection: Connection | None = None
        self._inbox = FairInbox()
        self._next_batch: Batch | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._attempt = 0
        self._ledger_attempt = 0
        """How often the ledger failed since the last commit."""
        self._is_ledger_lost = False
        self._ready = False
        self._ever_connected = False

    @property
    def ready(self) -> bool:
        """Connected and subscribed."""
        return self._ready

    def step(self) -> float:
        """Receive and process messages; returns after how many seconds to call it again.

        Raises BrokerRefusedError where the broker has never accepted this centre: a wrong password needs a person.
        """
        try:
            if self._is_ledger_lost:
                self._executor.submit(self._ledger.recover).result()
                self._is_ledger_lost = False
                log.warning("the ledger can be used again")
            if self._connection is None:
                self._connection = self._connect(self._state_message("offline"))
                self._connection.open()
            self._process(self._connection)
        except BrokerRefusedError:
            if not self._ever_connected:
                raise
            return self._on_connection_lost("the broker refuses this centre, which it accepted before")
        except BrokerConnectionError as error:
            return self._on_connection_lost(str(error))
        except LedgerError as error:
            return self._on_ledger_lost(str(error))
        return 0.0

    def _on_ledger_lost(self, reason: str) -> float:
        """The broker keeps the messages, and the devices see that the centre is offline."""
        if self._ledger_attempt == 0:
            log.error("no message is acknowledged until the ledger can be written: %s", printable(reason))
        self._is_ledger_lost = True
        self._ledger_attempt += 1
        self._disconnect()
        self._inbox.clear()
        self._next_batch = None
        return reconnect_delay_s(self._ledger_attempt, BACKOFF_FIRST_S, LEDGER_BACKOFF_LAST_S, self._jitter)

    def _on_connection_lost(self, reason: str) -> float:
        if self._connection is not None:
            self._connection.close(clean=False)
        if self._ready or self._attempt == 0:
            log.warning("no connection to the broker: %s", reason)
        self._connection, self._ready = None, False
        self._inbox.clear()  # not acknowledged, so the broker sends these messages again
        self._next_batch = None
        self._attempt += 1
        return reconnect_delay_s(self._attempt, BACKOFF_FIRST_S, BACKOFF_LAST_S, self._jitter)

    def _process(self, connection: Connection) -> None:
        """Parse the next batch while one is being committed: the database works on another core than this thread."""
        self._receive(connection, 0.0 if self._inbox or self._next_batch else READ_TIMEOUT_S)
        if self._ready and (probe := self._backlog.probe_message(self._clock())) is not None:
            connection.publish(probe)
        if self._ready and self._further is not None:
            self._further.poll(connection)
        batch = self._next_batch or self._take_batch()
        self._next_batch = None
        if batch is None:
            self._acknowledge(connection, [])
            return
        committing = self._executor.submit(self._commit, batch)
        try:
            self._receive(connection, 0.0)
            self._next_batch = self._take_batch()
        finally:  # also where the connection is lost: no commit may run on when this returns
            recorded = committing.result()
        self._ledger_attempt = 0
        self._acknowledge_batch(connection, batch, recorded)

    def _commit(self, batch: Batch) -> Recorded:
        """Where a batch fails, its halves are tried, until each message that fails is alone. It is counted, and dropped."""
        started_s = self._clock()
        try:
            return batch.commit(self._ledger)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing that one device sends may end the centre
            if len(batch.incoming) == 1:
                topic = printable(batch.incoming[0].topic)
                log.error("%s: dropped, it cannot be stored: %s", topic, type(error).__name__)
                self._ledger.count_invalid_message(UNSTORABLE)
                batch.contents = BatchContents()
                return Recorded()
            log.error("%d messages could not be stored at once: %s", len(batch.incoming), type(error).__name__)
        finally:
            batch.commit_s = self._clock() - started_s
        recorded = Recorded()
        stored: list[IngestedMessage] = []
        middle = len(batch.incoming) // 2
        for part in (batch.incoming[:middle], batch.incoming[middle:]):
            half = self._parsed(part)
            half.greeted = {key for key in batch.greeted if key.device in half.contents.last_seen()}
            recorded.add(self._commit(half))
            stored += half.contents.messages
        batch.contents.messages = stored
        return recorded

    def _receive(self, connection: Connection, timeout_s: float) -> None:
        """Also while messages wait, so that the inbox can be fair. The broker limits how many are not acknowledged."""
        if self._inbox.is_full:
            return
        for event in connection.process(timeout_s):
            if isinstance(event, Connected):
                self._require_features(event)
                connection.subscribe(self._filters())
            elif isinstance(event, Subscribed):
                self._on_subscribed(connection, event)
            elif isinstance(event, IncomingMessage) and not (self._further and self._further.take(event)):
                self._inbox.add(event, self._clock())

    def _require_features(self, connected: Connected) -> None:
        """Raises BrokerRefusedError where the broker lacks what a centre needs (MQTT 5 section 3.2.2.3)."""
        missing = [
            name
            for name, offered in (
                ("QoS 1", connected.maximum_qos >= 1),
                ("wildcard subscriptions", connected.wildcard_subscriptions),
                ("shared subscriptions (--share-group)", connected.shared_subscriptions or not self._share_prefix),
            )
            if not offered
        ]
        if missing:
            raise BrokerRefusedError(f"this broker does not offer {', '.join(missing)}, which this centre needs")

    def _filters(self) -> list[str]:
        """In a share group each message goes to one centre, so that it is written once.

        A shared subscription gets no retained messages (MQTT 5 section 4.8.2). None is needed: a device sends its state when it
        connects, and its health each minute.
        """
        kinds = (TopicKind.EVENT, TopicKind.STATE, TopicKind.HEALTH)
        filters = [self._share_prefix + topics.topic_filter(self._topic_prefix, kind) for kind in kinds]
        return [*filters, self._backlog.probe_topic, *self._further_filters()]

    def _further_filters(self) -> Sequence[str]:
        return () if self._further is None else self._further.filters

    def _take_batch(self) -> Batch | None:
        """The messages of the next transaction, and whom to answer. None where there is nothing to do."""
        batch = self._parsed(self._inbox.take())
        for device, count in self._inbox.take_dropped().items():
            log.warning(
                "%s: %d messages were dropped: it sends faster than its receipts permit", printable(device), count
            )
            batch.contents.invalid[TOO_MANY_WAITING] += count
        if not self._ready:
            return None if batch.is_empty() else batch
        now_s = self._clock()
        inbox_wait_s = self._inbox.oldest_wait_s(now_s)
        batch.rates, told = self._backlog.plan(batch.contents, batch.greeted, inbox_wait_s, now_s)
        batch.greeted |= told
        return None if batch.is_empty() else batch

    def _parsed(self, messages: Sequence[IncomingMessage]) -> Batch:
        return parse_messages(messages, self._now_at(), self._backlog.probe_topic)

    def _acknowledge_batch(self, connection: Connection, batch: Batch, recorded: Recorded) -> None:
        """The guaranteed order: COMMIT, then PUBACK to the broker, then the receipt to the device."""
        for key, rejected in recorded.rejected.items():
            log.warning("%s: %s", key.device.source, describe_rejected(rejected))
        self._acknowledge(connection, batch.incoming)
        for message in receipt_messages(batch.contents.messages, recorded, batch.rates):
            connection.publish(message)
        events = sum(len(message.events) for message in batch.contents.messages)
        self._backlog.on_committed(events, batch.probes, self._clock())
        self._inbox.on_committed(batch.incoming, batch.commit_s)

    def _acknowledge(self, connection: Connection, messages: list[IncomingMessage]) -> None:
        """These are done: acknowledge what may be acknowledged now, also what was dropped."""
        for incoming in self._inbox.finish(messages):
            if incoming.qos:
                connection.acknowledge(incoming)

    def _on_subscribed(self, connection: Connection, event: Subscribed) -> None:
        rejected = set(event.rejected_filters)
        if self._backlog.probe_topic in rejected:
            log.warning("the broker refuses %s: the backlogs of devices come slowly", self._backlog.probe_topic)
        if rejected & set(self._further_filters()):
            log.warning("the broker refuses the replies of devices: no command is possible. Update its access list")
        if rejected - {self._backlog.probe_topic, *self._further_filters()}:  # also a cluster that elects a leader
            refused = ", ".join(event.rejected_filters)
            raise BrokerUnreachableError(f"the broker refuses the subscription to {refused}; check its ACL")
        log.info("connected and subscribed")
        self._ready = self._ever_connected = True
        self._attempt = 0
        self._backlog.on_connected()
        if self._further is not None:
            self._further.on_connected()
        topic = topics.backlog_rate_topic(self._topic_prefix)
        connection.publish(OutgoingMessage(topic, self._backlog_rate.to_payload(), retain=True))
        connection.publish(self._state_message("ready"))  # a device then sends at once what has no receipt

    def _state_message(self, state: Literal["ready", "offline"]) -> OutgoingMessage:
        message = CentreStateMessage(state=state, at=self._now_at() if state == "ready" else None)
        return OutgoingMessage(topics.centre_state_topic(self._topic_prefix), message.to_payload(), retain=True)

    def close(self) -> None:
        """Publish `offline` and disconnect. The broker keeps the session."""
        self._disconnect()
        self._executor.shutdown()
        if self._further is not None:
            self._further.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                if self._ready:
                    self._connection.publish(self._state_message("offline"))
            except BrokerConnectionError as error:
                log.info("could not publish offline: %s", error)
            self._connection.close()
        self._connection, self._ready = None, False


def share_prefix(group: str | None) -> str:
    """What a filter begins with, so that each message goes to one centre of the group."""
    return f"$share/{group}/" if group else ""
