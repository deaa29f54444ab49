"""Waitress' connections with less patience: a request must arrive in time, and one address cannot hold them all."""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel

REQUEST_TIMEOUT_S = 10.0
"""A request, headers and body, must be there this long after its first byte (slowloris)."""
MAX_CONNECTIONS_PER_ADDRESS = 32
"""Connections of one address: its streams, and some requests beside them."""
PEER_TIMEOUT_MS = 15_000
"""A peer that acknowledges nothing for so long is gone: a phone that left the Wi-Fi frees its stream."""


class TimeLimitedChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection whose requests must arrive in time; all of it runs in the server's main loop."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002  # the base class calls it so
        super().__init__(server, sock, addr, adj, map=map)
        self._request_started_s = 0.0

    def received(self, data: bytes) -> Any:
        """Note when a request begins."""
        if self.request is None:
            self._request_started_s = time.monotonic()
        return super().received(data)

    def writable(self) -> Any:
        """Asked in each turn of the loop, at least once a second: the moment to lose patience."""
        if self.request is not None and time.monotonic() - self._request_started_s > REQUEST_TIMEOUT_S:
            self.will_close = True
        return super().writable()


class CountLimitedChannel(TimeLimitedChannel):
    """The same, refused where its address has enough of them."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002  # the base class calls it so
        super().__init__(server, sock, addr, adj, map=map)
        others = [channel for channel in server.active_channels.values() if channel is not self]
        if sum(1 for channel in others if channel.addr[0] == addr[0]) >= MAX_CONNECTIONS_PER_ADDRESS:
            self.will_close = True


def set_peer_timeout(listener: socket.socket) -> None:
    """Accepted connections inherit it (tcp(7), TCP_USER_TIMEOUT)."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)
