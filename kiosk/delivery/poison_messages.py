"""Which passage breaks the connection: suspects are sent apart from all others, then their halves. Pure: no I/O, no clock.

A broker (or something on the way to it) that cannot stand a message may answer by hanging up. The same message is then sent
again on the next connection, and again, and everything behind it waits. So a passage that the broker had not acknowledged
when CUTS connections broke is a suspect. On a connection that has proved itself (whatever else was sent on it is
acknowledged) one group of suspects goes alone: if it is acknowledged, all of it are cleared; if the connection breaks, its
halves are tried apart. Who breaks CUTS connections alone is guilty. Between two groups the others have their turn.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence

MAX_DISCONNECTS = 3
"""A network breaks connections too, but seldom so often with the same single passage alone on its way."""
SIZE_LIMIT_DURATION_S = 3600.0
UNLIMITED_BYTES = 1 << 30
CLOSES_CONNECTION = "closes-connection"

SeqGroup = tuple[int, ...]


class PoisonMessageDetector:
    """One courier's; its thread alone. Passages are named by their seq."""

    def __init__(self) -> None:
        self.rejected: dict[int, str] = {}
        """Passages found guilty, with the reason; whoever looks takes them out."""
        self.yield_turn = False
        """All that is not suspected has its turn before the next group."""
        self._disconnects: Counter[int] = Counter()
        self._groups: deque[SeqGroup] = deque()
        self._candidates: set[int] = set()
        self._inflight: SeqGroup = ()
        self._failed_sizes: list[int] = []
        self._any_rejected = False
        self._token = self._inflight_bytes = 0
        self._size_limit_bytes = UNLIMITED_BYTES
        self._size_limit_ends_s = 0.0

    def __contains__(self, seq: int) -> bool:
        """Whether this passage may be sent as a suspect only."""
        return seq in self._candidates or seq in self.rejected

    def contains_any(self, seqs: Iterable[int]) -> bool:
        """Whether one of these passages may be sent as a suspect only."""
        return bool(self._candidates or self.rejected) and any(seq in self for seq in seqs)

    @property
    def has_candidates(self) -> bool:
        """Somebody is suspected."""
        return bool(self._groups or self._inflight)

    @property
    def is_inflight(self) -> bool:
        """A group is on the wire: nothing else may be sent."""
        return bool(self._inflight)

    def size_limit_bytes(self, now_s: float) -> int:
        """Larger batches have been seen to break the connection though none of their passages does so alone."""
        return self._size_limit_bytes if now_s < self._size_limit_ends_s else UNLIMITED_BYTES

    def limit_to_single_events(self, now_s: float) -> None:
        """Single passages get through, and batches do not: one goes in a message for a while."""
        self._size_limit_bytes, self._size_limit_ends_s = 0, now_s + SIZE_LIMIT_DURATION_S

    def on_disconnected(self, unacknowledged: Iterable[Sequence[int]], now_s: float) -> None:
        """The connection broke by itself while the broker had not acknowledged these messages."""
        if not self._inflight:
            for seqs in unacknowledged:
                self._disconnects.update(seqs)
                if any(self._disconnects[seq] >= MAX_DISCONNECTS for seq in seqs):
                    self.add_candidates(seqs)
            return
        group, self._inflight = self._inflight, ()
        if len(group) > 1:
            self._split_group(group, self._inflight_bytes)
            return
        self._disconnects.update(group)
        if self._disconnects[group[0]] < MAX_DISCONNECTS:
            self._groups.append(group)
        else:
            self._mark_rejected(group[0], CLOSES_CONNECTION, now_s)

    def add_candidates(self, seqs: Sequence[int]) -> None:
        """These belong to a message that does not get through: find out which of them it is."""
        group = tuple(seq for seq in seqs if seq not in self._candidates)
        if group:
            self._groups.append(group)
            self._candidates.update(group)
            for seq in group:
                del self._disconnects[seq]

    def on_rejected(self, seqs: Sequence[int], size_bytes: int, reason: str, now_s: float) -> None:
        """The broker says that it does not take this message: guilty is who is refused alone."""
        if set(seqs) <= set(self._inflight):
            self._inflight = ()
        if len(seqs) == 1:
            self._mark_rejected(seqs[0], reason, now_s)
        else:
            self._candidates.update(seqs)
            self._split_group(tuple(seqs), size_bytes)

    def on_acknowledged(self, token: int, now_s: float) -> None:
        """The broker took the message of this token: whoever was in it is innocent."""
        if self._inflight and token == self._token:
            group, self._inflight = self._inflight, ()
            self.yield_turn = True
            self.release(group, now_s)

    def on_postponed(self, token: int) -> None:
        """The broker did not take this message, and not because of what is in it."""
        if self._inflight and token == self._token:
            self._groups.append(self._inflight)
            self._inflight, self.yield_turn = (), True

    def release(self, seqs: Iterable[int], now_s: float) -> None:
        """The broker took these, or they wait no more."""
        if not self._disconnects and not self._candidates:
            return
        gone = set(seqs)
        for seq in gone & self._disconnects.keys():
            del self._disconnects[seq]
        if gone & self._candidates:
            self._candidates -= gone
            kept = (tuple(seq for seq in group if seq not in gone) for group in self._groups)
            self._groups = deque(group for group in kept if group)
            self._finish_if_done(now_s)

    def next_group(self) -> SeqGroup:
        """Whose turn it is; empty where nobody is left. `sent` or `cleared` follows."""
        return self._groups[0] if self._groups else ()

    def on_sent(self, group: SeqGroup, token: int, size_bytes: int) -> None:
        """The group of `next_group` is on the wire, alone."""
        self._groups.popleft()
        self._inflight, self._token, self._inflight_bytes = group, token, size_bytes

    def _split_group(self, group: SeqGroup, size_bytes: int) -> None:
        """The halves wait behind those that may be innocent."""
        self._failed_sizes.append(size_bytes)
        middle = len(group) // 2
        self._groups += (group[:middle], group[middle:])

    def _mark_rejected(self, seq: int, reason: str, now_s: float) -> None:
        self.rejected[seq] = reason
        self._any_rejected = True
        self._candidates.discard(seq)
        self._disconnects.pop(seq, None)
        self._finish_if_done(now_s)

    def _finish_if_done(self, now_s: float) -> None:
        """Everybody is cleared or convicted. Where nobody was guilty, it was the size of the whole."""
        if self._candidates:
            return
        if self._failed_sizes and not self._any_rejected:
            self._size_limit_bytes = min(self._failed_sizes) // 2
            self._size_limit_ends_s = now_s + SIZE_LIMIT_DURATION_S
        self._failed_sizes, self._any_rejected = [], False
