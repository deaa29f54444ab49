"""Limits of waitress connections: a request must arrive in time, and one address cannot occupy all connections."""

import socket
import time
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel

from web_ui.auth.login_throttle import client_network

REQUEST_TIMEOUT_S = 10.0
"""Headers and body of a request must arrive within this time after its first byte (slowloris)."""
MAX_CONNECTIONS_PER_ADDRESS = 32
"""Connections of one address to a kiosk: its streams and some requests."""
PEER_TIMEOUT_MS = 15_000
"""A peer that acknowledges nothing for this time is gone: a phone that left the Wi-Fi releases its stream."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections a server has at the same time."""

    total: int
    per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    """Of one address: one browser, all people behind one router, or all people behind one proxy."""


class TimeLimitedChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection whose requests must arrive in time. Runs in the main loop of the server."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002  # the base class calls it so
        super().__init__(server, sock, addr, adj, map=map)
        self._request_started_s = 0.0

    def received(self, data: bytes) -> Any:
        """Note when a request begins."""
        if self.request is None:
            self._request_started_s = time.monotonic()
        return super().received(data)

    def writable(self) -> Any:
        """Called in each turn of the loop, at least once a second: the moment to close a connection that is too slow."""
        if self.request is not None and time.monotonic() - self._request_started_s > REQUEST_TIMEOUT_S:
            self.will_close = True
        return super().writable()


class CountLimitedChannel(TimeLimitedChannel):
    """Also limits the connections of one address: to `connections_per_address` of the server."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002  # the base class calls it so
        super().__init__(server, sock, addr, adj, map=map)
        self.network = client_network(addr[0])
        others = [channel for channel in server.active_channels.values() if channel is not self]
        if sum(1 for channel in others if channel.network == self.network) >= server.connections_per_address:
            self.will_close = True


def set_peer_timeout(listener: socket.socket) -> None:
    """Accepted connections inherit it (tcp(7), TCP_USER_TIMEOUT)."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_TIMEOUT_MS)
