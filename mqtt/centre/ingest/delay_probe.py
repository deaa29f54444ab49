"""A message of the centre to itself, which takes the way of a live event: through the broker's queue and a transaction. Pure.

The queue at the broker cannot be seen in any other way, and the clocks of devices may be wrong.
"""

import itertools
import re
import secrets
from hashlib import sha256

from mqtt.topics import CENTRE, VERSION

INTERVAL_S = 0.5
LOST_S = 300.0
"""A broker may lose it, when it restarts or its queue is full."""

_LEVEL = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class DelayProbe:
    """One message at a time. One thread. Times are of a monotonic clock."""

    def __init__(self, topic_prefix: str, name: str) -> None:
        """`name`: of the centre. Each one has a topic of its own, because a session keeps what is sent to it."""
        level = name if _LEVEL.fullmatch(name) else sha256(name.encode()).hexdigest()[:16]
        self.topic = f"{topic_prefix}/{VERSION}/{CENTRE}/probe/{level}"
        self._nonce = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._payload: bytes | None = None
        """The one that is on its way."""
        self._sent_s = self._due_s = 0.0
        self._has_returned = False

    def on_connected(self) -> None:
        """What is on its way may be lost. Whether this broker permits it is not known."""
        self._payload, self._due_s, self._has_returned = None, 0.0, False

    def next_payload(self, now_s: float) -> bytes | None:
        """What to send to `topic` now. None: it is not time, or one is on its way."""
        if self._payload is not None and now_s < self._sent_s + LOST_S:
            return None
        if now_s < self._due_s:
            return None
        self._payload = f"{self._nonce}-{next(self._numbers)}".encode()
        self._sent_s, self._due_s = now_s, now_s + INTERVAL_S
        return self._payload

    def on_committed(self, payload: bytes, now_s: float) -> float | None:
        """This one came back, and its transaction is committed. Returns how long it took. None: it is of an earlier time."""
        if payload != self._payload:
            return None
        self._payload, self._has_returned = None, True
        return now_s - self._sent_s

    def waiting_s(self, now_s: float) -> float:
        """For how long one has been on its way. 0 where none is, and where none has ever come back from this broker."""
        return now_s - self._sent_s if self._payload is not None and self._has_returned else 0.0
