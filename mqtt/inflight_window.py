"""The messages on their way to the centre: what may be sent, what is overdue, what came home. Pure: no I/O, no clock.

A *flight* is one message with one or several passages in it. It ends when the centre's receipts cover every passage of
it; PUBACK alone ends nothing. A flight that is overdue is sent again, with what is still unconfirmed of it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from mqtt.sequence_ranges import Range, RangeSet

Row = TypeVar("Row")


@dataclass(slots=True)
class Flight(Generic[Row]):
    """One message under way; `rows` (by seq, ascending) are those that no receipt has covered yet."""

    number: int
    rows: dict[int, Row]
    sent_s: float
    tries: int = 1
    token: int | None = None
    """The link's name for the message until the broker acknowledges it."""


class Window(Generic[Row]):
    """At most `limit` passages under way, each in one flight. One thread owns it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._flights: OrderedDict[int, Flight[Row]] = OrderedDict()
        self._of_seq: dict[int, int] = {}
        self._of_token: dict[int, int] = {}
        self._number = 0

    def room(self) -> int:
        """How many more passages may be sent."""
        return max(0, self.limit - len(self._of_seq))

    def __len__(self) -> int:
        return len(self._of_seq)

    def __contains__(self, seq: int) -> bool:
        return seq in self._of_seq

    def holds_any(self, seqs: Iterable[int]) -> bool:
        """One of these is under way."""
        return not self._of_seq.keys().isdisjoint(seqs)

    def sent(self, rows: Mapping[int, Row], token: int | None, now_s: float, tries: int = 1) -> None:
        """A message with these passages was given to the link; without a token an older one still has to do for them."""
        self._number += 1
        self._flights[self._number] = Flight(self._number, dict(rows), now_s, tries, token)
        if token is not None:
            self._of_token[token] = self._number
        self._of_seq.update(dict.fromkeys(rows, self._number))

    def acknowledged(self, token: int) -> Flight[Row] | None:
        """The broker answered for this message; the flight goes on until the centre answers. None: not one of these."""
        number = self._of_token.pop(token, None)
        flight = self._flights.get(number) if number is not None else None
        if flight is not None:
            flight.token = None
        return flight

    def landed(self, seqs: Iterable[int]) -> int:
        """A receipt covers these passages; says how many of them were under way."""
        count = 0
        for seq in seqs:
            number = self._of_seq.pop(seq, None)
            if number is None:
                continue
            count += 1
            rows = self._flights[number].rows
            del rows[seq]
            if not rows:
                self._end(number)
        return count

    def landed_ranges(self, up_to_seq: int, ranges: Iterable[Range]) -> int:
        """The same, for what a receipt says."""
        covered = RangeSet(ranges)
        if up_to_seq:
            covered.add(1, up_to_seq)
        before = len(self._of_seq)
        for flight in tuple(self._flights.values()):
            first, last = next(iter(flight.rows)), next(reversed(flight.rows))
            if covered.covers(first, last):
                self.landed_whole(flight)
            elif covered.touches(first, last):
                self.landed([seq for seq in flight.rows if seq in covered])
        return before - len(self._of_seq)

    def landed_whole(self, message: Flight[Row]) -> None:
        """All that is left of a flight is covered."""
        for seq in message.rows:
            del self._of_seq[seq]
        self._end(message.number)

    def overdue(self, sent_before_s: float, limit: int) -> list[Flight[Row]]:
        """Take out the flights last sent at or before this moment, oldest first: they are to be sent again."""
        late: list[Flight[Row]] = []
        while self._flights and len(late) < limit:
            flight = next(iter(self._flights.values()))
            if flight.sent_s > sent_before_s:
                break
            self.landed_whole(flight)
            late.append(flight)
        return late

    def oldest_sent_s(self) -> float | None:
        """When the flight was sent that has been under way longest."""
        return next(iter(self._flights.values())).sent_s if self._flights else None

    def unacknowledged(self) -> list[tuple[int, ...]]:
        """The seqs of each message that the broker has not acknowledged."""
        return [tuple(flight.rows) for flight in self._flights.values() if flight.token is not None]

    def recall_all(self) -> None:
        """The connection is gone: whatever was under way is to be sent anew."""
        self._flights.clear()
        self._of_seq.clear()
        self._of_token.clear()

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Every passage under way, with its seq."""
        for flight in self._flights.values():
            yield from flight.rows.items()

    def _end(self, number: int) -> None:
        flight = self._flights.pop(number)
        if flight.token is not None:
            self._of_token.pop(flight.token, None)
