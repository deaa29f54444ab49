"""A time server for an emulated machine: SNTP (RFC 4330) with this machine's own time, on its loopback."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

PORT = 123
_SINCE_1900_S = 2_208_988_800
_SERVER_MODE, _STRATUM = 0x24, 2


@contextlib.contextmanager
def served() -> Iterator[None]:
    """While it lasts, each request is answered. Raises OSError where another program has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", PORT))
        thread = threading.Thread(target=_answer, args=[line], name="sntp", daemon=True)
        thread.start()
        try:
            yield
        finally:
            line.sendto(b"", line.getsockname())
            thread.join()


def _answer(line: socket.socket) -> None:
    """Until an empty datagram comes."""
    asked, whom = line.recvfrom(512)
    while asked:
        line.sendto(_reply(asked[40:48]), whom)
        asked, whom = line.recvfrom(512)


def _reply(asked_at: bytes) -> bytes:
    now_at = time.time() + _SINCE_1900_S
    stamp = struct.pack(">II", int(now_at), int(now_at % 1 * 2**32))
    head = struct.pack(">BBbbII4s", _SERVER_MODE, _STRATUM, 6, -20, 0, 0, b"LOCL")
    return head + stamp + asked_at + stamp + stamp
