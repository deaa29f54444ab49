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
from mqtt.centre.ingest.batch import Arrival, StreamKey
from mqtt.centre.ingest.ledger import Ledger
from mqtt.connection import Connected, Incoming, Link, LinkError, LinkRefused, Message, Subscribed
from mqtt.events import Refused
from mqtt.message_model import MessageError
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import Branch, Leaf

log = logging.getLogger(__name__)

WAIT_S = 0.2
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 5.0
BATCH_BYTES = 600_000
"""Of messages in a transaction: about a thousand passages."""


@dataclass(slots=True)
class _Batch:
    """Messages for one transaction."""

    incoming: list[Incoming] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    notes: list[Callable[[], None]] = field(default_factory=list)
    """What else is to be written."""

    def keep(self, ledger: Ledger) -> Mapping[StreamKey, RangeSet]:
        """Commit. Raises LedgerTrouble."""
        for note in self.notes:
            note()
        return ledger.record(self.arrivals) if self.arrivals else {}


class Collector:
    """One thread calls `step`, in which the ledger is used on a thread of its own.

    LedgerTrouble passes through: what was not committed was not acknowledged either.
    """

    def __init__(
        self,
        topic_prefix: str,
        ledger: Ledger,
        connect: Callable[[Message], Link],
        *,
        share_group: str | None = None,
        backlog_events_per_s: float | None = None,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: random.Random | None = None,
    ) -> None:
        """`connect` makes a new, unopened link with this last will and a persistent session: the broker keeps what comes.

        `share`: centres that name the same group get each passage once between them; they need one PostgreSQL behind them.
        `drain_per_s`: how fast each device may send its backlog, passages per second; None: as fast as it can.
        """
        self._root = topic_prefix
        self._share = f"$share/{share_group}/" if share_group else ""
        self._ledger = ledger
        self._drain = device_messages.Drain(passages_per_s=backlog_events_per_s)
        self._connect = connect
        self._now_at = now_at
        self._dice = jitter or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._link: Link | None = None
        self._inbox: deque[Incoming] = deque()
        self._read_ahead: _Batch | None = None
        self._desk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._attempt = 0
        self._ready = False
        self._welcome = False

    @property
    def ready(self) -> bool:
        """Connected and subscribed."""
        return self._ready

    def step(self) -> float:
        """Wait a moment for messages and deal with them; returns after how many seconds to come again.

        Raises LinkRefused where the broker refuses a centre that it never let in: waiting does not mend a wrong password.
        """
        try:
            if self._link is None:
                self._link = self._connect(self._state_message("offline"))
                self._link.open()
            self._turn(self._link)
        except LinkRefused:
            if not self._welcome:
                raise
            return self._lost("the broker refuses this centre, which it let in before")
        except LinkError as trouble:
            return self._lost(str(trouble))
        return 0.0

    def _lost(self, reason: str) -> float:
        if self._link is not None:
            self._link.close(clean=False)
        if self._ready or self._attempt == 0:
            log.warning("no broker: %s", reason)
        self._link, self._ready = None, False
        self._inbox.clear()  # not acknowledged: the broker sends it again
        self._read_ahead = None
        self._attempt += 1
        return self._dice.uniform(0.0, min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2 ** min(self._attempt, 10)))

    def _turn(self, connection: Link) -> None:
        """While one batch is being committed, the next is read: the database works on another core than this thread."""
        if not self._inbox:
            self._listen(connection, WAIT_S)
        batch = self._read_ahead or self._take_batch()
        self._read_ahead = None
        if batch is None:
            return
        committing = self._desk.submit(batch.keep, self._ledger)
        try:
            if not self._inbox:
                self._listen(connection, 0.0)
            self._read_ahead = self._take_batch()
        finally:  # whatever became of the connection: nothing is under way any more when this returns
            standing = committing.result()
        self._answer(connection, batch, standing)

    def _listen(self, connection: Link, timeout_s: float) -> None:
        for event in connection.pump(timeout_s):
            if isinstance(event, Connected):
                passages = self._share + topics.every(self._root, Leaf.PASSAGE)
                # not shared: a shared subscription gets nothing of what is retained (MQTT 5 section 4.8.2)
                connection.subscribe([passages, *(topics.every(self._root, leaf) for leaf in (Leaf.STATE, Leaf.HEALTH))])
            elif isinstance(event, Subscribed):
                self._subscribed(connection, event)
            elif isinstance(event, Incoming):
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
            self._read(incoming, batch)
        return batch

    def _answer(self, connection: Link, batch: "_Batch", ranges_by_stream: Mapping[StreamKey, RangeSet]) -> None:
        """The order is the promise: COMMIT, then PUBACK to the broker, then the receipt to the device."""
        for one in batch.incoming:
            if one.qos:
                connection.confirm(one)
        for message in receipts(batch.arrivals, ranges_by_stream):
            connection.publish(message)

    def _subscribed(self, connection: Link, event: Subscribed) -> None:
        if event.refused:
            log.error("the broker refuses %s: check its ACL", ", ".join(event.refused))
            return
        log.info("connected and subscribed")
        self._ready = self._welcome = True
        self._attempt = 0
        connection.publish(Message(topics.centre_drain(self._root), self._drain.written(), retain=True))
        connection.publish(self._state_message("ready"))  # devices that wait for overdue receipts send again at once

    def _read(self, incoming: Incoming, batch: "_Batch") -> None:
        """Sort a message into the batch: passages, or something to note."""
        now = self._now_at()
        whose = topics.parse(incoming.topic)
        if whose is None:
            batch.notes.append(partial(self._ledger.count_unreadable, "unknown-topic"))
            return
        branch, leaf = whose
        try:
            if leaf is Leaf.PASSAGE:
                good, bad = envelope.read_passages(incoming.payload, branch.source)
                for refused in bad:
                    log.warning("%s: an event was refused: %s", branch.source, refused.reason)
                batch.arrivals.append(Arrival(branch, good, bad, now))
            elif leaf is Leaf.STATE:
                batch.notes.append(
                    partial(self._ledger.note_state, branch, device_messages.StateReport.read(incoming.payload), now)
                )
            elif leaf is Leaf.HEALTH:
                batch.notes.append(
                    partial(self._ledger.note_health, branch, device_messages.Health.read(incoming.payload), now)
                )
        except MessageError as trouble:
            log.warning("%s: a message to %s was thrown away: %s", branch.source, leaf, trouble)
            batch.notes.append(partial(self._ledger.count_unreadable, str(trouble)))

    def _state_message(self, state: Literal["ready", "offline"]) -> Message:
        report = device_messages.CentreState(state=state, at=self._now_at() if state == "ready" else None)
        return Message(topics.centre_state(self._root), report.written(), retain=True)

    def close(self) -> None:
        """Say goodbye and end the connection; the broker keeps the session."""
        if self._link is not None:
            try:
                if self._ready:
                    self._link.publish(self._state_message("offline"))
            except LinkError as trouble:
                log.info("could not say goodbye: %s", trouble)
            self._link.close()
        self._link, self._ready = None, False
        self._desk.shutdown()


def receipts(ingested: Sequence[Arrival], ranges_by_stream: Mapping[StreamKey, RangeSet]) -> list[Message]:
    """One receipt per stream that was touched, and for epochs that only had refusals."""
    refused: dict[StreamKey, list[Refused]] = {}
    for arrival in ingested:
        for one in arrival.refused:
            if one.id is not None and one.epoch is not None:
                refused.setdefault(StreamKey(arrival.branch, one.epoch), []).append(one)
    messages = []
    for key in {**ranges_by_stream, **refused}:
        ranges = ranges_by_stream.get(key, RangeSet())
        beyond = ranges.beyond()
        if len(beyond) > envelope.MAX_RECEIPT_RANGES:
            beyond = nearest(beyond, _seqs(key, ingested))
        payload = envelope.receipt(key.epoch, ranges.up_to, beyond, refused.get(key, ()))
        messages.append(Message(_receipt_topic(key.branch), payload))
    return messages


def _seqs(key: StreamKey, arrivals: Sequence[Arrival]) -> set[int]:
    own = (arrival.events for arrival in arrivals if arrival.branch == key.branch)
    return {event.data.seq for events in own for event in events if event.data.epoch == key.epoch}


def nearest(ranges: Sequence[Range], seqs: Iterable[int]) -> list[Range]:
    """Those that hold these numbers first: they are too many for one receipt."""
    asked = sorted(seqs)
    held = [span for span in ranges if (at := bisect_left(asked, span[0])) < len(asked) and asked[at] <= span[1]]
    first = set(held)
    return held + [span for span in ranges if span not in first]


def _receipt_topic(branch: Branch) -> str:
    return branch.topic(Leaf.RECEIPT)
