"""Replies of a device that the broker has not acknowledged yet. They are sent again after a lost connection."""

import base64
import hashlib
import threading
from collections import deque
from datetime import datetime

from mqtt.connection import Connection, OutgoingMessage
from mqtt.remote.commands import PART_BYTES, ReplyMessage, ReplyState
from mqtt.topics import DeviceTopics

MAX_UNACKNOWLEDGED = 4
"""Replies in flight. Events of the gate have a window of their own."""
MAX_WAITING = 200
"""More replies are dropped: the centre then says that no answer came."""


class ReplyQueue:
    """`add`, `add_result` and `is_empty`: any thread. The other methods belong to the relay's thread."""

    def __init__(self, topics: DeviceTopics) -> None:
        self._topics = topics
        self._lock = threading.Lock()
        self._waiting: deque[OutgoingMessage] = deque()
        self._sent: dict[int, OutgoingMessage] = {}

    @property
    def is_empty(self) -> bool:
        """Whether the broker has all replies."""
        return not self._waiting and not self._sent

    def add(self, reply: ReplyMessage) -> None:
        """Send a reply when there is a connection."""
        with self._lock:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(OutgoingMessage(self._topics.reply_topic(reply.id), reply.to_payload()))

    def add_result(self, order_id: str, at: datetime, content: bytes, count: int | None) -> None:
        """The content in parts, then that the command is done."""
        parts = [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]
        for number, part in enumerate(parts, 1):
            text = base64.b64encode(part).decode()
            self.add(ReplyMessage(id=order_id, state=ReplyState.PART, at=at, part=number, content=text))
        digest = hashlib.sha256(content).hexdigest() if content else None
        self.add(ReplyMessage(id=order_id, state=ReplyState.DONE, at=at, count=count, parts=len(parts), sha256=digest))

    def publish_due(self, connection: Connection) -> None:
        """Send what may be in flight. Raises BrokerConnectionError."""
        while self._waiting and len(self._sent) < MAX_UNACKNOWLEDGED:
            message = self._waiting[0]
            self._sent[connection.publish(message)] = message
            self._waiting.popleft()

    def on_acknowledged(self, token: int) -> None:
        """The broker has a message, or refused it."""
        self._sent.pop(token, None)

    def on_disconnected(self) -> None:
        """What was in flight is sent again, in the same order."""
        with self._lock:
            self._waiting.extendleft(reversed(self._sent.values()))
        self._sent.clear()
