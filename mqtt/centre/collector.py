"""The centre's end of delivery: keeps what comes, then acknowledges it, then sends the receipt."""

import logging
import random
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from mqtt import envelope, topics
from mqtt.centre.arrivals import Arrival, StreamKey
from mqtt.centre.ledger import Ledger
from mqtt.envelope import MessageError, Refused
from mqtt.link import Connected, Incoming, Link, LinkError, LinkRefused, Message, Subscribed
from mqtt.ranges import Range, RangeSet
from mqtt.topics import Branch, Leaf

log = logging.getLogger(__name__)

WAIT_S = 0.2
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 5.0


class Collector:
    """One thread calls `step`. LedgerTrouble passes through: what was not committed was not acknowledged either."""

    def __init__(
        self,
        root: str,
        ledger: Ledger,
        connect: Callable[[Message], Link],
        *,
        share: str | None = None,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
        dice: random.Random | None = None,
    ) -> None:
        """`connect` makes a new, unopened link with this last will and a persistent session: the broker keeps what comes.

        `share`: centres that name the same group get each passage once between them; they need one PostgreSQL behind them.
        """
        self._root = root
        self._share = f"$share/{share}/" if share else ""
        self._ledger = ledger
        self._connect = connect
        self._now_at = now_at
        self._dice = dice or random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._link: Link | None = None
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

    def _lost(self, why: str) -> float:
        if self._link is not None:
            self._link.close(clean=False)
        if self._ready or self._attempt == 0:
            log.warning("no broker: %s", why)
        self._link, self._ready = None, False
        self._attempt += 1
        return self._dice.uniform(0.0, min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2 ** min(self._attempt, 10)))

    def _turn(self, link: Link) -> None:
        incoming: list[Incoming] = []
        for event in link.pump(WAIT_S):
            if isinstance(event, Connected):
                passages = self._share + topics.every(self._root, Leaf.PASSAGE)
                # not shared: a shared subscription gets nothing of what is retained (MQTT 5 section 4.8.2)
                link.subscribe([passages, *(topics.every(self._root, leaf) for leaf in (Leaf.STATE, Leaf.HEALTH))])
            elif isinstance(event, Subscribed):
                self._subscribed(link, event)
            elif isinstance(event, Incoming):
                incoming.append(event)
        if incoming:
            self._collect(link, incoming)

    def _subscribed(self, link: Link, event: Subscribed) -> None:
        if event.refused:
            log.error("the broker refuses %s: check its ACL", ", ".join(event.refused))
            return
        log.info("connected and subscribed")
        self._ready = self._welcome = True
        self._attempt = 0
        link.publish(self._state_message("ready"))  # devices that wait for overdue receipts send again at once

    def _collect(self, link: Link, incoming: Sequence[Incoming]) -> None:
        """The order is the promise: COMMIT, then PUBACK to the broker, then the receipt to the device."""
        arrivals = [arrival for one in incoming if (arrival := self._read(one)) is not None]
        standing = self._ledger.record(arrivals) if arrivals else {}
        for one in incoming:
            if one.qos:
                link.confirm(one)
        for message in receipts(arrivals, standing):
            link.publish(message)

    def _read(self, incoming: Incoming) -> Arrival | None:
        """A message as passages, or None where it was something else (which is dealt with here)."""
        now = self._now_at()
        whose = topics.parse(incoming.topic)
        if whose is None:
            self._ledger.count_unreadable("foreign-topic")
            return None
        branch, leaf = whose
        try:
            if leaf is Leaf.PASSAGE:
                good, bad = envelope.read_passages(incoming.payload, branch.source)
                for refused in bad:
                    log.warning("%s: an event was refused: %s", branch.source, refused.reason)
                return Arrival(branch, good, bad, now)
            if leaf is Leaf.STATE:
                self._ledger.note_state(branch, envelope.read_state(incoming.payload), now)
            elif leaf is Leaf.HEALTH:
                self._ledger.note_health(branch, envelope.read_health(incoming.payload), now)
        except MessageError as trouble:
            log.warning("%s: a message to %s was thrown away: %s", branch.source, leaf, trouble)
            self._ledger.count_unreadable(str(trouble))
        return None

    def _state_message(self, state: Literal["ready", "offline"]) -> Message:
        report = envelope.CentreState(state=state, at=self._now_at() if state == "ready" else None)
        return Message(topics.centre_state(self._root), envelope.centre_state(report), retain=True)

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


def receipts(arrivals: Sequence[Arrival], standing: Mapping[StreamKey, RangeSet]) -> list[Message]:
    """One receipt per stream that was touched, and for epochs that only had refusals."""
    refused: dict[StreamKey, list[Refused]] = {}
    for arrival in arrivals:
        for one in arrival.refused:
            if one.id is not None and one.epoch is not None:
                refused.setdefault(StreamKey(arrival.branch, one.epoch), []).append(one)
    messages = []
    for key in {**standing, **refused}:
        ranges = standing.get(key, RangeSet())
        beyond = ranges.beyond()
        if len(beyond) > envelope.MAX_RECEIPT_RANGES:
            beyond = nearest(beyond, _seqs(key, arrivals))
        payload = envelope.receipt(key.epoch, ranges.up_to, beyond, refused.get(key, ()))
        messages.append(Message(_receipt_topic(key.branch), payload))
    return messages


def _seqs(key: StreamKey, arrivals: Sequence[Arrival]) -> set[int]:
    own = (arrival.events for arrival in arrivals if arrival.branch == key.branch)
    return {event.data.seq for events in own for event in events if event.data.epoch == key.epoch}


def nearest(beyond: Sequence[Range], seqs: Iterable[int]) -> list[Range]:
    """Those that hold these numbers first: they are too many for one receipt."""
    asked = sorted(seqs)
    held = [span for span in beyond if (at := bisect_left(asked, span[0])) < len(asked) and asked[at] <= span[1]]
    first = set(held)
    return held + [span for span in beyond if span not in first]


def _receipt_topic(branch: Branch) -> str:
    return branch.topic(Leaf.RECEIPT)
