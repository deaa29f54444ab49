"""The outbox relay: connects to the broker, sends events, applies receipts, and reconnects after each loss."""

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from kiosk.core.model import ClockReading, DeviceState
from kiosk.core.ports import Clock, Outbox, StoreError
from kiosk.core.status import HealthCheck, UplinkStatus
from kiosk.delivery.broker_faults import ErrorLog, reason_code, require_device_features
from kiosk.delivery.device_reporter import ConnectionFactory, DeviceReporter
from kiosk.delivery.quarantine_retry import NO_RECEIPT, QuarantineRetry, selection
from kiosk.delivery.receipts import EpochConflictError, ReceiptBuffer
from kiosk.delivery.remote import NoCommands, OrderChannel
from kiosk.delivery.retry_timer import RetryTimer
from kiosk.delivery.sender import DeliveryOptions, Sender
from kiosk.delivery.steady_clock import SteadyClock
from mqtt import topics
from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerRefusedError,
    BrokerUnreachableError,
    CertificateTimeError,
    Connected,
    Connection,
    ConnectionEvent,
    IncomingMessage,
    Subscribed,
    reconnect_delay_s,
)
from mqtt.device_messages import BacklogRateMessage, CentreStateMessage
from mqtt.events import Receipt
from mqtt.message_model import InvalidMessageError
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

WINDOW_FULL_WAIT_S = 0.005
"""How long a step may wait for the network while the window is full."""
INFLIGHT_WAIT_S = 0.01
IDLE_WAIT_S = 0.1
STORE_ERROR_WAIT_S = 1.0
BACKOFF_FIRST_S = 2.0
DISCONNECT_TIMEOUT_S = 2.0
NEW_EPOCH_INTERVAL_S = 60.0
"""A centre that errs makes no more epochs than this."""
CENTRE_WAIT_S = 20.0
"""With several brokers: how long the centre may send no receipt before another broker is tried. It doubles each time."""
MAX_CENTRE_WAIT_S = 600.0
CONFLICT = "conflict"
MAINTENANCE_INTERVAL_S = 60.0
"""How often the retention limits are applied. The relay does it, because it has the time and the database connection."""


class OutboxRelay:
    """One thread calls `step`, and `close` at the end. `set_state`, `set_health`, `retry_quarantine`, `status`: any thread."""

    def __init__(
        self,
        outbox: Outbox,
        device_topics: DeviceTopics,
        connect: ConnectionFactory,
        *,
        clock: Clock,
        brokers: Sequence[str] = (),
        options: DeliveryOptions | None = None,
        software_version: str = "",
        jitter: random.Random | None = None,
        orders: OrderChannel | None = None,
    ) -> None:
        """`connect` makes a connection with a last will. `brokers`: all its addresses, `host:port`. `orders`: of the centre."""
        self._options = options or DeliveryOptions()
        self._outbox = outbox
        self._topics = device_topics
        self._connect = connect
        self._clock = clock
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads reconnects, not for security
        self._orders = orders or NoCommands()
        self._errors = ErrorLog()
        self._subscription_retry = RetryTimer(self._options.reconnect_max_delay_s, self._jitter)
        self._reporter = DeviceReporter(outbox, device_topics, software_version, self._options.announcement)
        self._sender = Sender(outbox, device_topics, self._options)
        self._receipts = ReceiptBuffer(outbox, self._sender.window)
        self._connection: Connection | None = None
        self._connack = Connected(session_present=False, receive_maximum=65535, maximum_packet_bytes=None)
        self._ready = False
        self._quarantine_retry_requested = False
        self._last_cause = ""
        self._broker_count = max(1, len(brokers))
        self._attempt, self._retry_s = 0, 0.0
        self._centre_wait_s = CENTRE_WAIT_S
        self._quarantine_retry = QuarantineRetry(self._options.quarantine_retry_s)
        self._maintenance_due_s = 0.0
        self._steady_clock = SteadyClock()
        self._new_epoch_allowed_s = 0.0
        self._down_since_s: float | None = None
        self._status = UplinkStatus(broker=", ".join(brokers), acknowledge_by=self._options.acknowledge_by)
        if self._options.acknowledge_by == "broker":
            log.warning(
                "acknowledge_by = broker: events leave the outbox on PUBACK; what the broker then loses is lost"
            )

    def set_state(self, state: DeviceState, reason: str = "") -> None:
        """The state to publish: when it changes, and on each connect."""
        self._reporter.set_state(state, reason)

    def set_health(self, checks: Iterable[HealthCheck]) -> None:
        """The health checks for the next health messages."""
        self._reporter.set_health(checks)

    def retry_quarantine(self) -> None:
        """Send quarantined events again."""
        self._quarantine_retry_requested = True

    def status(self) -> UplinkStatus:
        """The present state of delivery."""
        return self._status

    def step(self) -> float:
        """Do what is due, and wait for the network at most WINDOW_FULL_WAIT_S. Returns after how many seconds to call it again."""
        now = self._clock.now()
        try:
            self._run_maintenance(now)
            if self._connection is None:
                if now.monotonic_s < self._retry_s:
                    return min(self._retry_s - now.monotonic_s, 1.0)
                self._open(now.monotonic_s)
            busy = self._process(now)
        except BrokerConnectionError as error:
            self._on_connection_lost(error, now.monotonic_s)
            return IDLE_WAIT_S
        except StoreError as error:
            self._report_error(str(error))
            return STORE_ERROR_WAIT_S
        if busy or self._sender.window_full(now.monotonic_s) or not self._ready:
            return 0.0
        return INFLIGHT_WAIT_S if len(self._sender.window) else IDLE_WAIT_S

    def _run_maintenance(self, now: ClockReading) -> None:
        """Where this fails because the disk is full, events are still sent, and the next attempt comes a minute later."""
        steady_now = self._steady_clock.observe(now)
        if now.monotonic_s >= self._maintenance_due_s:
            self._maintenance_due_s = now.monotonic_s + MAINTENANCE_INTERVAL_S
            if self._outbox.run_maintenance(steady_now):
                self._maintenance_due_s = now.monotonic_s + IDLE_WAIT_S

    def close(self) -> None:
        """Write pending receipts, publish `offline` and disconnect, within DISCONNECT_TIMEOUT_S."""
        try:
            self._receipts.flush(self._clock.now().monotonic_s, immediately=True)
        except StoreError as error:
            log.warning("%s; these events will be sent again", error)
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._ready:
                self._publish_offline(connection)
        except BrokerConnectionError as error:
            log.info("could not publish offline: %s", error)
        finally:
            connection.close(clean=self._ready)
            self._ready = False
            self._status = replace(self._status, connected=False)

    def _publish_offline(self, connection: Connection) -> None:
        token = connection.publish(self._reporter.state_message("offline", "stopped", self._clock.now().utc_at))
        ends_s = self._clock.now().monotonic_s + DISCONNECT_TIMEOUT_S
        while self._clock.now().monotonic_s < ends_s:
            events = connection.process(0.1)
            if any(isinstance(event, Acknowledged) and event.token == token for event in events):
                return

    def _open(self, now_s: float) -> None:
        if self._down_since_s is None:
            self._down_since_s = now_s
        self._connection = self._connect(self._reporter.state_message("offline", "connection-lost", None))
        self._status = replace(self._status, broker=self._connection.address)
        self._connection.open()

    def _on_connection_lost(self, error: BrokerConnectionError, now_s: float) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(clean=False)
        if self._ready:
            self._down_since_s = now_s
        cause = error.code or str(error)
        if self._ready or self._attempt == 0 or cause != self._last_cause:
            log.warning("no connection to the broker: %s. Events are kept and sent later", error)
        self._ready, self._last_cause = False, cause
        self._subscription_retry.reset()
        self._orders.on_disconnected()
        self._sender.on_disconnected(now_s)
        self._quarantine_undeliverable()
        self._attempt += 1
        max_s, rounds = self._options.reconnect_max_delay_s, -(-self._attempt // self._broker_count)
        self._retry_s = now_s + reconnect_delay_s(rounds, BACKOFF_FIRST_S, max_s, self._jitter)
        by_clock = isinstance(error, CertificateTimeError)
        refused = isinstance(error, BrokerRefusedError) and not by_clock
        self._status = replace(
            self._status, connected=False, error=str(error), certificate_time_error=by_clock, refused=refused
        )

    def _process(self, now: ClockReading) -> bool:
        assert self._connection is not None
        now_s, now_at = now.monotonic_s, now.utc_at
        wait_s = 0.0 if self._ready else INFLIGHT_WAIT_S
        events = self._connection.process(WINDOW_FULL_WAIT_S if self._sender.window_full(now_s) else wait_s)
        if events:
            self._sender.on_activity(now_s)
        for event in events:
            self._on_event(event, now_s, now_at)
        if not self._ready:
            return bool(events)
        if self._subscription_retry.take_due(now_s):
            self._subscribe()
        if self._quarantine_retry_requested:
            self._quarantine_retry_requested = False
            self._receipts.flush(now_s, immediately=True)
            log.info("%d events leave quarantine and are sent again", self._outbox.release_quarantine())
        if self._quarantine_retry.take_due(now_s):
            self._retry_undeliverable(now)
        waiting = self._outbox.backlog_size() - len(self._sender.sizes.oversize)
        if not self._receipts.has_pending and self._sender.is_idle() and waiting > 0:
            self._outbox.settle_missing_rows()
            self._sender.rescan_outbox()  # older events are pending again after quarantine
        self._receipts.flush(now_s)
        self._reporter.publish_due(self._connection, now)
        self._orders.publish_due(self._connection)
        sent = self._sender.send_due(now_s)
        self._quarantine_undeliverable()
        if self._sender.centre_unresponsive(now_s) and self._options.acknowledge_by == "centre":
            self._report_error("the broker accepts events, but the centre sends no receipts")
            self._leave_broker_without_centre(now_s)
        if self._sender.sizes.oversize:
            self._report_error(
                "some events are larger than this broker's maximum packet size. They are kept and tried again"
            )
            self._status = replace(self._status, refused=True)
        return bool(events) or sent > 0

    def _leave_broker_without_centre(self, now_s: float) -> None:
        """The centre may be at another broker. Where it is at none, the search takes longer each time.

        Raises BrokerUnreachableError.
        """
        if self._broker_count > 1 and self._sender.unanswered_s(now_s) > self._centre_wait_s:
            self._centre_wait_s = min(2 * self._centre_wait_s, MAX_CENTRE_WAIT_S)
            raise BrokerUnreachableError(
                f"{self._status.broker}: the centre does not answer here; another broker is tried"
            )

    def _retry_undeliverable(self, now: ClockReading) -> None:
        """The way to the centre may have changed since these events were quarantined."""
        self._receipts.flush(now.monotonic_s, immediately=True)
        count = self._outbox.release_quarantine(retry=selection(now.utc_at))
        self._quarantine_retry.on_attempt(count, now.monotonic_s)
        if count:
            self._sender.rescan_outbox()
            log.info("%d events that a broker did not take are tried again", count)

    def _quarantine_undeliverable(self) -> None:
        """Quarantine what can never be delivered, so that other events can."""
        sender = self._sender
        for seqs, reason in ((sender.too_large, "too-large"), (sender.without_receipt, NO_RECEIPT)):
            self._receipts.quarantine(dict.fromkeys(seqs, reason))
            seqs.clear()
        self._receipts.quarantine(sender.poison_detector.rejected)
        sender.poison_detector.rejected.clear()
        if sender.unreadable:
            self._outbox.quarantine_unreadable(sender.unreadable)
            log.error("%d undelivered events cannot be understood. They are kept in quarantine", len(sender.unreadable))
            sender.unreadable.clear()

    def _on_event(self, event: ConnectionEvent, now_s: float, now_at: datetime) -> None:
        assert self._connection is not None
        if isinstance(event, Connected):
            require_device_features(event)
            self._connack = event
            self._subscribe()
        elif isinstance(event, Subscribed):
            self._on_subscribed(event, now_s, now_at)
        elif isinstance(event, Acknowledged):
            self._on_acknowledged(event, now_s)
        else:
            if event.qos:
                self._connection.acknowledge(event)
            if not self._orders.on_message(event):
                self._on_message(event, now_s, now_at)

    def _subscribe(self) -> None:
        assert self._connection is not None
        self._connection.subscribe([self._topics.topic(TopicKind.RECEIPT), *self._orders.filters])

    def _on_subscribed(self, event: Subscribed, now_s: float, now_at: datetime) -> None:
        if not self._ready:
            self._begin_delivery(now_s, now_at)
        if self._topics.topic(TopicKind.RECEIPT) in event.rejected_filters:
            self._subscription_retry.on_refused(now_s)
            self._report_error("the broker refuses the subscription to receipts; check its ACL. It is tried again")
            self._status = replace(self._status, refused=True)
        elif self._subscription_retry.is_retrying:
            self._subscription_retry.reset()
            self._sender.on_receipt(now_s)
            self._status = replace(self._status, error="", refused=False)
            log.info("the broker grants the subscription to receipts now")

    def _begin_delivery(self, now_s: float, now_at: datetime) -> None:
        assert self._connection is not None
        try:
            self._receipts.flush(now_s, immediately=True)
        except StoreError as error:  # events are sent also while the disk is full
            self._report_error(str(error))
        self._reporter.on_connected(now_at)
        self._orders.on_connected()
        self._sender.on_connected(
            self._connection, self._connack.receive_maximum, self._connack.maximum_packet_bytes, now_s
        )
        self._ready = True
        self._status = replace(self._status, connected=True, error="", certificate_time_error=False, refused=False)
        away_s = now_s - (self._down_since_s if self._down_since_s is not None else now_s)
        self._down_since_s = None
        log.info("connected to the broker after %.1f s; %d events are pending", away_s, self._outbox.backlog_size())

    def _on_acknowledged(self, event: Acknowledged, now_s: float) -> None:
        self._orders.on_acknowledged(event)
        detector = self._sender.poison_detector
        message = self._sender.window.on_puback(event.token)
        if event.too_large:
            if message is not None:
                self._sender.on_too_large(message, now_s)
            return
        if event.failure is not None:
            self._report_error(f"the broker refuses messages of this device: {event.failure}; check its ACL and limits")
            self._status = replace(self._status, refused=not event.permanent)
            if event.permanent and message is not None:
                size = sum(len(text) + 1 for text in message.rows.values())
                detector.on_rejected(tuple(message.rows), size, reason_code(event.failure), now_s)
                self._sender.window.acknowledge(list(message.rows))
            else:
                detector.on_postponed(event.token)
            return
        detector.on_acknowledged(event.token, now_s)
        if message is None:
            return
        detector.release(message.rows, now_s)
        if event.no_subscribers and self._options.acknowledge_by == "centre":
            self._report_error("the broker has no subscriber for events: no centre is subscribed")
        elif self._options.acknowledge_by == "broker":
            self._attempt = 0
            self._receipts.apply_puback(message)

    def _on_message(self, incoming: IncomingMessage, now_s: float, now_at: datetime) -> None:
        """A receipt. Brokers with subscriptions of their own also send the state of the centre and the rate for all devices."""
        try:
            if incoming.topic == self._topics.topic(TopicKind.RECEIPT):
                receipt = Receipt.from_payload(incoming.payload)
                if receipt.sets_backlog_rate or receipt.confirmed is None:
                    self._sender.set_backlog_rate(receipt.backlog_events_per_s, now_s, told=receipt.sets_backlog_rate)
                if self._receipts.apply(receipt):
                    self._attempt = 0
                    self._centre_wait_s = CENTRE_WAIT_S
                    if receipt.is_greeting:
                        self._sender.on_centre_ready(now_s)
                    else:
                        self._sender.on_receipt(now_s)
                    at = now_at.isoformat(timespec="seconds")
                    self._status = replace(self._status, error="", last_receipt_at=at, refused=False)
            elif incoming.topic == topics.centre_state_topic(self._topics.prefix):
                if CentreStateMessage.from_payload(incoming.payload).state == "ready":
                    self._sender.on_centre_ready(now_s)
            elif incoming.topic == topics.backlog_rate_topic(self._topics.prefix):
                rate = BacklogRateMessage.from_payload(incoming.payload).events_per_s
                self._sender.set_backlog_rate(rate, now_s, told=True)
        except InvalidMessageError as error:
            # a retained one comes again with each connection
            self._errors.error(f"an invalid message on {incoming.topic} was dropped: {error}", now_s)
        except EpochConflictError as error:
            self._start_new_epoch(str(error), now_s)

    def _start_new_epoch(self, cause: str, now_s: float) -> None:
        """Seqs of this epoch were given out twice. What is undelivered gets new ones, so that nothing is lost."""
        if now_s < self._new_epoch_allowed_s:
            self._report_error(cause)
            return
        self._new_epoch_allowed_s = now_s + NEW_EPOCH_INTERVAL_S
        self._receipts.flush(now_s, immediately=True)
        self._outbox.start_new_epoch(CONFLICT)
        self._sender.on_new_epoch()
        self._reporter.on_new_epoch()
        log.critical("%s. A new epoch was started, and all undelivered events are sent again in it", cause)

    def _report_error(self, error: str) -> None:
        """Show the error while it lasts. Log it once, also when several errors alternate."""
        self._errors.error(error, self._clock.now().monotonic_s)
        if error != self._status.error:
            self._status = replace(self._status, error=error)
