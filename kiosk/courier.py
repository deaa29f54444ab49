"""From outbox to centre: sends each passage until the centre's own receipt says that it is there."""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kiosk.model import State, Stored
from kiosk.ports import Clock, Outbox, StoreTrouble
from kiosk.status import UplinkStatus
from mqtt import envelope
from mqtt.envelope import MessageError, Receipt, StateReport
from mqtt.link import Acknowledged, Connected, Event, Incoming, Link, LinkError, Message, Subscribed
from mqtt.ranges import Range
from mqtt.topics import Branch, Leaf
from mqtt.window import Window

log = logging.getLogger(__name__)

BUSY_S = 0.002
IDLE_S = 0.1
BACKOFF_FIRST_S = 2.0
BACKOFF_LAST_S = 60.0
PROBE_LAST_S = 60.0
SETTLE_EVERY_S = 0.1
HEALTH_EVERY_S = 60.0
GOODBYE_S = 2.0
READ_AHEAD = 500
LIVE_RESERVE = 100
"""Passages of this minute may be sent although the backlog fills the window."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a courier works; sizes in passages."""

    receipt_timeout_s: float = 10.0
    delivery: Literal["centre", "broker"] = "centre"
    """`broker`: a passage leaves the outbox on the broker's PUBACK. The broker may still lose it."""
    window: int = 1000
    """At most so many passages without a receipt."""
    batch: int = 50
    """At most so many passages in one message."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A passage ready for the wire."""

    id: UUID
    text: str


class Courier:
    """One thread calls `step` (and at the end `close`); `set_state`, `set_health` and `status` may come from any.

    Live passages (committed since this connection was made) go before the backlog. Several that wait at the same moment
    share a message. While the centre is silent, one overdue message is repeated as a probe, less and less often;
    once it answers, all that is overdue is sent again.
    """

    def __init__(
        self,
        outbox: Outbox,
        branch: Branch,
        connect: Callable[[Message], Link],
        *,
        clock: Clock,
        broker: str = "",
        terms: Terms | None = None,
        software: str = "",
        dice: random.Random | None = None,
    ) -> None:
        """`connect` makes a new, unopened link with this last will; `broker` is its name for people."""
        self._outbox = outbox
        self._branch = branch
        self._connect = connect
        self._clock = clock
        self._terms = terms or Terms()
        self._software = software
        self._dice = dice or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._window: Window[Parcel] = Window(self._terms.window)
        self._link: Link | None = None
        self._ready = False
        self._attempt = 0
        self._retry_s = 0.0
        self._down_since_s: float | None = None
        self._live_seq = self._backlog_seq = self._backlog_end = 0
        self._probes = 0
        self._heard_s = 0.0
        self._settle_s = 0.0
        self._health_s = 0.0
        self._up_to = 0
        self._beyond: list[Range] = []
        self._rejected: dict[int, str] = {}
        self._receive_maximum = 65535
        self._maximum_bytes = envelope.MAX_PAYLOAD_BYTES
        self._lock = threading.Lock()
        self._state = State.STARTING
        self._state_reason = ""
        self._state_sent = False
        self._facts: dict[str, str] = {}
        self._clock_words = "unset"
        self._status = UplinkStatus(broker=broker, delivery=self._terms.delivery)
        if self._terms.delivery == "broker":
            log.warning("delivery = broker: passages leave the outbox on PUBACK; what the broker then loses is lost")

    # --- what others ask -------------------------------------------------------------------------------------------

    def set_state(self, state: State, reason: str = "") -> None:
        """What the device says of itself from now on; sent when it changes and on every connect. Any thread."""
        with self._lock:
            if (state, reason) != (self._state, self._state_reason):
                self._state, self._state_reason, self._state_sent = state, reason[:64], False

    def set_health(self, clock: str, facts: Mapping[str, str]) -> None:
        """Facts for the next health message: the clock's quality, and name to grade. Any thread."""
        with self._lock:
            self._clock_words, self._facts = clock, dict(facts)

    def status(self) -> UplinkStatus:
        """The way to the centre as it is now. Any thread."""
        return self._status

    # --- the loop --------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """Do what can be done now without waiting; returns after how many seconds to come again."""
        now = self._clock.now()
        try:
            if self._link is None:
                if now.s < self._retry_s:
                    return min(self._retry_s - now.s, 1.0)
                self._open(now.s)
            busy = self._turn(now.s, now.at)
        except LinkError as trouble:
            self._lost(str(trouble), now.s)
            return IDLE_S
        except StoreTrouble as trouble:
            self._tell(trouble=str(trouble))
            return 1.0
        if busy:
            return 0.0
        return BUSY_S if len(self._window) else IDLE_S

    def close(self) -> None:
        """Note what the centre has, say goodbye, and end the connection. Takes at most GOODBYE_S. The stepping thread."""
        try:
            self._settle(self._clock.now().s, now_or_never=True)
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
            self._tell(connected=False)

    def _say_goodbye(self, link: Link) -> None:
        token = link.publish(self._state_message("offline", "stopped", self._clock.now().at))
        ends_s = self._clock.now().s + GOODBYE_S
        while self._clock.now().s < ends_s:
            events = link.pump(0.1)
            if any(isinstance(event, Acknowledged) and event.token == token for event in events):
                return

    # --- the connection --------------------------------------------------------------------------------------------

    def _open(self, now_s: float) -> None:
        if self._down_since_s is None:
            self._down_since_s = now_s
        link = self._connect(self._state_message("offline", "lost", None))
        self._link = link
        link.open()

    def _lost(self, why: str, now_s: float) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close(clean=False)
        first = self._ready or self._attempt == 0
        if self._ready:
            self._down_since_s = now_s
        self._ready = False
        self._window.recall_all()
        self._attempt += 1
        ceiling_s = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2 ** min(self._attempt - 1, 10))
        self._retry_s = now_s + self._dice.uniform(0.0, ceiling_s)  # full jitter: a city's kiosks come back spread out
        self._tell(connected=False, trouble=why)
        if first:
            log.warning("no way to the centre: %s. Passages are kept and sent later", why)

    def _greet(self, event: Connected) -> None:
        assert self._link is not None
        self._receive_maximum = event.receive_maximum
        if event.maximum_packet_bytes is not None:
            self._maximum_bytes = min(envelope.MAX_PAYLOAD_BYTES, event.maximum_packet_bytes - 512)
        self._link.subscribe([self._branch.topic(Leaf.RECEIPT)])

    def _start_sending(self, event: Subscribed, now_s: float) -> None:
        if event.refused:
            trouble = f"the broker refuses {', '.join(event.refused)}: this device cannot get receipts; check the ACL"
            if trouble != self._status.trouble:
                log.error("%s", trouble)
            self._tell(trouble=trouble)
        self._settle(now_s, now_or_never=True)
        self._ready = True
        with self._lock:
            self._state_sent = False
        self._backlog_end = self._live_seq = self._outbox.newest_seq
        self._backlog_seq = 0
        self._probes = 0
        self._heard_s = self._health_s = now_s
        self._tell(connected=True, trouble=self._status.trouble if event.refused else "")
        away_s = now_s - (self._down_since_s if self._down_since_s is not None else now_s)
        log.info("connected to the broker after %.1f s, %d passages wait", away_s, self._outbox.depth())
        self._down_since_s = None

    def _tell(
        self, *, connected: bool | None = None, trouble: str | None = None, last_receipt_at: str | None = None
    ) -> None:
        old = self._status
        self._status = UplinkStatus(
            broker=old.broker,
            connected=old.connected if connected is None else connected,
            last_receipt_at=last_receipt_at or old.last_receipt_at,
            trouble=old.trouble if trouble is None else trouble,
            delivery=old.delivery,
        )

    # --- one turn --------------------------------------------------------------------------------------------------

    def _turn(self, now_s: float, now_at: datetime) -> bool:
        assert self._link is not None
        events = self._link.pump()
        for event in events:
            self._take(event, now_s, now_at)
        if not self._ready:
            return bool(events)
        self._settle(now_s)
        self._speak(now_s, now_at)
        sent = self._send_again(now_s) + self._send_live(now_s) + self._send_backlog(now_s)
        return bool(events) or sent > 0

    def _take(self, event: Event, now_s: float, now_at: datetime) -> None:
        if isinstance(event, Connected):
            self._greet(event)
        elif isinstance(event, Subscribed):
            self._start_sending(event, now_s)
        elif isinstance(event, Acknowledged):
            self._acknowledged(event)
        else:
            self._hear(event, now_s, now_at)

    def _acknowledged(self, event: Acknowledged) -> None:
        flight = self._window.acknowledged(event.token)
        if event.refusal is not None:
            trouble = f"the broker refuses what this device sends: {event.refusal}; check its ACL and limits"
            if trouble != self._status.trouble:
                log.error("%s", trouble)
            self._tell(trouble=trouble)
        elif event.unheard and self._terms.delivery == "centre":
            self._tell(trouble="the broker has nobody who listens: no centre is subscribed")
        elif flight is not None:
            self._attempt = 0
            if self._terms.delivery == "broker":
                seqs = list(flight.rows)
                self._beyond += [(seq, seq) for seq in seqs]
                self._window.landed(seqs)

    def _hear(self, incoming: Incoming, now_s: float, now_at: datetime) -> None:
        """A receipt, or something that should not have come."""
        assert self._link is not None
        if incoming.qos:
            self._link.confirm(incoming)
        if incoming.topic != self._branch.topic(Leaf.RECEIPT):
            return
        try:
            receipt = envelope.read_receipt(incoming.payload)
        except MessageError as why:
            log.warning("a receipt was refused: %s", why)
            return
        if receipt.epoch != self._outbox.epoch:
            return
        newest = self._outbox.newest_seq
        if max([receipt.up_to_seq, *(last for _, last in receipt.beyond)]) > newest:
            trouble = f"the centre confirms passages past {newest}, the newest here: is this device's name used twice?"
            if trouble != self._status.trouble:
                log.error("%s", trouble)
            self._tell(trouble=trouble)
            return
        self._land(receipt, now_s, now_at)

    def _land(self, receipt: Receipt, now_s: float, now_at: datetime) -> None:
        refused = {one.id: one.reason for one in receipt.rejected}
        if refused:
            stepped_aside = {seq: refused[parcel.id] for seq, parcel in self._window.rows() if parcel.id in refused}
            self._rejected.update(stepped_aside)
            self._window.landed(stepped_aside)
            for seq, reason in stepped_aside.items():
                log.error("the centre refuses passage %d: %s. It is kept in quarantine", seq, reason)
        self._up_to = max(self._up_to, receipt.up_to_seq)
        self._beyond += receipt.beyond
        self._window.landed_ranges(receipt.up_to_seq, receipt.beyond)
        self._heard_s = now_s
        self._probes = self._attempt = 0
        self._tell(trouble="", last_receipt_at=now_at.isoformat(timespec="seconds"))

    def _settle(self, now_s: float, *, now_or_never: bool = False) -> None:
        """Note on disk what the receipts said, several at a time; what gets lost of it is only sent again."""
        if not (self._up_to or self._beyond or self._rejected) or (now_s < self._settle_s and not now_or_never):
            return
        self._outbox.settle(self._up_to, self._beyond, list(self._rejected.items()))
        self._up_to, self._beyond, self._rejected = 0, [], {}
        self._settle_s = now_s + SETTLE_EVERY_S

    # --- sending ---------------------------------------------------------------------------------------------------

    def _speak(self, now_s: float, now_at: datetime) -> None:
        """State when it changed, health every minute."""
        assert self._link is not None
        with self._lock:
            state, reason, sent = self._state, self._state_reason, self._state_sent
            clock, facts = self._clock_words, self._facts
            self._state_sent = True
        if not sent:
            word = "birth" if state is State.STARTING else str(state)
            self._link.publish(self._state_message(word, reason, now_at))
        if now_s >= self._health_s:
            self._health_s = now_s + HEALTH_EVERY_S
            report = envelope.Health(
                at=now_at,
                state=str(state),
                clock=clock,
                epoch=self._outbox.epoch,
                newest_seq=self._outbox.newest_seq,
                outbox=self._outbox.depth(),
                facts=facts,
            )
            self._link.publish(Message(self._branch.topic(Leaf.HEALTH), envelope.health(report), qos=0))

    def _state_message(self, word: str, reason: str, at: datetime | None) -> Message:
        report = StateReport.model_validate(
            {
                "state": word,
                "reason": reason,
                "at": at,
                "software": self._software,
                "epoch": self._outbox.epoch,
                "newest_seq": self._outbox.newest_seq,
                "outbox": self._outbox.depth(),
            }
        )
        return Message(self._branch.topic(Leaf.STATE), envelope.state_report(report), retain=True)

    def _send_again(self, now_s: float) -> int:
        """What is overdue: all of it where the centre has been heard since, else one message as a probe."""
        silent = self._heard_s <= now_s - self._terms.receipt_timeout_s
        wait_s = self._terms.receipt_timeout_s * 2 ** min(self._probes, 6) if silent else self._terms.receipt_timeout_s
        late = self._window.overdue(now_s - min(wait_s, PROBE_LAST_S), limit=1 if silent else 100)
        for flight in late:
            self._send(flight.rows, now_s, flight.tries + 1)
        if late and silent:
            self._probes += 1
            if not self._status.trouble:
                self._tell(trouble="the broker takes passages, the centre does not answer")
        return len(late)

    def _send_live(self, now_s: float) -> int:
        room = self._window.room() + LIVE_RESERVE
        if self._outbox.newest_seq <= self._live_seq or room <= 0:
            return 0
        rows = self._outbox.waiting(self._live_seq, min(room, READ_AHEAD))
        sent = self._send_batches(rows, now_s)
        if sent:
            self._live_seq = rows[sent - 1].seq
        return sent

    def _send_backlog(self, now_s: float) -> int:
        room = self._window.room()
        if self._backlog_seq >= self._backlog_end or room < min(self._terms.batch, self._terms.window):
            return 0
        rows = self._outbox.waiting(self._backlog_seq, min(room, READ_AHEAD))
        rows = [row for row in rows if row.seq <= self._backlog_end]
        if not rows:
            self._backlog_seq = self._backlog_end
            return 0
        sent = self._send_batches(rows, now_s)
        if sent:
            self._backlog_seq = rows[sent - 1].seq
        return sent

    def _send_batches(self, rows: Sequence[Stored], now_s: float) -> int:
        """Send from the front as many as the broker takes now; says how many."""
        assert self._link is not None
        sent = 0
        while sent < len(rows) and self._link.pending() < self._receive_maximum:
            batch: dict[int, Parcel] = {}
            size = 2
            for row in rows[sent : sent + self._terms.batch]:
                text = event_text(row, self._branch.source)
                size += len(text) + 1  # the text is ASCII: every field is a word, a number, hex or base64
                if batch and size > self._maximum_bytes:
                    break
                batch[row.seq] = Parcel(row.passage.id, text)
            sent += len(batch)
            under_way = {seq: parcel for seq, parcel in batch.items() if seq not in self._window}
            if under_way:
                self._send(under_way, now_s)
        return sent

    def _send(self, rows: Mapping[int, Parcel], now_s: float, tries: int = 1) -> None:
        assert self._link is not None
        payload = envelope.message_of([parcel.text for parcel in rows.values()])
        media = envelope.EVENT_MEDIA if len(rows) == 1 else envelope.BATCH_MEDIA
        token = self._link.publish(Message(self._branch.topic(Leaf.PASSAGE), payload, media=media))
        self._window.sent(rows, token, now_s, tries)


def event_text(stored: Stored, source: str) -> str:
    """A stored passage in the words of the wire."""
    passage = stored.passage
    return envelope.passage_event(
        source,
        id=passage.id,
        time=passage.occurred_at,
        epoch=stored.epoch,
        seq=stored.seq,
        boot=stored.boot_id,
        monotonic_s=passage.occurred_s,
        clock=passage.clock,
        result="warn" if passage.outcome == "look-again" else passage.outcome,
        reason=passage.reason,
        direction=passage.direction,
        kind=passage.kind,
        assurance=passage.assurance,
        pseudonym=passage.pseudonym,
        sealed=passage.sealed,
        code_bytes=passage.code_bytes,
    )
