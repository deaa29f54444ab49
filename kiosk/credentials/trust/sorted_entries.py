"""Entries of equal length in one sorted byte string: a million of them take 10 MB, and a search less than a microsecond.

A set of a million `bytes` takes about 110 MB. Entries are hashes or random numbers, so that their first bits divide them evenly.
Where they do not, the search takes some steps more.
"""

from array import array
from collections.abc import Iterator, Set

PREFIX_BITS = 12
MAX_SCANNED = 512
"""Entries that are compared as one text, which is faster than halving them."""


class SortedEntries(Set[bytes]):
    """A frozen set. Any thread."""

    def __init__(self, blob: bytes, entry_bytes: int) -> None:
        """Raises ValueError where the entries are not sorted, not different, or not of this length."""
        if len(blob) % entry_bytes:
            raise ValueError("the length of the entries does not fit")
        self._blob = blob
        self._size = entry_bytes
        self._check_sorted()
        self._starts = self._find_starts()

    def _check_sorted(self) -> None:
        previous = b""
        blob, size = self._blob, self._size
        for start in range(0, len(blob), size):
            entry = blob[start : start + size]
            if entry <= previous:
                raise ValueError("the entries are not sorted, or one stands there twice")
            previous = entry

    def _find_starts(self) -> "array[int]":
        """Where the entries of each prefix begin, and the end."""
        count = 1 << PREFIX_BITS
        starts = array("I", [0]) * (count + 1)
        low, total = 0, len(self)
        for prefix in range(count):
            low = self._first_at_least((prefix << (16 - PREFIX_BITS)).to_bytes(2, "big"), low, total)
            starts[prefix] = low * self._size
        starts[count] = len(self._blob)
        return starts

    def _first_at_least(self, wanted: bytes, low: int, high: int) -> int:
        blob, size = self._blob, self._size
        while low < high:
            middle = (low + high) // 2
            if blob[middle * size : middle * size + size] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    @property
    def blob(self) -> bytes:
        """All entries, one after the other."""
        return self._blob

    def __contains__(self, entry: object) -> bool:
        if not isinstance(entry, bytes) or len(entry) != self._size:
            return False
        prefix = int.from_bytes(entry[:2], "big") >> (16 - PREFIX_BITS)
        first, end = self._narrow(entry, self._starts[prefix], self._starts[prefix + 1])
        found = self._blob.find(entry, first, end)
        while found >= 0 and found % self._size:  # the end of one entry and the beginning of the next look like it
            found = self._blob.find(entry, found + 1, end)
        return found >= 0

    def _narrow(self, entry: bytes, first: int, end: int) -> tuple[int, int]:
        """A part of at most MAX_SCANNED entries where it can be: counted serials may all have the same first bits."""
        blob, size = self._blob, self._size
        while end - first > MAX_SCANNED * size:
            middle = first + (end - first) // size // 2 * size
            if blob[middle : middle + size] <= entry:
                first = middle
            else:
                end = middle
        return first, end

    def __iter__(self) -> Iterator[bytes]:
        blob, size = self._blob, self._size
        return (blob[start : start + size] for start in range(0, len(blob), size))

    def __len__(self) -> int:
        return len(self._blob) // self._size

    def __hash__(self) -> int:
        return hash(self._blob)
