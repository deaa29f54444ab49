"""A TCP proxy on loopback that simulates network faults."""

import selectors
import socket
import threading
from enum import StrEnum
from types import TracebackType
from typing import Self

TURN_S = 0.02
SLOW_BYTES = 2_000  # per connection and turn: about 100 kB/s


class Mood(StrEnum):
    """Behaviour of the network for existing and new connections."""

    PASS = "pass"
    SLOW = "slow"
    CUT = "cut"
    """All connections are closed, new ones at once after they were accepted."""
    HALF_OPEN = "half-open"
    """Connections stay open, but no byte arrives in either direction."""
    MUTE = "mute"
    """New connections are accepted and their bytes are dropped, so no CONNACK comes."""


class Proxy:
    """`with Proxy(port) as proxy:` forwards proxy.port to port in a separate thread."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream = ("127.0.0.1", upstream_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._mood = Mood.PASS
        self._peer: dict[socket.socket, socket.socket] = {}
        self._mute: set[socket.socket] = set()
        self._tail: dict[socket.socket, bytes] = {}
        self.hates: tuple[bytes, ...] = ()
        """A connection that sends one of these bytes is closed. The data is not forwarded."""
        self.cuts = 0
        """How often a connection was closed because of `hates`."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def redirect(self, upstream_port: int) -> None:
        """New connections go to another port. The others are closed."""
        self._upstream = ("127.0.0.1", upstream_port)
        self._mood = Mood.CUT
        self._stop.wait(5 * TURN_S)
        self._mood = Mood.PASS

    def set(self, mood: Mood) -> None:
        """Change the behaviour."""
        self._mood = mood

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                if self._mood is Mood.CUT:
                    self._drop_all(selector)
                for key, _ in selector.select(TURN_S):
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    if end is self._listener:
                        self._accept(selector)
                    else:
                        self._forward(selector, end)
                if self._mood in (Mood.SLOW, Mood.HALF_OPEN):
                    self._stop.wait(TURN_S)
            self._drop_all(selector)
            self._listener.close()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        near, _ = self._listener.accept()
        if self._mood is Mood.CUT:
            near.close()
            return
        if self._mood is Mood.MUTE:
            self._mute.add(near)
            selector.register(near, selectors.EVENT_READ)
            return
        try:
            far = socket.create_connection(self._upstream, timeout=2)
        except OSError:
            near.close()
            return
        for end, other in ((near, far), (far, near)):
            end.settimeout(5)
            self._peer[end] = other
            selector.register(end, selectors.EVENT_READ)

    def _forward(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        if end not in self._peer and end not in self._mute:
            return  # dropped in this iteration
        if self._mood is Mood.HALF_OPEN:
            return
        try:
            data = end.recv(SLOW_BYTES if self._mood is Mood.SLOW else 65536)
            if data and self._hated(end, data):
                self.cuts += 1
                data = b""
            if data and end in self._peer:
                self._peer[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(selector, end)

    def _hated(self, end: socket.socket, data: bytes) -> bool:
        if not self.hates:
            return False
        seen = self._tail.get(end, b"") + data
        self._tail[end] = seen[-100:]
        return any(one in seen for one in self.hates)

    def _drop(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        other = self._peer.pop(end, None)
        self._mute.discard(end)
        self._tail.pop(end, None)
        if other is not None:
            self._peer.pop(other, None)
        for one in (end, other):
            if one is not None:
                selector.unregister(one)
                one.close()

    def _drop_all(self, selector: selectors.BaseSelector) -> None:
        for end in [*self._peer, *self._mute]:
            if end in self._peer or end in self._mute:
                self._drop(selector, end)
