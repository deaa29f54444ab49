"""Pages that follow the kiosk: changed parts are pushed as server-sent events, or fetched by browsers without them.

One thread looks at the snapshot, and renders each channel once for all browsers. Numbers are bounded: streams in all,
streams of one address, and what a slow browser may leave unsent (the server's high-water mark).
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

POLL_INTERVAL_S = 0.05
"""How often the snapshot's file is looked at while somebody watches."""
HEARTBEAT_S = 1.0
"""A browser that hears nothing for three beats says so."""
MAX_STREAMS = 64
MAX_STREAMS_PER_ADDRESS = 16
"""Of one address: a few screens and tabs behind one router."""

Parts = dict[str, str]


class PageChannel(NamedTuple):
    """What a browser follows."""

    page: str
    language: str


class TooManyStreamsError(Exception):
    """No stream is free; the browser polls instead."""


class Broadcaster:
    """The followers of the pages. `run` belongs to a thread of its own; everything else may be called from any."""

    def __init__(self, *, changed: Callable[[], object], render: Callable[[PageChannel], Parts]) -> None:
        """`changed` gives a value that differs when there is something new; `render` makes a channel's parts."""
        self._changed = changed
        self._render = render
        self._condition = threading.Condition()
        self._parts: dict[PageChannel, tuple[int, Parts]] = {}
        self._subscribers: Counter[PageChannel] = Counter()
        self._addresses: Counter[str] = Counter()
        self._stop = threading.Event()
        self._version = 0

    def run(self) -> None:
        """Look, render and wake the streams, until `close`."""
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
        """How many browsers follow."""
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
        """Take a seat for one browser; the caller closes it. Raises TooManyStreams."""
        with self._condition:
            if self._subscribers.total() >= MAX_STREAMS or self._addresses[address] >= MAX_STREAMS_PER_ADDRESS:
                raise TooManyStreamsError
            self._subscribers[channel] += 1
            self._addresses[address] += 1
        return EventStream(self, channel, address)

    def unsubscribe(self, channel: PageChannel, address: str) -> None:
        """Give the seat back; what nobody follows is forgotten, so that nobody is ever greeted with the past."""
        with self._condition:
            self._subscribers[channel] -= 1
            if not self._subscribers[channel]:
                del self._subscribers[channel]
                self._parts.pop(channel, None)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def render_now(self, channel: PageChannel) -> tuple[int, Parts] | None:
        """The parts as they are, rendered for a newcomer, and the version that they are at least of; None at the end."""
        version = self._version
        return None if self._stop.is_set() else (version, self._render(channel))

    def wait_for_newer(self, channel: PageChannel, version: int) -> tuple[int, Parts] | None:
        """Wait at most a beat for parts newer than `version`; those, or (version, {}), or None at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._stop.is_set() or self._has_newer(channel, version), HEARTBEAT_S)
            if self._stop.is_set():
                return None
            return self._parts[channel] if self._has_newer(channel, version) else (version, {})

    def _has_newer(self, channel: PageChannel, version: int) -> bool:
        return channel in self._parts and self._parts[channel][0] > version


class EventStream:
    """The events for one browser: first every part, then those that changed, and an empty one as a beat."""

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
        """Leave; the server calls it when the browser is gone, even where nothing was ever sent."""
        if self._open:
            self._open = False
            self._broadcaster.unsubscribe(self._channel, self._address)


def format_event(parts: Parts) -> str:
    """One server-sent event (WHATWG HTML, 9.2): JSON has no raw line breaks, so one data line is enough."""
    return f"data: {json.dumps(parts, ensure_ascii=False)}\n\n"
