"""Messages that wait for their transaction: live ones first, then the backlogs, both in turns of the devices.

A device that floods the centre delays itself. A device that comes back with a day's events delays nothing that happens now.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence

from mqtt.connection import IncomingMessage

BATCH_BYTES = 600_000
"""Payload bytes of small messages in a transaction: about a thousand events."""
LEAST_LARGE_BYTES, MOST_LARGE_BYTES = 64_000, 2_400_000
"""Payload bytes of large messages in a transaction. A commit costs as much as a hundred events, so more at once are cheaper."""
COMMIT_S = 0.25
"""So long a transaction may take, because a live message waits for two of them at most."""
BATCH_MESSAGES = 1000
SHARE_BYTES = 64_000
"""Payload bytes of one device in a transaction, while other devices send too. At least one message."""
SHARE_MESSAGES = 50
LARGE_BYTES = 8_000
"""A larger message has many events: it is part of a backlog. States and healths are smaller."""
LARGE_SHARE = 0.25
"""Of a transaction this part is for large messages, however many small ones wait."""
MAX_DEVICE_MESSAGES, MAX_DEVICE_BYTES = 1500, 2_000_000
"""Of one device that wait, while other devices send too. The product's devices have at most 1,000 events without a receipt."""
MAX_BYTES = 32_000_000
"""Payload bytes that wait, of all devices."""
RECENT_TURNS = 50
"""A device that sent something during so many transactions may send again at any moment."""

Queues = dict[str, deque[IncomingMessage]]
"""By device."""


class FairInbox:
    """One thread. The devices take turns. Acknowledgements keep the order of arrival (MQTT 5 section 4.6).

    The small messages of a device keep their order, and so do the large ones.
    """

    def __init__(self) -> None:
        self.large_bytes = BATCH_BYTES
        """Payload bytes of large messages in a transaction, at most."""
        self._small: Queues = {}
        self._large: Queues = {}
        self._unacknowledged: deque[tuple[IncomingMessage, float]] = deque()
        self._done: set[int] = set()
        self._turn = 0
        self._last_turns: dict[str, int] = {}
        """When each device sent something, the newest last."""
        self._count = 0
        self._bytes = 0
        self._device_bytes: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """So much waits that no more should be read."""
        return self._bytes >= MAX_BYTES

    def oldest_wait_s(self, now_s: float) -> float:
        """For how long the oldest message without a commit has been here. Few live ones wait so long, but they come first."""
        return now_s - self._unacknowledged[0][1] if self._unacknowledged else 0.0

    def add(self, incoming: IncomingMessage, now_s: float = 0.0) -> None:
        """Add a message that arrived now (monotonic).

        It is dropped where too many of its device wait: acknowledged to the broker in its turn, and never taken. It has no receipt
        then, so a device that keeps to the protocol sends its events again.
        """
        device = _device(incoming)
        self._unacknowledged.append((incoming, now_s))
        if self._has_too_many(device) and not self._is_alone():
            self._done.add(id(incoming))
            self._dropped[device] += 1
            return
        queues = self._large if len(incoming.payload) > LARGE_BYTES else self._small
        queues.setdefault(device, deque()).append(incoming)
        self._last_turns.pop(device, None)
        self._last_turns[device] = self._turn
        self._count += 1
        self._bytes += len(incoming.payload)
        self._device_bytes[device] += len(incoming.payload)

    def take_dropped(self) -> Mapping[str, int]:
        """How many messages were dropped since the last call, by the topic of the device."""
        found, self._dropped = self._dropped, Counter()
        return found

    def _has_too_many(self, device: str) -> bool:
        count = len(self._small.get(device, ())) + len(self._large.get(device, ()))
        return count >= MAX_DEVICE_MESSAGES or self._device_bytes[device] >= MAX_DEVICE_BYTES

    def _is_alone(self) -> bool:
        """Whether one device at most sends at present."""
        return len(self._last_turns) <= 1 and len({*self._last_turns, *self._small, *self._large}) == 1

    def take(self) -> list[IncomingMessage]:
        """The messages of the next transaction."""
        self._turn += 1
        while self._last_turns and next(iter(self._last_turns.values())) < self._turn - RECENT_TURNS:
            self._last_turns.pop(next(iter(self._last_turns)))
        is_alone = self._is_alone()
        reserved = min(LARGE_SHARE * BATCH_BYTES, self.large_bytes) if self._large else 0
        messages = BATCH_MESSAGES * (1 - LARGE_SHARE) if self._large else BATCH_MESSAGES
        small = _take(self._small, BATCH_BYTES - reserved, messages, is_alone=is_alone)
        room = max(reserved, self.large_bytes - sum(len(one.payload) for one in small))
        large = _take(self._large, room, BATCH_MESSAGES - len(small), is_alone=is_alone)
        taken = small + large
        self._count -= len(taken)
        for one in taken:
            self._remove_bytes(_device(one), len(one.payload))
        return taken

    def _remove_bytes(self, device: str, size: int) -> None:
        self._bytes -= size
        self._device_bytes[device] -= size
        if self._device_bytes[device] <= 0:
            del self._device_bytes[device]

    def finish(self, messages: list[IncomingMessage]) -> list[IncomingMessage]:
        """These are done. Returns the messages that may be acknowledged now."""
        self._done |= {id(one) for one in messages}
        ready = []
        while self._unacknowledged and id(self._unacknowledged[0][0]) in self._done:
            one, _ = self._unacknowledged.popleft()
            self._done.remove(id(one))
            ready.append(one)
        return ready

    def on_committed(self, messages: Sequence[IncomingMessage], commit_s: float) -> None:
        """The transaction of these took so long. The next ones have as much as fits into COMMIT_S."""
        size = sum(len(incoming.payload) for incoming in messages)
        if size > LEAST_LARGE_BYTES and commit_s > 0:
            fitting = round(COMMIT_S / commit_s * size)
            self.large_bytes = min(MOST_LARGE_BYTES, max(LEAST_LARGE_BYTES, fitting))

    def clear(self) -> None:
        """Forget all of them. What is not acknowledged comes again."""
        self._small.clear()
        self._large.clear()
        self._unacknowledged.clear()
        self._done.clear()
        self._device_bytes.clear()
        self._count = self._bytes = 0


def _device(incoming: IncomingMessage) -> str:
    """The topic of its device."""
    return incoming.topic.rpartition("/")[0]


def _take(waiting: Queues, max_bytes: float, max_messages: float, *, is_alone: bool) -> list[IncomingMessage]:
    """Take messages until one of the limits is reached. Those of one device stay in their order."""
    taken: list[IncomingMessage] = []
    size = 0
    for device in list(waiting):
        if size >= max_bytes or len(taken) >= max_messages:
            break
        queue = waiting.pop(device)
        share, count = 0, 0
        while queue and size < max_bytes and len(taken) < max_messages:
            if not is_alone and count and (share >= SHARE_BYTES or count >= SHARE_MESSAGES):
                break
            incoming = queue.popleft()
            taken.append(incoming)
            share += len(incoming.payload)
            size += len(incoming.payload)
            count += 1
        if queue:
            waiting[device] = queue  # at the end: the others come first next time
    return taken
