"""Which passages go when: live ones first, then the backlog, and again what is overdue."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kiosk.core.ports import Outbox
from kiosk.delivery.event_encoder import EventEncoder
from kiosk.delivery.poison_messages import PoisonMessageDetector
from mqtt import events
from mqtt.connection import Connection, OutgoingMessage
from mqtt.inflight_window import InflightWindow
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

MAX_ROWS_PER_READ = 250
"""Rows at a time: more of them leave the processor's cache before they are sent, and the broker waits longer for the first."""
REFILL_DIVISOR = 4
"""The backlog goes on when a fourth of the window is free: to look into the database for each passage costs more than it."""
LIVE_RESERVE = 100
MAX_PROBE_INTERVAL_S = 60.0
WHOLE_MESSAGE_PROBES = 2
ACTIVITY_TIMEOUT_S = 0.5
MAX_TRIES = 12
"""A message that the broker takes and the centre never answers, while it answers others, is divided, and so often sent."""
PACKET_OVERHEAD_BYTES = 512
"""Left in a packet for MQTT's own fields and the topic."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a courier works; sizes in passages."""

    receipt_timeout_s: float = 10.0
    acknowledge_by: Literal["centre", "broker"] = "centre"
    """`broker`: a passage leaves the outbox on the broker's PUBACK. The broker may still lose it."""
    max_inflight: int = 1000
    """At most so many passages without a receipt (live ones may exceed it by LIVE_RESERVE)."""
    max_batch: int = 50
    """At most so many passages in one message."""
    reconnect_max_delay_s: float = 60.0
    """Reconnects are tried at least this often on the long run: full jitter between 0 and at most this, seconds."""


class Sender:
    """The sending half of one courier. Everything is sent on the link of `begin`; the courier's thread alone.

    While the centre is silent, one overdue message is repeated as a probe, less and less often, so that a city of kiosks
    does not flood the broker of a centre that is away; once the centre is heard, all that is overdue goes again.
    """

    def __init__(self, outbox: Outbox, device_topics: DeviceTopics, options: DeliveryOptions) -> None:
        self.window: InflightWindow[str] = InflightWindow(options.max_inflight)
        self.too_large: list[int] = []
        """Passages that fit into no packet of this broker; whoever looks takes them out."""
        self.without_receipt: list[int] = []
        """Passages that the centre never answers for, though it answers for others; whoever looks takes them out."""
        self.poison_detector = PoisonMessageDetector()
        self.backlog_per_s: float | None = None
        """The centre's wish, passages per second; None: as fast as the window moves."""
        self._outbox = outbox
        self._encoder = EventEncoder(device_topics.source, outbox.epoch, outbox.boot_ids)
        self._topic = device_topics.topic(TopicKind.EVENT)
        self._options = options
        self._connection: Connection | None = None
        self._live_seq = self._backlog_seq = self._backlog_end = 0
        self._sent = 0
        self._last_receipt_s = 0.0
        self._last_activity_s = 0.0
        self._probes = 0
        self._probe_due_s = 0.0
        self._single_probe_answered = False
        self._rate_tokens = 0.0
        self._rate_updated_s = 0.0
        self._receive_maximum = 65535
        self._maximum_bytes = events.MAX_PAYLOAD_BYTES

    def on_connected(
        self, connection: Connection, receive_maximum: int, maximum_packet_bytes: int | None, now_s: float
    ) -> None:
        """A connection stands: all that waits now is backlog, what is committed from now on is live."""
        self._connection = connection
        self._receive_maximum = receive_maximum
        self._maximum_bytes = events.MAX_PAYLOAD_BYTES
        if maximum_packet_bytes is not None:
            self._maximum_bytes = min(self._maximum_bytes, maximum_packet_bytes - PACKET_OVERHEAD_BYTES)
        self._live_seq = self._backlog_end = self._outbox.newest_seq
        self._backlog_seq = 0
        self._rate_tokens, self._rate_updated_s = 0.0, now_s
        self.on_receipt(now_s)

    def on_disconnected(self, now_s: float) -> None:
        """The connection broke, and with it the meaning of all message ids: what was under way waits again."""
        self._connection = None
        self.poison_detector.on_disconnected(self.window.unacknowledged(), now_s)
        self.window.requeue_all()

    def rescan_outbox(self) -> None:
        """Look through the whole outbox again: something older than the backlog's place waits anew."""
        self._backlog_seq, self._backlog_end = 0, self._live_seq

    def is_idle(self) -> bool:
        """Nothing is under way, and all that was waiting has been looked through."""
        done = self._backlog_seq >= self._backlog_end and self._live_seq >= self._outbox.newest_seq
        return (
            self._connection is not None and done and len(self.window) == 0 and not self.poison_detector.has_candidates
        )

    def on_receipt(self, now_s: float) -> None:
        """The centre gave a sign of life."""
        self._last_receipt_s = now_s
        self._single_probe_answered = self._probes > WHOLE_MESSAGE_PROBES
        self._probes = 0
        self._probe_due_s = 0.0

    def centre_unresponsive(self, now_s: float) -> bool:
        """Passages are under way, and nothing was heard of the centre for a receipt's timeout."""
        return len(self.window) > 0 and self._last_receipt_s <= now_s - self._options.receipt_timeout_s

    def on_activity(self, now_s: float) -> None:
        """Something came back from the other side: it is worth waiting for more."""
        self._last_activity_s = now_s

    def window_full(self, now_s: float) -> bool:
        """Nothing more may be sent, and answers have been coming: the next is worth waiting for at the socket."""
        return not self._sent and len(self.window) > 0 and now_s - self._last_activity_s < ACTIVITY_TIMEOUT_S

    def send_due(self, now_s: float) -> int:
        """Send what may be sent; how many messages. Raises LinkError, StoreTrouble."""
        self._sent = 0
        if self._connection is not None:
            self._sent = self._send_due(self._connection, now_s)
        return self._sent

    def _send_due(self, connection: Connection, now_s: float) -> int:
        if self.poison_detector.has_candidates and not self.poison_detector.yield_turn:
            return self._send_candidates(connection, now_s)
        self.poison_detector.yield_turn = False
        return self._resend_overdue(now_s) + self._send_new(now_s) + self._send_backlog(now_s)

    def _send_candidates(self, connection: Connection, now_s: float) -> int:
        """One group, alone, where all else is acknowledged: if the connection breaks now, it is the group's doing."""
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
        silent = self.centre_unresponsive(now_s)
        if silent and now_s < self._probe_due_s:
            return 0
        late = self.window.take_overdue(now_s - self._options.receipt_timeout_s, limit=1 if silent else 100)
        for flight in late:
            if silent:
                self._send_probe(flight.rows, now_s, flight.tries)
            else:
                self._resend(flight.rows, now_s, flight.tries + 1)
        if late and silent:
            self._probe_due_s = now_s + min(
                self._options.receipt_timeout_s * 2 ** min(self._probes, 10), MAX_PROBE_INTERVAL_S
            )
            self._probes += 1
        return len(late)

    def _send_probe(self, rows: Mapping[int, str], now_s: float, tries: int) -> None:
        """Is the centre there? Later probes ask with a single passage: perhaps it is batches that never come to the centre."""
        if not self._probes and self._single_probe_answered:
            self._single_probe_answered = False
            self.poison_detector.limit_to_single_events(now_s)
        alone = len(rows) if self._probes < WHOLE_MESSAGE_PROBES and self._fits_one_message(rows, now_s) else 1
        asks, waits = _split_rows(rows, alone)
        self._send(asks, now_s, tries)
        if waits:
            self.window.add(waits, None, now_s, tries)

    def _resend(self, rows: Mapping[int, str], now_s: float, tries: int) -> None:
        """Where a broker swallows what is too large for it (MQTT 3.1.1 cannot say so), smaller messages get through."""
        if not self._fits_one_message(rows, now_s):
            for seq, event in rows.items():
                self._send({seq: event}, now_s, tries)
        elif tries <= 2 or len(rows) == 1:
            self._send(rows, now_s, tries)
        else:
            for half in _split_rows(rows, len(rows) // 2):
                self._send(half, now_s, tries)
        if tries >= MAX_TRIES and len(rows) == 1:
            self.without_receipt += rows

    def _fits_one_message(self, rows: Mapping[int, str], now_s: float) -> bool:
        return sum(map(len, rows.values())) + len(rows) < self.poison_detector.size_limit_bytes(now_s)

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
        free, size = self.window.free_slots(), self._options.max_inflight
        room = min(free, MAX_ROWS_PER_READ, self._backlog_allowance(now_s))
        if (
            self._backlog_seq >= self._backlog_end
            or free < size // REFILL_DIVISOR
            or room < min(self._options.max_batch, size)
        ):
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
        """How much of the backlog the centre's drain rate lets go now: a bucket that holds at most one second's worth."""
        if self.backlog_per_s is None:
            return MAX_ROWS_PER_READ
        full = max(self.backlog_per_s, float(self._options.max_batch))
        self._rate_tokens = min(full, self._rate_tokens + (now_s - self._rate_updated_s) * self.backlog_per_s)
        self._rate_updated_s = now_s
        return int(self._rate_tokens)

    def _send_rows(self, rows: Sequence[tuple[int, str]], now_s: float) -> tuple[int, int]:
        """Send from the front as many as the broker takes now: how many rows, in how many messages."""
        assert self._connection is not None
        taken = messages = 0
        while taken < len(rows) and self._connection.unacknowledged_count() < self._receive_maximum:
            batch, looked_at = self._next_batch(rows[taken : taken + self._options.max_batch], now_s)
            taken += looked_at
            if batch:
                self._send(batch, now_s)
                messages += 1
        return taken, messages

    def _read(self, after_seq: int, limit: int) -> list[tuple[int, str]]:
        return self._encoder.encode(self._outbox.pending_rows(after_seq, limit))

    def _next_batch(self, rows: Sequence[tuple[int, str]], now_s: float) -> tuple[dict[int, str], int]:
        """Events for one message, within the broker's size, and how many rows they take care of."""
        ceiling_bytes = min(self._maximum_bytes, self.poison_detector.size_limit_bytes(now_s))
        batch = dict(rows)
        free = not self.window.contains_any(batch) and not self.poison_detector.contains_any(batch)
        if free and 2 + sum(map(len, batch.values())) + len(batch) <= ceiling_bytes:
            return batch, len(rows)
        return self._next_batch_filtered(rows, ceiling_bytes)

    def _next_batch_filtered(self, rows: Sequence[tuple[int, str]], ceiling_bytes: int) -> tuple[dict[int, str], int]:
        batch: dict[int, str] = {}
        size = 2
        for looked_at, (seq, event) in enumerate(rows):
            if seq in self.window or seq in self.poison_detector:
                continue
            size += len(event) + 1
            if size > ceiling_bytes and batch:
                return batch, looked_at
            if size > self._maximum_bytes:
                self.too_large.append(seq)
                return batch, looked_at + 1
            batch[seq] = event
        return batch, len(rows)

    def _send(self, rows: Mapping[int, str], now_s: float, tries: int = 1) -> tuple[int, int]:
        """One message; its token and the size of its payload."""
        assert self._connection is not None
        payload = events.make_payload(list(rows.values()))
        media = events.EVENT_CONTENT_TYPE if len(rows) == 1 else events.BATCH_CONTENT_TYPE
        token = self._connection.publish(OutgoingMessage(self._topic, payload, content_type=media))
        self.window.add(rows, token, now_s, tries)
        return token, len(payload)


def _split_rows(rows: Mapping[int, str], first_count: int) -> tuple[dict[int, str], dict[int, str]]:
    """So many of the rows, and the rest."""
    each = list(rows.items())
    return dict(each[:first_count]), dict(each[first_count:])
