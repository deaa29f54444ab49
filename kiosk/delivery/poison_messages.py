"""Finds the event that makes the broker close the connection, by bisection. Pure: no I/O, no clock.

A broker, or a firewall before it, may close the connection when it does not accept a message. The message is then sent again
on the next connection, and blocks all others. So an event that was unacknowledged when MAX_DISCONNECTS connections closed is a
candidate. One group of candidates is sent alone, on a connection where all other messages are acknowledged. If it is
acknowledged, all of the group are released. If the connection closes, its halves are tried one after the other. An event that
closes MAX_DISCONNECTS connections alone is rejected. Between two groups, other events are sent. (docs/decisions/0023)
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence

MAX_DISCONNECTS = 3
"""A network closes connections too, but seldom so often with the same single event in flight."""
SIZE_LIMIT_DURATION_S = 3600.0
UNLIMITED_BYTES = 1 << 30
CLOSES_CONNECTION = "closes-connection"

SeqGroup = tuple[int, ...]


class PoisonMessageDetector:
    """For one relay and its thread. Events are given by their seq."""

    def __init__(self) -> None:
        self.rejected: dict[int, str] = {}
        """Rejected events with the reason. The relay takes them out."""
        self.yield_turn = False
        """Other events are sent before the next group."""
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
        """Whether this event may be sent only as a candidate."""
        return seq in self._candidates or seq in self.rejected

    def contains_any(self, seqs: Iterable[int]) -> bool:
        """Whether one of these events may be sent only as a candidate."""
        return bool(self._candidates or self.rejected) and any(seq in self for seq in seqs)

    @property
    def has_candidates(self) -> bool:
        """Some events are candidates."""
        return bool(self._groups or self._inflight)

    @property
    def is_inflight(self) -> bool:
        """A group is in flight. Nothing else may be sent."""
        return bool(self._inflight)

    def size_limit_bytes(self, now_s: float) -> int:
        """Larger batches closed the connection, though none of their events did so alone."""
        return self._size_limit_bytes if now_s < self._size_limit_ends_s else UNLIMITED_BYTES

    def limit_to_single_events(self, now_s: float) -> None:
        """Single events pass, and batches do not. Send one event in a message for a while."""
        self._size_limit_bytes, self._size_limit_ends_s = 0, now_s + SIZE_LIMIT_DURATION_S

    def on_disconnected(self, unacknowledged: Iterable[Sequence[int]], now_s: float) -> None:
        """The connection was lost while these messages were not acknowledged."""
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
        """Find out which of these events is the cause."""
        group = tuple(seq for seq in seqs if seq not in self._candidates)
        if group:
            self._groups.append(group)
            self._candidates.update(group)
            for seq in group:
                del self._disconnects[seq]

    def on_rejected(self, seqs: Sequence[int], size_bytes: int, reason: str, now_s: float) -> None:
        """The broker rejected this message. A single event is rejected for good."""
        if set(seqs) <= set(self._inflight):
            self._inflight = ()
        if len(seqs) == 1:
            self._mark_rejected(seqs[0], reason, now_s)
        else:
            self._candidates.update(seqs)
            self._split_group(tuple(seqs), size_bytes)

    def on_too_large(self, seqs: Sequence[int], now_s: float) -> None:
        """The broker refused this message for its size. Its events are released: their size is the cause."""
        if set(seqs) <= set(self._inflight):
            self._inflight, self.yield_turn = (), True
        self.release(seqs, now_s)

    def on_acknowledged(self, token: int, now_s: float) -> None:
        """The broker accepted the message of this token. Its events are released."""
        if self._inflight and token == self._token:
            group, self._inflight = self._inflight, ()
            self.yield_turn = True
            self.release(group, now_s)

    def on_postponed(self, token: int) -> None:
        """The broker did not accept this message, for another reason than its content."""
        if self._inflight and token == self._token:
            self._groups.append(self._inflight)
            self._inflight, self.yield_turn = (), True

    def release(self, seqs: Iterable[int], now_s: float) -> None:
        """The broker accepted these events, or they are no longer pending."""
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
        """The next group, or an empty one. Call `on_sent` or `release` next."""
        return self._groups[0] if self._groups else ()

    def on_sent(self, group: SeqGroup, token: int, size_bytes: int) -> None:
        """The group of `next_group` is in flight alone."""
        self._groups.popleft()
        self._inflight, self._token, self._inflight_bytes = group, token, size_bytes

    def _split_group(self, group: SeqGroup, size_bytes: int) -> None:
        """The halves are tried after the other groups."""
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
        """All are released or rejected. Where none was rejected, the size of the whole was the cause."""
        if self._candidates:
            return
        if self._failed_sizes and not self._any_rejected:
            self._size_limit_bytes = min(self._failed_sizes) // 2
            self._size_limit_ends_s = now_s + SIZE_LIMIT_DURATION_S
        self._failed_sizes, self._any_rejected = [], False
