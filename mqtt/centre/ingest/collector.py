"""The centre's end of delivery: keeps what comes, then acknowledges it, then sends the receipt."""

import logging
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from mqtt import device_messages, topics
from mqtt import events as envelope
from mqtt.centre.ingest.batch import IngestedMessage, StreamKey
from mqtt.centre.ingest.ledger import Ledger
from mqtt.connection import (
    BrokerConnectionError,
    BrokerRefusedError,
    Connected,
    Connection,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
    reconnect_delay_s,
)
from mqtt.events import InvalidEvent
from mqtt.message_model import InvalidMessageError
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.2
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 5.0
BATCH_BYTES = 600_000
"""Of messages in a transaction: about a thousand passages."""


@dataclass(slots=True)
class _Batch:
    """Messages for one transaction."""

    incoming: list[IncomingMessage] = field(default_factory=list)
    messages: list[IngestedMessage] = field(default_factory=list)
    writes: list[Callable[[], None]] = field(default_factory=list)
    """What else is to be written."""

    def commit(self, ledger: Ledger) -> Mapping[StreamKey, RangeSet]:
        """Commit. Raises LedgerTrouble."""
        for note in self.writes:
            note()
        return ledger.record(self.messages) if self.messages else {}


class Collector:
    """One thread calls `step`, in which the ledger is used on a thread of its own.

    LedgerTrouble passes through: what was not committed was not acknowledged either.
    """

    def __init__(
        self,
        topic_prefix: str,
        ledger: Ledger,
        connect: Callable[[OutgoingMessage], Connection],
        *,
        share_group: str | None = None,
        backlog_events_per_s: float | None = None,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: random.Random | None = None,
    ) -> None:
        """`connect` makes a new, unopened link with this last will and a persistent session: the broker keeps what comes.

        `share_group`: the centres of one group share one PostgreSQL; each event goes to one of them.
        `backlog_events_per_s`: how fast each device may send its backlog; None: as fast as it can.
        """
        self._topic_prefix = topic_prefix
        self._share_prefix = f"$share/{share_group}/" if share_group else ""
        self._ledger = ledger
        self._backlog_rate = device_messages.BacklogRateMessage(events_per_s=backlog_events_per_s)
        self._connect = connect
        self._now_at = now_at
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._connection: Connection | None = None
        self._inbox: deque[IncomingMessage] = deque()
        self._next_batch: _Batch | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._attempt = 0
        self._ready = False
        self._ever_connected = False

    @property
    def ready(self) -> bool:
        """Connected and subscribed."""
        return self._ready

    def step(self) -> float:
        """Wait a moment for messages and deal with them; returns after how many seconds to come again.

        Raises LinkRefused where the broker refuses a centre that it never let in: waiting does not mend a wrong password.
        """
        try:
            if self._connection is None:
                self._connection = self._connect(self._state_message("offline"))
                self._connection.open()
            self._process(self._connection)
        except BrokerRefusedError:
            if not self._ever_connected:
                raise
            return self._on_connection_lost("the broker refuses this centre, which it let in before")
        except BrokerConnectionError as error:
            return self._on_connection_lost(str(error))
        return 0.0

    def _on_connection_lost(self, reason: str) -> float:
        if self._connection is not None:
            self._connection.close(clean=False)
        if self._ready or self._attempt == 0:
            log.warning("no broker: %s", reason)
        self._connection, self._ready = None, False
        self._inbox.clear()  # not acknowledged: the broker sends it again
        self._next_batch = None
        self._attempt += 1
        return reconnect_delay_s(self._attempt, BACKOFF_FIRST_S, BACKOFF_LAST_S, self._jitter)

    def _process(self, connection: Connection) -> None:
        """While one batch is being committed, the next is read: the database works on another core than this thread."""
        if not self._inbox:
            self._receive(connection, READ_TIMEOUT_S)
        batch = self._next_batch or self._take_batch()
        self._next_batch = None
        if batch is None:
            return
        committing = self._executor.submit(batch.commit, self._ledger)
        try:
            if not self._inbox:
                self._receive(connection, 0.0)
            self._next_batch = self._take_batch()
        finally:  # whatever became of the connection: nothing is under way any more when this returns
            standing = committing.result()
        self._acknowledge_batch(connection, batch, standing)

    def _receive(self, connection: Connection, timeout_s: float) -> None:
        for event in connection.process(timeout_s):
            if isinstance(event, Connected):
                passages = self._share_prefix + topics.topic_filter(self._topic_prefix, TopicKind.EVENT)
                # not shared: a shared subscription gets nothing of what is retained (MQTT 5 section 4.8.2)
                connection.subscribe(
                    [
                        passages,
                        *(
                            topics.topic_filter(self._topic_prefix, leaf)
                            for leaf in (TopicKind.STATE, TopicKind.HEALTH)
                        ),
                    ]
                )
            elif isinstance(event, Subscribed):
                self._on_subscribed(connection, event)
            elif isinstance(event, IncomingMessage):
                self._inbox.append(event)

    def _take_batch(self) -> "_Batch | None":
        """What the next transaction is for, or None where nothing came."""
        if not self._inbox:
            return None
        batch = _Batch()
        size = 0
        while self._inbox and size < BATCH_BYTES:
            incoming = self._inbox.popleft()
            size += len(incoming.payload)
            batch.incoming.append(incoming)
            self._parse_into_batch(incoming, batch)
        return batch

    def _acknowledge_batch(
        self, connection: Connection, batch: "_Batch", ranges_by_stream: Mapping[StreamKey, RangeSet]
    ) -> None:
        """The order is the promise: COMMIT, then PUBACK to the broker, then the receipt to the device."""
        for one in batch.incoming:
            if one.qos:
                connection.acknowledge(one)
        for message in receipt_messages(batch.messages, ranges_by_stream):
            connection.publish(message)

    def _on_subscribed(self, connection: Connection, event: Subscribed) -> None:
        if event.rejected_filters:
            log.error("the broker refuses %s: check its ACL", ", ".join(event.rejected_filters))
            return
        log.info("connected and subscribed")
        self._ready = self._ever_connected = True
        self._attempt = 0
        connection.publish(
            OutgoingMessage(topics.backlog_rate_topic(self._topic_prefix), self._backlog_rate.to_payload(), retain=True)
        )
        connection.publish(self._state_message("ready"))  # devices that wait for overdue receipts send again at once

    def _parse_into_batch(self, incoming: IncomingMessage, batch: "_Batch") -> None:
        """Sort a message into the batch: passages, or something to note."""
        now = self._now_at()
        whose = topics.parse_topic(incoming.topic)
        if whose is None:
            batch.writes.append(partial(self._ledger.count_invalid_message, "unknown-topic"))
            return
        branch, leaf = whose
        try:
            if leaf is TopicKind.EVENT:
                good, bad = envelope.parse_events(incoming.payload, branch.source)
                for refused in bad:
                    log.warning("%s: an event was refused: %s", branch.source, refused.reason)
                batch.messages.append(IngestedMessage(branch, good, bad, now))
            elif leaf is TopicKind.STATE:
                batch.writes.append(
                    partial(
                        self._ledger.save_state,
                        branch,
                        device_messages.StateMessage.from_payload(incoming.payload),
                        now,
                    )
                )
            elif leaf is TopicKind.HEALTH:
                batch.writes.append(
                    partial(
                        self._ledger.save_health,
                        branch,
                        device_messages.HealthMessage.from_payload(incoming.payload),
                        now,
                    )
                )
        except InvalidMessageError as error:
            log.warning("%s: a message to %s was thrown away: %s", branch.source, leaf, error)
            batch.writes.append(partial(self._ledger.count_invalid_message, str(error)))

    def _state_message(self, state: Literal["ready", "offline"]) -> OutgoingMessage:
        report = device_messages.CentreStateMessage(state=state, at=self._now_at() if state == "ready" else None)
        return OutgoingMessage(topics.centre_state_topic(self._topic_prefix), report.to_payload(), retain=True)

    def close(self) -> None:
        """Say goodbye and end the connection; the broker keeps the session."""
        if self._connection is not None:
            try:
                if self._ready:
                    self._connection.publish(self._state_message("offline"))
            except BrokerConnectionError as error:
                log.info("could not say goodbye: %s", error)
            self._connection.close()
        self._connection, self._ready = None, False
        self._executor.shutdown()


def receipt_messages(
    ingested: Sequence[IngestedMessage], ranges_by_stream: Mapping[StreamKey, RangeSet]
) -> list[OutgoingMessage]:
    """One receipt per stream that was touched, and for epochs that only had refusals."""
    refused: dict[StreamKey, list[InvalidEvent]] = {}
    for arrival in ingested:
        for one in arrival.invalid:
            if one.id is not None and one.epoch is not None:
                refused.setdefault(StreamKey(arrival.device, one.epoch), []).append(one)
    messages = []
    for key in {**ranges_by_stream, **refused}:
        ranges = ranges_by_stream.get(key, RangeSet())
        beyond = ranges.after_first_gap()
        if len(beyond) > envelope.MAX_RECEIPT_RANGES:
            beyond = order_ranges_by_relevance(beyond, _received_seqs(key, ingested))
        payload = envelope.receipt_payload(key.epoch, ranges.up_to, beyond, refused.get(key, ()))
        messages.append(OutgoingMessage(_receipt_topic(key.device), payload))
    return messages


def _received_seqs(key: StreamKey, arrivals: Sequence[IngestedMessage]) -> set[int]:
    own = (arrival.events for arrival in arrivals if arrival.device == key.device)
    return {event.data.seq for events in own for event in events if event.data.epoch == key.epoch}


def order_ranges_by_relevance(ranges: Sequence[Range], seqs: Iterable[int]) -> list[Range]:
    """Those that hold these numbers first: they are too many for one receipt."""
    asked = sorted(seqs)
    held = [span for span in ranges if (at := bisect_left(asked, span[0])) < len(asked) and asked[at] <= span[1]]
    first = set(held)
    return held + [span for span in ranges if span not in first]


def _receipt_topic(branch: DeviceTopics) -> str:
    return branch.topic(TopicKind.RECEIPT)
