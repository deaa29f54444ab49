"""Messages that wait for their transaction, in a fair order: a device that floods the centre delays itself."""

from collections import deque

from mqtt.connection import IncomingMessage

BATCH_BYTES = 600_000
"""Payload bytes of one transaction: about a thousand events."""
BATCH_MESSAGES = 1000
SHARE_BYTES = 64_000
"""Payload bytes of one device in a transaction, while other devices send too. At least one message."""
SHARE_MESSAGES = 100
RECENT_TURNS = 50
"""A device that sent something during so many transactions may send again at any moment."""


class FairInbox:
    """One thread. The devices take turns. Acknowledgements keep the order of arrival (MQTT 5 section 4.6)."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[IncomingMessage]] = {}
        self._unacknowledged: deque[IncomingMessage] = deque()
        self._done: set[int] = set()
        self._turn = 0
        self._last_turns: dict[str, int] = {}
        """When each device sent something, the newest last."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, incoming: IncomingMessage) -> None:
        """Add a message that arrived."""
        device = incoming.topic.rpartition("/")[0]
        self._waiting.setdefault(device, deque()).append(incoming)
        self._last_turns.pop(device, None)
        self._last_turns[device] = self._turn
        self._unacknowledged.append(incoming)

    def take(self) -> list[IncomingMessage]:
        """The messages of the next transaction. Those of one device stay in their order."""
        self._turn += 1
        while self._last_turns and next(iter(self._last_turns.values())) < self._turn - RECENT_TURNS:
            self._last_turns.pop(next(iter(self._last_turns)))
        is_alone = len(self._last_turns.keys() | self._waiting.keys()) == 1
        taken: list[IncomingMessage] = []
        size = 0
        for device in list(self._waiting):
            queue = self._waiting.pop(device)
            share, count = 0, 0
            while queue and size < BATCH_BYTES and len(taken) < BATCH_MESSAGES:
                if not is_alone and count and (share >= SHARE_BYTES or count >= SHARE_MESSAGES):
                    break
                incoming = queue.popleft()
                taken.append(incoming)
                share += len(incoming.payload)
                size += len(incoming.payload)
                count += 1
            if queue:
                self._waiting[device] = queue  # at the end: the others come first next time
        return taken

    def finish(self, messages: list[IncomingMessage]) -> list[IncomingMessage]:
        """These are done. Returns the messages that may be acknowledged now."""
        self._done |= {id(one) for one in messages}
        ready = []
        while self._unacknowledged and id(self._unacknowledged[0]) in self._done:
            one = self._unacknowledged.popleft()
            self._done.remove(id(one))
            ready.append(one)
        return ready

    def clear(self) -> None:
        """Forget all of them. What is not acknowledged comes again."""
        self._waiting.clear()
        self._unacknowledged.clear()
        self._done.clear()
