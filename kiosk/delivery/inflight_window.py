"""The messages in flight to the centre: how many may be sent, which are overdue, which are acknowledged. Pure.

A message contains one or several events. It is done when receipts of the centre acknowledge all of them. A PUBACK is not
enough. Of an overdue message, the events without a receipt are sent again.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from mqtt.sequence_ranges import Range, RangeSet

RowT = TypeVar("RowT")


@dataclass(slots=True)
class InflightMessage(Generic[RowT]):
    """One message in flight. `rows` (by seq, ascending) are the events without a receipt."""

    number: int
    rows: dict[int, RowT]
    sent_s: float
    tries: int = 1
    token: int | None = None
    """The connection's token for the message until the broker acknowledges it."""


class InflightWindow(Generic[RowT]):
    """At most `limit` events in flight, each in one message. One thread owns it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._messages: OrderedDict[int, InflightMessage[RowT]] = OrderedDict()
        self._message_by_seq: dict[int, int] = {}
        self._message_by_token: dict[int, int] = {}
        self._number = 0

    def free_slots(self) -> int:
        """How many more events may be sent."""
        return max(0, self.limit - len(self._message_by_seq))

    def __len__(self) -> int:
        return len(self._message_by_seq)

    def __contains__(self, seq: int) -> bool:
        return seq in self._message_by_seq

    def contains_any(self, seqs: Iterable[int]) -> bool:
        """One of these events is in flight."""
        return not self._message_by_seq.keys().isdisjoint(seqs)

    def add(self, rows: Mapping[int, RowT], token: int | None, now_s: float, tries: int = 1) -> None:
        """These events were sent in a message. Without a token they were not sent again, and the older message counts."""
        self._number += 1
        self._messages[self._number] = InflightMessage(self._number, dict(rows), now_s, tries, token)
        if token is not None:
            self._message_by_token[token] = self._number
        self._message_by_seq.update(dict.fromkeys(rows, self._number))

    def on_puback(self, token: int) -> InflightMessage[RowT] | None:
        """The broker acknowledged this message. It stays in flight until the receipt. None for an unknown token."""
        number = self._message_by_token.pop(token, None)
        message = self._messages.get(number) if number is not None else None
        if message is not None:
            message.token = None
        return message

    def acknowledge(self, seqs: Iterable[int]) -> int:
        """A receipt covers these events. Returns how many of them were in flight."""
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
        """The same for the ranges of a receipt."""
        covered = RangeSet(ranges)
        if up_to_seq:
            covered.add(1, up_to_seq)
        before = len(self._message_by_seq)
        for message in tuple(self._messages.values()):
            first, last = next(iter(message.rows)), next(reversed(message.rows))
            if covered.covers(first, last):
                self.remove(message)
            elif covered.touches(first, last):
                self.acknowledge([seq for seq in message.rows if seq in covered])
        return before - len(self._message_by_seq)

    def remove(self, message: InflightMessage[RowT]) -> None:
        """A receipt covers all remaining events of a message."""
        for seq in message.rows:
            del self._message_by_seq[seq]
        self._forget(message.number)

    def take_overdue(self, sent_before_s: float, limit: int) -> list[InflightMessage[RowT]]:
        """Take out the messages sent at or before this time, oldest first, to send them again."""
        overdue: list[InflightMessage[RowT]] = []
        while self._messages and len(overdue) < limit:
            message = next(iter(self._messages.values()))
            if message.sent_s > sent_before_s:
                break
            self.remove(message)
            overdue.append(message)
        return overdue

    def oldest_sent_s(self) -> float | None:
        """When the oldest message was sent."""
        return next(iter(self._messages.values())).sent_s if self._messages else None

    def unacknowledged(self) -> list[tuple[int, ...]]:
        """The seqs of each message that the broker has not acknowledged."""
        return [tuple(message.rows) for message in self._messages.values() if message.token is not None]

    def requeue_all(self) -> None:
        """The connection was lost. All events are to be sent again."""
        self._messages.clear()
        self._message_by_seq.clear()
        self._message_by_token.clear()

    def rows(self) -> Iterator[tuple[int, RowT]]:
        """Every event in flight with its seq."""
        for message in self._messages.values():
            yield from message.rows.items()

    def _forget(self, number: int) -> None:
        message = self._messages.pop(number)
        if message.token is not None:
            self._message_by_token.pop(message.token, None)
