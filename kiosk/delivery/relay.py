"""The courier's loop: connect, greet, send, take receipts, and come back after every loss."""

import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from kiosk.core.model import Moment, State
from kiosk.core.ports import Clock, Outbox, StoreTrouble
from kiosk.core.status import UplinkStatus
from kiosk.delivery.device_reporter import Announcer, Connect
from kiosk.delivery.receipts import ForeignReceipt, Receipts
from kiosk.delivery.sender import Sender, Terms
from mqtt import device_messages, topics
from mqtt import events as envelope
from mqtt.connection import Acknowledged, Connected, Event, Incoming, Link, LinkClock, LinkError, Subscribed
from mqtt.message_model import MessageError
from mqtt.topics import Branch, Leaf

log = logging.getLogger(__name__)

FULL_S = 0.005
"""How long a step may wait for the network where a full window leaves nothing else to do."""
UNDER_WAY_S = 0.01
IDLE_S = 0.1
BROKEN_S = 1.0
BACKOFF_FIRST_S = 2.0
GOODBYE_S = 2.0
TEND_EVERY_S = 60.0
"""How often the store lets go what its limits say; here, because this thread has the time and the connection for it."""


class Courier:
    """One thread calls `step`, and `close` at the end; `set_state`, `set_health`, `retry_quarantine`, `status`: any."""

    def __init__(
        self,
        outbox: Outbox,
        device_topics: Branch,
        connect: Connect,
        *,
        clock: Clock,
        broker_name: str = "",
        options: Terms | None = None,
        software_version: str = "",
        jitter: random.Random | None = None,
    ) -> None:
        """`connect` makes a new, unopened link with a last will; `broker` is its name for people."""
        self._terms = options or Terms()
        self._outbox = outbox
        self._branch = device_topics
        self._connect = connect
        self._clock = clock
        self._dice = jitter or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._announcer = Announcer(outbox, device_topics, software_version)
        self._sender = Sender(outbox, device_topics, self._terms)
        self._receipts = Receipts(outbox, self._sender.window)
        self._link: Link | None = None
        self._greeting = Connected(session_present=False, receive_maximum=65535, maximum_packet_bytes=None)
        self._ready = False
        self._retry_wanted = False
        self._attempt = 0
        self._retry_s = 0.0
        self._tend_s = 0.0
        self._down_since_s: float | None = None
        self._status = UplinkStatus(broker=broker_name, delivery=self._terms.delivery)
        if self._terms.delivery == "broker":
            log.warning("delivery = broker: passages leave the outbox on PUBACK; what the broker then loses is lost")

    def set_state(self, state: State, reason: str = "") -> None:
        """What the device says of itself from now on; sent when it changes and on every connect."""
        self._announcer.set_state(state, reason)

    def set_health(self, _clock: str, checks: Mapping[str, str]) -> None:
        """For the health message of every minute: name of a fact to its grade. (The clock's quality is read when it goes.)"""
        self._announcer.set_health(checks)

    def retry_quarantine(self) -> None:
        """Offer the centre once more what it refused."""
        self._retry_wanted = True

    def status(self) -> UplinkStatus:
        """The way to the centre as it is now."""
        return self._status

    def step(self) -> float:
        """Do what can be done now (waiting for the network at most FULL_S); returns when to come again, in seconds."""
        now = self._clock.now()
        try:
            self._tend(now)
            if self._link is None:
                if now.s < self._retry_s:
                    return min(self._retry_s - now.s, 1.0)
                self._open(now.s)
            busy = self._turn(now)
        except LinkError as trouble:
            self._lost(trouble, now.s)
            return IDLE_S
        except StoreTrouble as trouble:
            self._complain(str(trouble))
            return BROKEN_S
        if busy or self._sender.blocked(now.s) or not self._ready:
            return 0.0
        return UNDER_WAY_S if len(self._sender.window) else IDLE_S

    def _tend(self, now: Moment) -> None:
        """A disk that is too full even to delete must not keep passages from leaving: the next try is a minute away."""
        if now.s >= self._tend_s:
            self._tend_s = now.s + TEND_EVERY_S
            if self._outbox.tend(now):
                self._tend_s = now.s + IDLE_S

    def close(self) -> None:
        """Note what the centre has, say goodbye, end the connection. Takes at most GOODBYE_S."""
        try:
            self._receipts.settle(self._clock.now().s, immediately=True)
        except StoreTrouble as trouble:
            log.warning("%s; these passages will be sent again", trouble)
        link, self._link = self._link, None
        if link is None:
            return
        try:
            if self._ready:
                self._say_goodbye(link)
        except LinkError as trouble:
            log.info("could not say goodbye: %s", trouble)
        finally:
            link.close(clean=self._ready)
            self._ready = False
            self._status = replace(self._status, connected=False)

    def _say_goodbye(self, connection: Link) -> None:
        token = connection.publish(self._announcer.message("offline", "stopped", self._clock.now().at))
        ends_s = self._clock.now().s + GOODBYE_S
        while self._clock.now().s < ends_s:
            events = connection.pump(0.1)
            if any(isinstance(event, Acknowledged) and event.token == token for event in events):
                return

    def _open(self, now_s: float) -> None:
        if self._down_since_s is None:
            self._down_since_s = now_s
        self._link = self._connect(self._announcer.message("offline", "lost", None))
        self._link.open()

    def _lost(self, error: LinkError, now_s: float) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close(clean=False)
        if self._ready:
            self._down_since_s = now_s
        if self._ready or self._attempt == 0:
            log.warning("no way to the centre: %s. Passages are kept and sent later", error)
        self._ready = False
        self._sender.end(now_s)
        self._set_aside()
        self._attempt += 1
        ceiling_s = min(self._terms.backoff_last_s, BACKOFF_FIRST_S * 2 ** min(self._attempt - 1, 10))
        self._retry_s = now_s + self._dice.uniform(0.0, ceiling_s)  # full jitter: a city's kiosks come back spread out
        self._status = replace(self._status, connected=False, trouble=str(error), clock=isinstance(error, LinkClock))

    def _turn(self, now: Moment) -> bool:
        assert self._link is not None
        now_s, now_at = now.s, now.at
        greeting = 0.0 if self._ready else UNDER_WAY_S
        events = self._link.pump(FULL_S if self._sender.blocked(now_s) else greeting)
        if events:
            self._sender.moved(now_s)
        for event in events:
            self._take(event, now_s, now_at)
        if not self._ready:
            return bool(events)
        if self._retry_wanted:
            self._retry_wanted = False
            self._receipts.settle(now_s, immediately=True)
            log.info("%d passages leave quarantine and are offered again", self._outbox.release_quarantine())
        if not self._receipts.gathered and self._sender.idle() and self._outbox.depth():
            self._sender.start_over()  # something older waits anew: it came out of quarantine
        self._receipts.settle(now_s)
        self._announcer.speak(self._link, now)
        sent = self._sender.work(now_s)
        self._set_aside()
        if self._sender.silent(now_s) and self._terms.delivery == "centre":
            self._complain("the broker takes passages, the centre does not answer")
        return bool(events) or sent > 0

    def _set_aside(self) -> None:
        """Into quarantine with what can never be delivered, so that all others can."""
        sender = self._sender
        for seqs, reason in ((sender.too_large, "too-large"), (sender.unanswered, "never-answered")):
            self._receipts.set_aside(dict.fromkeys(seqs, reason))
            seqs.clear()
        self._receipts.set_aside(sender.trial.guilty)
        sender.trial.guilty.clear()

    def _take(self, event: Event, now_s: float, now_at: datetime) -> None:
        assert self._link is not None
        if isinstance(event, Connected):
            self._greeting = event
            self._link.subscribe([self._branch.topic(Leaf.RECEIPT), *topics.of_centre(self._branch.root)])
        elif isinstance(event, Subscribed):
            self._start(event, now_s, now_at)
        elif isinstance(event, Acknowledged):
            self._acknowledged(event, now_s)
        else:
            if event.qos:
                self._link.confirm(event)
            self._hear(event, now_s, now_at)

    def _start(self, event: Subscribed, now_s: float, now_at: datetime) -> None:
        assert self._link is not None
        try:
            self._receipts.settle(now_s, immediately=True)
        except StoreTrouble as trouble:  # a full disk must not keep passages from leaving; these are sent again
            self._complain(str(trouble))
        self._announcer.connected(now_at)
        self._sender.begin(self._link, self._greeting.receive_maximum, self._greeting.maximum_packet_bytes, now_s)
        self._ready = True
        self._status = replace(self._status, connected=True, trouble="", clock=False)
        away_s = now_s - (self._down_since_s if self._down_since_s is not None else now_s)
        self._down_since_s = None
        log.info("connected to the broker after %.1f s; %d passages wait", away_s, self._outbox.depth())
        if self._branch.topic(Leaf.RECEIPT) in event.refused:
            self._complain("the broker does not let this device have its receipts; check its ACL")

    def _acknowledged(self, event: Acknowledged, now_s: float) -> None:
        trial = self._sender.trial
        flight = self._sender.window.acknowledged(event.token)
        if event.refusal is not None:
            self._complain(f"the broker refuses what this device sends: {event.refusal}; check its ACL and limits")
            if event.about_content and flight is not None:
                size = sum(len(event) + 1 for event in flight.rows.values())
                trial.refused(tuple(flight.rows), size, _reason_word(event.refusal), now_s)
                self._sender.window.landed(list(flight.rows))
            else:
                trial.postponed(event.token)
            return
        trial.acknowledged(event.token, now_s)
        if flight is None:
            return
        trial.cleared(flight.rows, now_s)
        if event.unheard and self._terms.delivery == "centre":
            self._complain("the broker has nobody who listens: no centre is subscribed")
        elif self._terms.delivery == "broker":
            self._attempt = 0
            self._receipts.take_word_of_broker(flight)

    def _hear(self, incoming: Incoming, now_s: float, now_at: datetime) -> None:
        """A receipt, the centre's own state, or its wish for a drain rate; anything else should not have come."""
        try:
            if incoming.topic == self._branch.topic(Leaf.RECEIPT):
                if self._receipts.take(envelope.Receipt.read(incoming.payload)):
                    self._attempt = 0
                    self._sender.heard(now_s)
                    at = now_at.isoformat(timespec="seconds")
                    self._status = replace(self._status, trouble="", last_receipt_at=at)
            elif incoming.topic == topics.centre_state(self._branch.root):
                if device_messages.CentreState.read(incoming.payload).state == "ready":
                    self._sender.heard(now_s)
            elif incoming.topic == topics.centre_drain(self._branch.root):
                self._sender.backlog_per_s = device_messages.Drain.read(incoming.payload).passages_per_s
        except MessageError as why:
            log.warning("a message from the centre's side was thrown away: %s", why)
        except ForeignReceipt as why:
            self._complain(str(why))

    def _complain(self, error: str) -> None:
        """Show it for as long as it lasts, log it once."""
        if error != self._status.trouble:
            log.error("%s", error)
            self._status = replace(self._status, trouble=error)


def _reason_word(failure: str) -> str:
    """MQTT's name of a reason code as a word of ours: `packet-too-large`."""
    return failure.lower().replace(" ", "-")
