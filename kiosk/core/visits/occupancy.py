"""People who passed, by their keyed pseudonyms: who is inside, and what the last pass changed."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.core.model import Direction

MAX_NAMES = 60_000
DAY_S = 86_400.0
KEEP_S = 2 * DAY_S
"""Passes are remembered beyond the reset hour, so that a wall clock that jumped and came back forgets nobody."""


@dataclass(slots=True)
class Person:
    """Somebody who passed."""

    number: int
    """His place among those inside."""
    seen_s: float
    """When one of his codes was last in view."""
    passed_s: float
    direction: Direction


@dataclass(slots=True)
class _LastPass:
    """What the last pass changed, so that it can be taken back."""

    person: Person | None
    """None where a nameless one passed."""
    before: dict[bytes, Person | None]
    """Whom his names meant before."""
    counted_out: dict[int, float]
    """Who was inside under these names."""
    nameless: Direction | None = None
    left_s: float | None = None
    """When the nameless one who was counted out had passed; None where nobody was."""


class People:
    """Bounded: the names of the oldest passes are forgotten first. Times are monotonic."""

    def __init__(self, max_pseudonyms: int) -> None:
        self._max_names = max_pseudonyms
        self._by_name: OrderedDict[bytes, Person] = OrderedDict()
        self._inside: OrderedDict[int, float] = OrderedDict()
        self._nameless: deque[float] = deque(maxlen=max_pseudonyms)
        self._last: _LastPass | None = None
        self._numbers = 0
        self.forgotten = 0
        """Names dropped because there were too many."""

    def known(self, pseudonyms: Sequence[bytes]) -> list[Person]:
        """Who passed under any of these names."""
        return [self._by_name[name] for name in pseudonyms if name in self._by_name]

    def inside(self, since_s: float) -> int:
        """How many went in since then, and not out."""
        named = sum(1 for passed_s in self._inside.values() if passed_s >= since_s)
        return named + sum(1 for passed_s in self._nameless if passed_s >= since_s)

    def passes(self, pseudonyms: Sequence[bytes], direction: Direction, passed_s: float) -> Person | None:
        """Somebody passed, `passed_s` on the monotonic clock; None where he has no name."""
        self._forget_before(passed_s - KEEP_S)
        if not pseudonyms:
            self._pass_nameless(direction, passed_s)
            return None
        counted_out: dict[int, float] = {}
        for name in pseudonyms:
            known = self._by_name.get(name)
            if known is not None and known.number in self._inside:
                counted_out[known.number] = self._inside.pop(known.number)
        self._numbers += 1
        person = Person(self._numbers, passed_s, passed_s, direction)
        self._last = _LastPass(person, {}, counted_out)
        if direction is Direction.IN:
            self._inside[person.number] = passed_s
        self.name(pseudonyms, person)
        return person

    def _pass_nameless(self, direction: Direction, passed_s: float) -> None:
        """Whom the guard let in by hand: one more, and when one leaves by hand, the first of them."""
        left_s = None
        if direction is Direction.IN:
            self._nameless.append(passed_s)
        elif self._nameless:
            left_s = self._nameless.popleft()
        self._last = _LastPass(None, {}, {}, direction, left_s)

    def annul(self) -> tuple[frozenset[bytes], Person] | None:
        """Take the last pass back, once; whose it was, and his names. None where nobody's was, or a nameless one's."""
        last, self._last = self._last, None
        if last is None:
            return None
        if last.person is None:
            self._annul_nameless(last)
            return None
        self._inside.pop(last.person.number, None)
        for name, known in last.before.items():
            if known is not None:
                self._by_name[name] = known
            else:
                self._by_name.pop(name, None)
        self._inside.update(last.counted_out)
        return frozenset(last.before), last.person

    def _annul_nameless(self, last: _LastPass) -> None:
        if last.left_s is not None:
            self._nameless.appendleft(last.left_s)
        elif last.nameless is Direction.IN and self._nameless:
            self._nameless.pop()

    def name(self, pseudonyms: Sequence[bytes], person: Person) -> None:
        """These names mean this person from now on."""
        for name in pseudonyms:
            if self._last is not None and self._last.person is person:
                self._last.before.setdefault(name, self._by_name.get(name))
            self._by_name[name] = person
            self._by_name.move_to_end(name)
        while len(self._by_name) > self._max_names:
            _, dropped = self._by_name.popitem(last=False)
            self._inside.pop(dropped.number, None)
            self.forgotten += 1

    def _forget_before(self, oldest_s: float) -> None:
        while self._by_name:
            name, person = next(iter(self._by_name.items()))
            if person.passed_s >= oldest_s:
                break
            del self._by_name[name]
            self._inside.pop(person.number, None)
        while self._nameless and self._nameless[0] < oldest_s:
            self._nameless.popleft()
