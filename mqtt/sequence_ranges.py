"""Sets of sequence numbers as sorted, disjoint, closed ranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First and last number. Both belong to the range."""


class RangeSet:
    """A set of the numbers 1, 2, 3 ... Its memory grows with the gaps, not with the numbers. One thread at a time."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Add first..last, or `first` alone. Raises ValueError for an empty range and for numbers below 1."""
        last = first if last is None else last
        if not 1 <= first <= last:
            raise ValueError(f"{first}-{last} is not a range of sequence numbers")
        if self._lasts and self._lasts[-1] + 1 == first:  # the most frequent case: the next number
            self._lasts[-1] = last
            return
        left = bisect_left(self._lasts, first - 1)  # the first range that touches or follows
        right = bisect_right(self._firsts, last + 1)  # the first range that lies wholly after it
        if left < right:
            first = min(first, self._firsts[left])
            last = max(last, self._lasts[right - 1])
        self._firsts[left:right] = [first]
        self._lasts[left:right] = [last]

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def covers(self, first: int, last: int) -> bool:
        """Whether all of first..last belong to the set."""
        place = bisect_right(self._firsts, first) - 1
        return place >= 0 and last <= self._lasts[place]

    def touches(self, first: int, last: int) -> bool:
        """Whether one of first..last belongs to the set."""
        place = bisect_right(self._firsts, last) - 1
        return place >= 0 and first <= self._lasts[place]

    def __len__(self) -> int:
        """The number of ranges."""
        return len(self._firsts)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._firsts, self._lasts, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("a RangeSet is mutable and has no hash")

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

    @property
    def up_to(self) -> int:
        """The largest N for which all of 1..N belong to the set; 0 where 1 does not."""
        return self._lasts[0] if self._firsts and self._firsts[0] == 1 else 0

    @property
    def maximum(self) -> int:
        """The largest number, or 0."""
        return self._lasts[-1] if self._lasts else 0

    def count(self) -> int:
        """The number of numbers."""
        return sum(last - first + 1 for first, last in self)

    def after_first_gap(self) -> list[Range]:
        """The ranges after the first gap, ascending."""
        start = 1 if self._firsts and self._firsts[0] == 1 else 0
        return list(zip(self._firsts[start:], self._lasts[start:], strict=True)) if len(self._firsts) > start else []

    def gaps(self) -> list[Range]:
        """The gaps below the largest number, ascending."""
        gaps = []
        expected = 1
        for first, last in self:
            if first > expected:
                gaps.append((expected, first - 1))
            expected = last + 1
        return gaps
