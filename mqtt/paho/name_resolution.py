"""Connects to a broker whose name has several IP addresses."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

CONNECT_TIMEOUT_S = 5.0
"""For each IP address."""
MAX_ADDRESSES = 4
"""How many IP addresses are tried in one attempt, so that it ends within 20 s."""

ResolvedAddress = tuple[int, int, int, str, Any]
"""Family, type, protocol, canonical name and address, as of socket.getaddrinfo."""
Resolver = Callable[[str, int], Sequence[ResolvedAddress]]


def resolve_host(host: str, port: int) -> Sequence[ResolvedAddress]:
    """All TCP addresses of a name. Raises OSError."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def open_socket(resolve: Resolver, failures: int, host: str, port: int) -> socket.socket:
    """Connect to the first IP address that accepts. Raises OSError.

    `failures`: how often in a row the name has failed. Each attempt begins one address later: an address that accepts TCP and
    does not speak MQTT does not hide the others.
    """
    found = list(resolve(host, port))
    if not found:
        raise OSError(f"{host} has no address")
    start = failures % len(found)
    last_error = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in (found[start:] + found[:start])[:MAX_ADDRESSES]:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(CONNECT_TIMEOUT_S)
        try:
            opened.connect(address)
        except OSError as error:
            opened.close()
            last_error = error
        else:
            return opened
    raise last_error
