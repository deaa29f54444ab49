"""Pages that follow the kiosk: changed parts are pushed as server-sent events, or fetched by browsers without them.

One thread checks the status file and renders each channel once for all browsers. Bounded are the streams in all, the streams
of one address, and the bytes that a slow browser leaves unsent (the high-water mark of the server).
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

POLL_INTERVAL_S = 0.05
"""How often the status file is checked for a change."""
HEARTBEAT_S = 1.0
"""A browser that receives nothing for three heartbeats shows that the connection is lost."""
MAX_STREAMS = 64
MAX_STREAMS_PER_ADDRESS = 16
"""Of one address: a few screens and tabs behind one router."""

Parts = dict[str, str]


class PageChannel(NamedTuple):
    """What a browser subscribes to: a page in a language."""

    page: str
    language: str


class TooManyStreamsError(Exception):
    """No stream is free. The browser polls instead."""


class Broadcaster:
    """Sends changed parts of the pages to all subscribers. `run` has a thread of its own. All other methods: any thread."""

    def __init__(self, *, changed: Callable[[], object], render: Callable[[PageChannel], Parts]) -> None:
        """`changed` returns another value when there is a new status. `render` makes the parts of a channel."""
        self._changed = changed
        self._render = render
        self._condition = threading.Condition()
        self._parts: dict[PageChannel, tuple[int, Parts]] = {}
        self._subscribers: Counter[PageChannel] = Counter()
        self._addresses: Counter[str] = Counter()
        self._stop = threading.Event()
        self._version = 0

    def run(self) -> None:
        """Check, render and wake the streams until `close`."""
        seen: object = None
        rendered_s = 0.0
        while not self._stop.wait(POLL_INTERVAL_S):
            found, now_s = self._changed(), time.monotonic()
            if found != seen or now_s - rendered_s >= HEARTBEAT_S:
                seen, rendered_s = found, now_s
                self._publish()

    def close(self) -> None:
        """End the thread and every stream."""
        self._stop.set()
        with self._condition:
            self._condition.notify_all()

    @property
    def stream_count(self) -> int:
        """Number of subscribed browsers."""
        return self._subscribers.total()

    def _publish(self) -> None:
        for channel in list(self._subscribers):
            parts = self._render(channel)
            with self._condition:
                self._version += 1
                if channel in self._subscribers:
                    self._parts[channel] = (self._version, parts)
        with self._condition:
            self._condition.notify_all()

    def subscribe(self, channel: PageChannel, address: str) -> "EventStream":
        """A new stream for one browser. The caller closes it. Raises TooManyStreamsError."""
        with self._condition:
            if self._subscribers.total() >= MAX_STREAMS or self._addresses[address] >= MAX_STREAMS_PER_ADDRESS:
                raise TooManyStreamsError
            self._subscribers[channel] += 1
            self._addresses[address] += 1
        return EventStream(self, channel, address)

    def unsubscribe(self, channel: PageChannel, address: str) -> None:
        """Release a stream. Parts of a channel without subscribers are deleted, so that a later one never gets old parts."""
        with self._condition:
            self._subscribers[channel] -= 1
            if not self._subscribers[channel]:
                del self._subscribers[channel]
                self._parts.pop(channel, None)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def render_now(self, channel: PageChannel) -> tuple[int, Parts] | None:
        """All parts, rendered now, with the version that they have at least. None after `close`."""
        version = self._version
        return None if self._stop.is_set() else (version, self._render(channel))

    def wait_for_newer(self, channel: PageChannel, version: int) -> tuple[int, Parts] | None:
        """Wait at most one heartbeat for parts newer than `version`. Without any: (version, {}). None after `close`."""
        with self._condition:
            self._condition.wait_for(lambda: self._stop.is_set() or self._has_newer(channel, version), HEARTBEAT_S)
            if self._stop.is_set():
                return None
            return self._parts[channel] if self._has_newer(channel, version) else (version, {})

    def _has_newer(self, channel: PageChannel, version: int) -> bool:
        return channel in self._parts and self._parts[channel][0] > version


class EventStream:
    """The events for one browser: first all parts, then the changed ones, and an empty event as a heartbeat."""

    def __init__(self, broadcaster: Broadcaster, channel: PageChannel, address: str) -> None:
        self._broadcaster, self._channel, self._address = broadcaster, channel, address
        self._version = 0
        self._first = True
        self._sent: Parts = {}
        self._open = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = (
            self._broadcaster.render_now(self._channel)
            if self._first
            else self._broadcaster.wait_for_newer(self._channel, self._version)
        )
        if found is None:
            raise StopIteration
        self._first = False
        self._version, parts = found
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent = parts or self._sent
        return format_event(changed)

    def close(self) -> None:
        """Unsubscribe. The server calls it when the browser is gone, even if nothing was sent."""
        if self._open:
            self._open = False
            self._broadcaster.unsubscribe(self._channel, self._address)


def format_event(parts: Parts) -> str:
    """One server-sent event (WHATWG HTML, 9.2): JSON has no raw line breaks, so one data line is enough."""
    return f"data: {json.dumps(parts, ensure_ascii=False)}\n\n"
