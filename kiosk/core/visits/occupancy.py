"""Counts the people inside by their keyed pseudonyms, and can undo the last pass."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.core.model import Direction

MAX_PSEUDONYMS = 60_000
DAY_S = 86_400.0
MEMORY_S = 2 * DAY_S
"""Longer than the reset period, so that a wall clock that jumps and comes back loses no person."""


@dataclass(slots=True)
class TrackedPerson:
    """A person who passed."""

    number: int
    seen_s: float
    """When one of their codes was last in view."""
    passed_s: float
    direction: Direction


@dataclass(slots=True)
class _UndoState:
    """Changes made by the last pass, needed to undo it."""

    person: TrackedPerson | None
    """None for an anonymous person."""
    previous_owners: dict[bytes, TrackedPerson | None]
    """The persons that the pseudonyms meant before."""
    removed_inside: dict[int, float]
    anonymous_direction: Direction | None = None
    anonymous_removed_s: float | None = None
    """When the anonymous person who was counted out had come in. None if none was."""


class OccupancyCounter:
    """Bounded: pseudonyms of the oldest passes are dropped first. Times are monotonic."""

    def __init__(self, max_pseudonyms: int) -> None:
        self._max_pseudonyms = max_pseudonyms
        self._by_pseudonym: OrderedDict[bytes, TrackedPerson] = OrderedDict()
        self._inside: OrderedDict[int, float] = OrderedDict()
        self._anonymous: deque[float] = deque(maxlen=max_pseudonyms)
        self._undo_state: _UndoState | None = None
        self._last_number = 0
        self.dropped_pseudonyms = 0

    def find(self, pseudonyms: Sequence[bytes]) -> list[TrackedPerson]:
        """Persons who passed under any of these pseudonyms."""
        return [self._by_pseudonym[name] for name in pseudonyms if name in self._by_pseudonym]

    def count_inside(self, since_s: float) -> int:
        """Number of people who came in since then and did not leave."""
        named = sum(1 for passed_s in self._inside.values() if passed_s >= since_s)
        return named + sum(1 for passed_s in self._anonymous if passed_s >= since_s)

    def record_pass(self, pseudonyms: Sequence[bytes], direction: Direction, passed_s: float) -> TrackedPerson | None:
        """Record a pass at `passed_s` (monotonic). Returns None for an anonymous person."""
        self._drop_before(passed_s - MEMORY_S)
        if not pseudonyms:
            self._record_anonymous_pass(direction, passed_s)
            return None
        counted_out: dict[int, float] = {}
        for name in pseudonyms:
            known = self._by_pseudonym.get(name)
            if known is not None and known.number in self._inside:
                counted_out[known.number] = self._inside.pop(known.number)
        self._last_number += 1
        person = TrackedPerson(self._last_number, passed_s, passed_s, direction)
        self._undo_state = _UndoState(person, {}, counted_out)
        if direction is Direction.IN:
            self._inside[person.number] = passed_s
        self.assign_pseudonyms(pseudonyms, person)
        return person

    def _record_anonymous_pass(self, direction: Direction, passed_s: float) -> None:
        """An admission by the guard adds one. A manual exit removes the one who came in first."""
        left_s = None
        if direction is Direction.IN:
            self._anonymous.append(passed_s)
        elif self._anonymous:
            left_s = self._anonymous.popleft()
        self._undo_state = _UndoState(None, {}, {}, direction, left_s)

    def annul(self) -> tuple[frozenset[bytes], TrackedPerson] | None:
        """Undo the last pass once. Returns its pseudonyms and person, or None if there was none or it was anonymous."""
        last, self._undo_state = self._undo_state, None
        if last is None:
            return None
        if last.person is None:
            self._annul_anonymous(last)
            return None
        self._inside.pop(last.person.number, None)
        for name, known in last.previous_owners.items():
            if known is not None:
                self._by_pseudonym[name] = known
            else:
                self._by_pseudonym.pop(name, None)
        self._inside.update(last.removed_inside)
        return frozenset(last.previous_owners), last.person

    def _annul_anonymous(self, last: _UndoState) -> None:
        if last.anonymous_removed_s is not None:
            self._anonymous.appendleft(last.anonymous_removed_s)
        elif last.anonymous_direction is Direction.IN and self._anonymous:
            self._anonymous.pop()

    def assign_pseudonyms(self, pseudonyms: Sequence[bytes], person: TrackedPerson) -> None:
        """These pseudonyms mean this person from now on."""
        for name in pseudonyms:
            if self._undo_state is not None and self._undo_state.person is person:
                self._undo_state.previous_owners.setdefault(name, self._by_pseudonym.get(name))
            self._by_pseudonym[name] = person
            self._by_pseudonym.move_to_end(name)
        while len(self._by_pseudonym) > self._max_pseudonyms:
            _, dropped = self._by_pseudonym.popitem(last=False)
            self._inside.pop(dropped.number, None)
            self.dropped_pseudonyms += 1

    def _drop_before(self, oldest_s: float) -> None:
        while self._by_pseudonym:
            name, person = next(iter(self._by_pseudonym.items()))
            if person.passed_s >= oldest_s:
                break
            del self._by_pseudonym[name]
            self._inside.pop(person.number, None)
        while self._anonymous and self._anonymous[0] < oldest_s:
            self._anonymous.popleft()
