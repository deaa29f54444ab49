"""Decides which events are sent when: new ones first, then the backlog, and overdue ones again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kiosk.core.ports import Outbox
from kiosk.delivery import quarantine_retry
from kiosk.delivery.event_encoder import EventEncoder
from kiosk.delivery.inflight_window import InflightMessage, InflightWindow
from kiosk.delivery.poison_messages import PoisonMessageDetector
from kiosk.delivery.size_limits import SizeLimits
from mqtt import events
from mqtt.connection import Connection, OutgoingMessage
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

MAX_ROWS_PER_READ = 250
"""More rows would leave the processor's cache before they are sent, and the broker would wait longer for the first."""
REFILL_DIVISOR = 4
"""The backlog goes on when a quarter of the window is free, because a query for each event is slower than sending it."""
LIVE_RESERVE = 100
MAX_PROBE_INTERVAL_S = 60.0
WHOLE_MESSAGE_PROBES = 2
SINGLE_PROBE_ANSWERS = 2
"""How often in a row only a single event is answered until batches are taken for the cause. A centre under load answers late."""
ACTIVITY_TIMEOUT_S = 0.5
SEND_ROUNDS = frozenset((2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64))
"""The receipt timeouts after which a single event is sent again, while the centre sends receipts for others."""
LAST_ROUND = max(SEND_ROUNDS)
"""After so many timeouts it is taken out: ten minutes of the default. A broker under load drops any event for a while."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Options of a relay. Counts are of events."""

    receipt_timeout_s: float = 10.0
    acknowledge_by: Literal["centre", "broker"] = "centre"
    """`broker`: an event leaves the outbox on the broker's PUBACK. The broker may still lose it."""
    max_inflight: int = 1000
    """Events without a receipt. New events may exceed it by LIVE_RESERVE."""
    max_batch: int = 50
    """Events in one message."""
    first_backlog_events_per_s: float | None = None
    """The backlog rate until the centre names one. None: as fast as the window allows."""
    quarantine_retry_s: float = quarantine_retry.FIRST_S
    """After which time events that a broker did not take are sent again for the first time."""
    reconnect_max_delay_s: float = 60.0
    """Upper bound of the reconnect delay, which has full jitter."""
    announcement: OutgoingMessage | None = None
    """Published with each new connection, for other programs at the broker."""


class Sender:
    """The sending half of a relay. It uses the connection of `on_connected`. The relay's thread alone.

    While the centre sends nothing, one overdue message is repeated as a probe, less and less often. So the kiosks of a city do
    not flood the broker of a centre that is down. When the centre answers, all overdue messages are sent again.
    """

    def __init__(self, outbox: Outbox, device_topics: DeviceTopics, options: DeliveryOptions) -> None:
        self.window: InflightWindow[str] = InflightWindow(options.max_inflight)
        self.too_large: list[int] = []
        """Events that are larger than any message may be. The relay takes them out."""
        self.sizes = SizeLimits()
        self.without_receipt: list[int] = []
        """Events for which the centre sends no receipt, though it does for others. The relay takes them out."""
        self.poison_detector = PoisonMessageDetector()
        self.backlog_events_per_s = options.first_backlog_events_per_s
        """The backlog rate that the centre asks for. None: as fast as the window allows."""
        self._is_rate_told = False
        self._outbox = outbox
        self._source = device_topics.source
        self._encoder = self._new_encoder()
        self._topic = device_topics.topic(TopicKind.EVENT)
        self._options = options
        self._connection: Connection | None = None
        self._live_seq = self._backlog_seq = self._backlog_end = 0
        self._sent = 0
        self._unanswered_since_s = 0.0
        self._last_activity_s = 0.0
        self._probes = 0
        self._probe_due_s = 0.0
        self._single_probe_answers = 0
        self._rate_tokens = 0.0
        self._rate_updated_s = 0.0
        self._receive_maximum = 65535

    def on_connected(
        self, connection: Connection, receive_maximum: int, maximum_packet_bytes: int | None, now_s: float
    ) -> None:
        """All events that are pending now are backlog. Events committed from now on are new."""
        self._connection = connection
        self._receive_maximum = receive_maximum
        self.sizes.on_connected(maximum_packet_bytes)
        self._live_seq = self._backlog_end = self._outbox.newest_seq
        self._backlog_seq = 0
        self._rate_tokens, self._rate_updated_s = self._first_tokens(), now_s
        self._limit_rate_until_told()
        self.on_centre_ready(now_s)

    def _limit_rate_until_told(self) -> None:
        """The rate of an earlier connection may be that of a quiet hour. A whole fleet may be back now."""
        first = self._options.first_backlog_events_per_s
        if first is not None:
            told = self.backlog_events_per_s
            self.backlog_events_per_s = first if told is None else min(told, first)
            self._is_rate_told = False

    def _first_tokens(self) -> float:
        """Different in each device: those that come back together do not all send their first message in one moment."""
        part = int(self._outbox.epoch, 16) / float(16 ** len(self._outbox.epoch))
        return part * self._options.max_batch

    def set_backlog_rate(self, events_per_s: float | None, now_s: float, *, told: bool) -> None:
        """The rate of the backlog from now on. Not `told`: the centre is of an older release, and names none."""
        if not told and self._is_rate_told:
            return
        self._is_rate_told = self._is_rate_told or told
        if self.backlog_events_per_s is None:
            self._rate_tokens = self._first_tokens()
        else:
            self._backlog_allowance(now_s)
        self.backlog_events_per_s, self._rate_updated_s = events_per_s, now_s

    def on_disconnected(self, now_s: float) -> None:
        """The message ids of the old connection have no meaning now. All unacknowledged events are pending again."""
        self._connection = None
        self.poison_detector.on_disconnected(self.window.unacknowledged(), now_s)
        self.window.requeue_all()

    def _new_encoder(self) -> EventEncoder:
        return EventEncoder(self._source, self._outbox.epoch, self._outbox.boot_ids, self._outbox.base_seq)

    def on_new_epoch(self) -> None:
        """All undelivered events are sent again, in the new epoch of the outbox."""
        self._encoder = self._new_encoder()
        self.window.requeue_all()
        self.rescan_outbox()

    @property
    def unreadable(self) -> dict[int, str]:
        """Events that cannot be understood, with the reason. The relay takes them out."""
        return self._encoder.unreadable

    def rescan_outbox(self) -> None:
        """Read the whole outbox again, because older events are pending again."""
        self._backlog_seq, self._backlog_end = 0, self._live_seq

    def on_too_large(self, message: InflightMessage[str], now_s: float) -> None:
        """The broker refused this message for its size. Its events are sent in smaller messages, or wait."""
        seqs, size = tuple(message.rows), _size_bytes(message.rows)
        self.window.remove(message)
        self.poison_detector.on_too_large(seqs, now_s)
        self.sizes.on_refused(seqs, size, now_s)
        self.rescan_outbox()

    def is_idle(self) -> bool:
        """No message is in flight, and the outbox was read to its end."""
        done = self._backlog_seq >= self._backlog_end and self._live_seq >= self._outbox.newest_seq
        return (
            self._connection is not None and done and len(self.window) == 0 and not self.poison_detector.has_candidates
        )

    def on_receipt(self, now_s: float) -> None:
        """The centre answered."""
        answers = self._single_probe_answers + 1 if self._probes > WHOLE_MESSAGE_PROBES else 0
        self.on_centre_ready(now_s)
        self._single_probe_answers = answers

    def on_centre_ready(self, now_s: float) -> None:
        """The centre can answer from now on. Its silence before was no sign that larger messages do not come through."""
        self._unanswered_since_s = now_s
        self._single_probe_answers = self._probes = 0
        self._probe_due_s = 0.0

    def unanswered_s(self, now_s: float) -> float:
        """For how long events have been in flight without any answer of the centre. 0: none is in flight."""
        return now_s - self._unanswered_since_s if len(self.window) else 0.0

    def centre_unresponsive(self, now_s: float) -> bool:
        """Messages are in flight, and the centre did not answer for the receipt timeout after they were sent."""
        return len(self.window) > 0 and self._unanswered_since_s <= now_s - self._options.receipt_timeout_s

    def on_activity(self, now_s: float) -> None:
        """Something was received. It is worth waiting for more."""
        self._last_activity_s = now_s

    def window_full(self, now_s: float) -> bool:
        """Nothing more may be sent, and answers were received lately. It is worth waiting at the socket."""
        return not self._sent and len(self.window) > 0 and now_s - self._last_activity_s < ACTIVITY_TIMEOUT_S

    def send_due(self, now_s: float) -> int:
        """Send what is due. Returns the number of messages. Raises BrokerConnectionError and StoreError."""
        self._sent = 0
        if self.sizes.take_expired(now_s):
            self.rescan_outbox()
        if self._connection is not None:
            self._sent = self._send_due(self._connection, now_s)
        return self._sent

    def _send_due(self, connection: Connection, now_s: float) -> int:
        if self.poison_detector.has_candidates and not self.poison_detector.yield_turn:
            return self._send_candidates(connection, now_s)
        self.poison_detector.yield_turn = False
        return self._resend_overdue(now_s) + self._send_new(now_s) + self._send_backlog(now_s)

    def _send_candidates(self, connection: Connection, now_s: float) -> int:
        """One group alone, while all other messages are acknowledged. If the connection closes now, the group is the cause."""
        if self.poison_detector.is_inflight or connection.unacknowledged_count():
            return 0
        group = self.poison_detector.next_group()
        found = dict(row for seq in group for row in self._read(seq - 1, 1) if row[0] == seq)
        if len(found) < len(group):
            self.poison_detector.release(set(group) - found.keys(), now_s)
            return 0
        token, size = self._send(found, now_s)
        self.poison_detector.on_sent(group, token, size)
        return 1

    def _resend_overdue(self, now_s: float) -> int:
        unresponsive = self.centre_unresponsive(now_s)
        if unresponsive and now_s < self._probe_due_s:
            return 0
        overdue = self.window.take_overdue(now_s - self._options.receipt_timeout_s, limit=1 if unresponsive else 100)
        for message in overdue:
            if unresponsive:
                self._send_probe(message.rows, now_s, message.tries)
            else:
                self._resend(message.rows, now_s, message.tries + 1)
        if overdue and unresponsive:
            self._probe_due_s = now_s + min(
                self._options.receipt_timeout_s * 2 ** min(self._probes, 10), MAX_PROBE_INTERVAL_S
            )
            self._probes += 1
        return len(overdue)

    def _send_probe(self, rows: Mapping[int, str], now_s: float, tries: int) -> None:
        """Later probes contain a single event, because the broker may drop batches."""
        if not self._probes and self._single_probe_answers >= SINGLE_PROBE_ANSWERS:
            self._single_probe_answers = 0
            self.poison_detector.limit_to_single_events(now_s)
        count = len(rows) if self._probes < WHOLE_MESSAGE_PROBES and self._fits_one_message(rows, now_s) else 1
        sent, others = _split_rows(rows, count)
        self._send(sent, now_s, tries)
        if others:
            self.window.add(others, None, now_s, tries)

    def _resend(self, rows: Mapping[int, str], now_s: float, tries: int) -> None:
        """Smaller messages may pass where a broker drops large ones. (MQTT 3.1.1 cannot report this.)"""
        if not self._fits_one_message(rows, now_s):
            for seq, event in rows.items():
                self._send({seq: event}, now_s, tries)
        elif len(rows) == 1 and tries not in SEND_ROUNDS:
            self.window.add(rows, None, now_s, tries)
        elif tries <= 2 or len(rows) == 1:
            self._send(rows, now_s, tries)
        else:
            for half in _split_rows(rows, len(rows) // 2):
                self._send(half, now_s, tries)
        if tries >= LAST_ROUND and len(rows) == 1:
            self.without_receipt += rows

    def _fits_one_message(self, rows: Mapping[int, str], now_s: float) -> bool:
        return _size_bytes(rows) <= min(self.sizes.batch_bytes, self.poison_detector.size_limit_bytes(now_s))

    def _send_new(self, now_s: float) -> int:
        room = self.window.free_slots() + LIVE_RESERVE
        if self._outbox.newest_seq <= self._live_seq or len(self.window) >= self._options.max_inflight + LIVE_RESERVE:
            return 0
        rows = self._read(self._live_seq, min(room, MAX_ROWS_PER_READ))
        taken, messages = self._send_rows(rows, now_s)
        if taken:
            self._live_seq = rows[taken - 1][0]
        return messages

    def _send_backlog(self, now_s: float) -> int:
        if self._backlog_seq >= self._backlog_end:
            return 0
        free, size = self.window.free_slots(), self._options.max_inflight
        room = min(free, MAX_ROWS_PER_READ, self._backlog_allowance(now_s))
        waiting = max(1, self._outbox.backlog_size() - len(self.window))
        if free < size // REFILL_DIVISOR or room < min(self._options.max_batch, size, waiting):
            return 0
        found = self._read(self._backlog_seq, room)
        whole = found and found[-1][0] <= self._backlog_end
        rows = found if whole else [row for row in found if row[0] <= self._backlog_end]
        if not rows:
            self._backlog_seq = self._backlog_end
            return 0
        taken, messages = self._send_rows(rows, now_s)
        if taken:
            self._backlog_seq = rows[taken - 1][0]
            self._rate_tokens -= taken
        return messages

    def _backlog_allowance(self, now_s: float) -> int:
        """How many events of the backlog the rate allows now: a token bucket of at most one second."""
        if self.backlog_events_per_s is None:
            return MAX_ROWS_PER_READ
        full = max(self.backlog_events_per_s, float(self._options.max_batch))
        self._rate_tokens = min(full, self._rate_tokens + (now_s - self._rate_updated_s) * self.backlog_events_per_s)
        self._rate_updated_s = now_s
        return int(self._rate_tokens)

    def _send_rows(self, rows: Sequence[tuple[int, str]], now_s: float) -> tuple[int, int]:
        """Send as many rows as the broker accepts now. Returns the number of rows and of messages."""
        assert self._connection is not None
        taken = messages = 0
        while taken < len(rows) and self._connection.unacknowledged_count() < self._receive_maximum:
            batch, looked_at = self._next_batch(rows[taken : taken + self._options.max_batch], now_s)
            taken += looked_at
            if batch:
                if not len(self.window):
                    self._unanswered_since_s = now_s
                self._send(batch, now_s)
                messages += 1
        return taken, messages

    def _read(self, after_seq: int, limit: int) -> list[tuple[int, str]]:
        return self._encoder.encode(self._outbox.pending_rows(after_seq, limit))

    def _next_batch(self, rows: Sequence[tuple[int, str]], now_s: float) -> tuple[dict[int, str], int]:
        """The events of one message within the size limit, and the number of rows that are done with it."""
        limit_bytes = min(self.sizes.batch_bytes, self.poison_detector.size_limit_bytes(now_s))
        batch = dict(rows)
        free = not self.window.contains_any(batch) and not self.poison_detector.contains_any(batch)
        if free and _size_bytes(batch) <= limit_bytes and not self.sizes.oversize:
            return batch, len(rows)
        return self._next_batch_filtered(rows, limit_bytes)

    def _next_batch_filtered(self, rows: Sequence[tuple[int, str]], limit_bytes: int) -> tuple[dict[int, str], int]:
        batch: dict[int, str] = {}
        size = 2
        for looked_at, (seq, event) in enumerate(rows):
            if seq in self.window or seq in self.poison_detector or seq in self.sizes.oversize:
                continue
            size += len(event) + 1
            if size > limit_bytes and batch:
                return batch, looked_at
            if size > events.MAX_PAYLOAD_BYTES:
                self.too_large.append(seq)
                return batch, looked_at + 1
            if size > self.sizes.event_bytes:  # the limit belongs to this connection, not to the event
                self.sizes.oversize.add(seq)
                return batch, looked_at + 1
            batch[seq] = event
        return batch, len(rows)

    def _send(self, rows: Mapping[int, str], now_s: float, tries: int = 1) -> tuple[int, int]:
        """Send one message. Returns its token and the size of its payload."""
        assert self._connection is not None
        payload = events.make_payload(list(rows.values()))
        content_type = events.EVENT_CONTENT_TYPE if len(rows) == 1 else events.BATCH_CONTENT_TYPE
        token = self._connection.publish(OutgoingMessage(self._topic, payload, content_type=content_type))
        self.window.add(rows, token, now_s, tries)
        return token, len(payload)


def _size_bytes(rows: Mapping[int, str]) -> int:
    """Size of the payload with these events: brackets, and a comma between two."""
    return sum(map(len, rows.values())) + len(rows) + 1


def _split_rows(rows: Mapping[int, str], first_count: int) -> tuple[dict[int, str], dict[int, str]]:
    """The first rows, and the others."""
    each = list(rows.items())
    return dict(each[:first_count]), dict(each[first_count:])
