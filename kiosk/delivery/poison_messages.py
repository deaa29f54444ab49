"""Which passage breaks the connection: suspects are sent apart from all others, then their halves. Pure: no I/O, no clock.

A broker (or something on the way to it) that cannot stand a message may answer by hanging up. The same message is then sent
again on the next connection, and again, and everything behind it waits. So a passage that the broker had not acknowledged
when CUTS connections broke is a suspect. On a connection that has proved itself (whatever else was sent on it is
acknowledged) one group of suspects goes alone: if it is acknowledged, all of it are cleared; if the connection breaks, its
halves are tried apart. Who breaks CUTS connections alone is guilty. Between two groups the others have their turn.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence

CUTS = 3
"""A network breaks connections too, but seldom so often with the same single passage alone on its way."""
CEILING_FOR_S = 3600.0
UNLIMITED_BYTES = 1 << 30
GUILTY_OF_CUTTING = "closes-connection"

Group = tuple[int, ...]


class Trial:
    """One courier's; its thread alone. Passages are named by their seq."""

    def __init__(self) -> None:
        self.guilty: dict[int, str] = {}
        """Passages found guilty, with the reason; whoever looks takes them out."""
        self.others_next = False
        """All that is not suspected has its turn before the next group."""
        self._cuts: Counter[int] = Counter()
        self._groups: deque[Group] = deque()
        self._suspects: set[int] = set()
        self._under_way: Group = ()
        self._cut_bytes: list[int] = []
        self._found_one = False
        self._token = self._bytes = 0
        self._ceiling_bytes = UNLIMITED_BYTES
        self._ceiling_ends_s = 0.0

    def __contains__(self, seq: int) -> bool:
        """Whether this passage may be sent as a suspect only."""
        return seq in self._suspects or seq in self.guilty

    def holds_any(self, seqs: Iterable[int]) -> bool:
        """Whether one of these passages may be sent as a suspect only."""
        return bool(self._suspects or self.guilty) and any(seq in self for seq in seqs)

    @property
    def pending(self) -> bool:
        """Somebody is suspected."""
        return bool(self._groups or self._under_way)

    @property
    def under_way(self) -> bool:
        """A group is on the wire: nothing else may be sent."""
        return bool(self._under_way)

    def ceiling_bytes(self, now_s: float) -> int:
        """Larger batches have been seen to break the connection though none of their passages does so alone."""
        return self._ceiling_bytes if now_s < self._ceiling_ends_s else UNLIMITED_BYTES

    def lower_ceiling(self, now_s: float) -> None:
        """Single passages get through, and batches do not: one goes in a message for a while."""
        self._ceiling_bytes, self._ceiling_ends_s = 0, now_s + CEILING_FOR_S

    def broke(self, unacknowledged: Iterable[Sequence[int]], now_s: float) -> None:
        """The connection broke by itself while the broker had not acknowledged these messages."""
        if not self._under_way:
            for seqs in unacknowledged:
                self._cuts.update(seqs)
                if any(self._cuts[seq] >= CUTS for seq in seqs):
                    self.suspect(seqs)
            return
        group, self._under_way = self._under_way, ()
        if len(group) > 1:
            self._divide(group, self._bytes)
            return
        self._cuts.update(group)
        if self._cuts[group[0]] < CUTS:
            self._groups.append(group)
        else:
            self._convict(group[0], GUILTY_OF_CUTTING, now_s)

    def suspect(self, seqs: Sequence[int]) -> None:
        """These belong to a message that does not get through: find out which of them it is."""
        group = tuple(seq for seq in seqs if seq not in self._suspects)
        if group:
            self._groups.append(group)
            self._suspects.update(group)
            for seq in group:
                del self._cuts[seq]

    def refused(self, seqs: Sequence[int], size_bytes: int, reason: str, now_s: float) -> None:
        """The broker says that it does not take this message: guilty is who is refused alone."""
        if set(seqs) <= set(self._under_way):
            self._under_way = ()
        if len(seqs) == 1:
            self._convict(seqs[0], reason, now_s)
        else:
            self._suspects.update(seqs)
            self._divide(tuple(seqs), size_bytes)

    def acknowledged(self, token: int, now_s: float) -> None:
        """The broker took the message of this token: whoever was in it is innocent."""
        if self._under_way and token == self._token:
            group, self._under_way = self._under_way, ()
            self.others_next = True
            self.cleared(group, now_s)

    def postponed(self, token: int) -> None:
        """The broker did not take this message, and not because of what is in it."""
        if self._under_way and token == self._token:
            self._groups.append(self._under_way)
            self._under_way, self.others_next = (), True

    def cleared(self, seqs: Iterable[int], now_s: float) -> None:
        """The broker took these, or they wait no more."""
        if not self._cuts and not self._suspects:
            return
        gone = set(seqs)
        for seq in gone & self._cuts.keys():
            del self._cuts[seq]
        if gone & self._suspects:
            self._suspects -= gone
            kept = (tuple(seq for seq in group if seq not in gone) for group in self._groups)
            self._groups = deque(group for group in kept if group)
            self._end_if_done(now_s)

    def next_group(self) -> Group:
        """Whose turn it is; empty where nobody is left. `sent` or `cleared` follows."""
        return self._groups[0] if self._groups else ()

    def sent(self, group: Group, token: int, size_bytes: int) -> None:
        """The group of `next_group` is on the wire, alone."""
        self._groups.popleft()
        self._under_way, self._token, self._bytes = group, token, size_bytes

    def _divide(self, group: Group, size_bytes: int) -> None:
        """The halves wait behind those that may be innocent."""
        self._cut_bytes.append(size_bytes)
        middle = len(group) // 2
        self._groups += (group[:middle], group[middle:])

    def _convict(self, seq: int, reason: str, now_s: float) -> None:
        self.guilty[seq] = reason
        self._found_one = True
        self._suspects.discard(seq)
        self._cuts.pop(seq, None)
        self._end_if_done(now_s)

    def _end_if_done(self, now_s: float) -> None:
        """Everybody is cleared or convicted. Where nobody was guilty, it was the size of the whole."""
        if self._suspects:
            return
        if self._cut_bytes and not self._found_one:
            self._ceiling_bytes = min(self._cut_bytes) // 2
            self._ceiling_ends_s = now_s + CEILING_FOR_S
        self._cut_bytes, self._found_one = [], False
