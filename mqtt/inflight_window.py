"""The messages on their way to the centre: what may be sent, what is overdue, what came home. Pure: no I/O, no clock.

A *flight* is one message with one or several passages in it. It ends when the centre's receipts cover every passage of
it; PUBACK alone ends nothing. A flight that is overdue is sent again, with what is still unconfirmed of it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from mqtt.sequence_ranges import Range, RangeSet

RowT = TypeVar("RowT")


@dataclass(slots=True)
class InflightMessage(Generic[RowT]):
    """One message under way; `rows` (by seq, ascending) are those that no receipt has covered yet."""

    number: int
    rows: dict[int, RowT]
    sent_s: float
    tries: int = 1
    token: int | None = None
    """The link's name for the message until the broker acknowledges it."""


class InflightWindow(Generic[RowT]):
    """At most `limit` passages under way, each in one flight. One thread owns it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._messages: OrderedDict[int, InflightMessage[RowT]] = OrderedDict()
        self._message_by_seq: dict[int, int] = {}
        self._message_by_token: dict[int, int] = {}
        self._number = 0

    def free_slots(self) -> int:
        """How many more passages may be sent."""
        return max(0, self.limit - len(self._message_by_seq))

    def __len__(self) -> int:
        return len(self._message_by_seq)

    def __contains__(self, seq: int) -> bool:
        return seq in self._message_by_seq

    def contains_any(self, seqs: Iterable[int]) -> bool:
        """One of these is under way."""
        return not self._message_by_seq.keys().isdisjoint(seqs)

    def add(self, rows: Mapping[int, RowT], token: int | None, now_s: float, tries: int = 1) -> None:
        """A message with these passages was given to the link; without a token an older one still has to do for them."""
        self._number += 1
        self._messages[self._number] = InflightMessage(self._number, dict(rows), now_s, tries, token)
        if token is not None:
            self._message_by_token[token] = self._number
        self._message_by_seq.update(dict.fromkeys(rows, self._number))

    def on_puback(self, token: int) -> InflightMessage[RowT] | None:
        """The broker answered for this message; the flight goes on until the centre answers. None: not one of these."""
        number = self._message_by_token.pop(token, None)
        flight = self._messages.get(number) if number is not None else None
        if flight is not None:
            flight.token = None
        return flight

    def acknowledge(self, seqs: Iterable[int]) -> int:
        """A receipt covers these passages; says how many of them were under way."""
        count = 0
        for seq in seqs:
            number = self._message_by_seq.pop(seq, None)
            if number is None:
                continue
            count += 1
            rows = self._messages[number].rows
            del rows[seq]
            if not rows:
                self._forget(number)
        return count

    def acknowledge_ranges(self, up_to_seq: int, ranges: Iterable[Range]) -> int:
        """The same, for what a receipt says."""
        covered = RangeSet(ranges)
        if up_to_seq:
            covered.add(1, up_to_seq)
        before = len(self._message_by_seq)
        for flight in tuple(self._messages.values()):
            first, last = next(iter(flight.rows)), next(reversed(flight.rows))
            if covered.covers(first, last):
                self.remove(flight)
            elif covered.touches(first, last):
                self.acknowledge([seq for seq in flight.rows if seq in covered])
        return before - len(self._message_by_seq)

    def remove(self, message: InflightMessage[RowT]) -> None:
        """All that is left of a flight is covered."""
        for seq in message.rows:
            del self._message_by_seq[seq]
        self._forget(message.number)

    def take_overdue(self, sent_before_s: float, limit: int) -> list[InflightMessage[RowT]]:
        """Take out the flights last sent at or before this moment, oldest first: they are to be sent again."""
        late: list[InflightMessage[RowT]] = []
        while self._messages and len(late) < limit:
            flight = next(iter(self._messages.values()))
            if flight.sent_s > sent_before_s:
                break
            self.remove(flight)
            late.append(flight)
        return late

    def oldest_sent_s(self) -> float | None:
        """When the flight was sent that has been under way longest."""
        return next(iter(self._messages.values())).sent_s if self._messages else None

    def unacknowledged(self) -> list[tuple[int, ...]]:
        """The seqs of each message that the broker has not acknowledged."""
        return [tuple(flight.rows) for flight in self._messages.values() if flight.token is not None]

    def requeue_all(self) -> None:
        """The connection is gone: whatever was under way is to be sent anew."""
        self._messages.clear()
        self._message_by_seq.clear()
        self._message_by_token.clear()

    def rows(self) -> Iterator[tuple[int, RowT]]:
        """Every passage under way, with its seq."""
        for flight in self._messages.values():
            yield from flight.rows.items()

    def _forget(self, number: int) -> None:
        flight = self._messages.pop(number)
        if flight.token is not None:
            self._message_by_token.pop(flight.token, None)
