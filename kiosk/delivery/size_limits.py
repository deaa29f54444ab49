"""How large a message may be: what the broker announced, and what it refused. Pure.

The limits belong to the connection, not to an event.
"""

from collections.abc import Sequence

from mqtt import events

PACKET_OVERHEAD_BYTES = 512
"""Reserved in a packet for the fields of MQTT and the topic."""
LEARNED_FOR_S = 3600.0
"""A limit that was not announced may be changed without a new connection. After this time it is tried out again."""


class SizeLimits:
    """For one relay and its thread. Sizes are of payloads."""

    def __init__(self) -> None:
        self.oversize: set[int] = set()
        """Events that are larger than this broker accepts now. They wait."""
        self.event_bytes = events.MAX_PAYLOAD_BYTES
        """For a message with one event."""
        self.batch_bytes = events.MAX_PAYLOAD_BYTES
        """For a message with several events. Never more than `event_bytes`."""
        self._announced_bytes = events.MAX_PAYLOAD_BYTES
        self._learned_until_s: float | None = None

    def on_connected(self, maximum_packet_bytes: int | None) -> None:
        """A new connection: nothing is known but what its broker announces (MQTT 5 section 3.2.2.3.6)."""
        self._announced_bytes = events.MAX_PAYLOAD_BYTES
        if maximum_packet_bytes is not None:
            self._announced_bytes = min(self._announced_bytes, maximum_packet_bytes - PACKET_OVERHEAD_BYTES)
        self._forget()

    def on_refused(self, seqs: Sequence[int], size_bytes: int, now_s: float) -> None:
        """The broker refused this message for its size: it is halved, and a single event waits."""
        self._learned_until_s = now_s + LEARNED_FOR_S
        if len(seqs) > 1:
            self.batch_bytes = min(self.batch_bytes, size_bytes // 2)
        else:
            self.event_bytes = min(self.event_bytes, size_bytes - 1)
            self.batch_bytes = min(self.batch_bytes, self.event_bytes)
            self.oversize.update(seqs)

    def take_expired(self, now_s: float) -> bool:
        """True once when what was learned is forgotten: events that waited are to be tried again."""
        if self._learned_until_s is None or now_s < self._learned_until_s:
            return False
        self._forget()
        return True

    def _forget(self) -> None:
        self.event_bytes = self.batch_bytes = self._announced_bytes
        self.oversize.clear()
        self._learned_until_s = None
