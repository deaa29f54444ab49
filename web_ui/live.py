"""Pages that follow the kiosk: changed parts are pushed as server-sent events, or fetched by browsers without them.

One thread looks at the snapshot, and renders each language once for all browsers. Numbers are bounded: streams in
all, streams of one address, and what a slow browser may leave unsent (the server's high-water mark).
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from web_ui.language import Language

LOOK_S = 0.05
"""How often the snapshot's file is looked at while somebody watches."""
BEAT_S = 1.0
"""A browser that hears nothing for three beats says so."""
MAX_STREAMS = 64
MAX_STREAMS_OF_ONE = 16
"""Of one address: a few screens and tabs behind one router."""

Parts = dict[str, str]


class TooManyStreams(Exception):
    """No stream is free; the browser polls instead."""


class Live:
    """The followers of the pages. `run` belongs to a thread of its own; everything else may be called from any."""

    def __init__(self, *, changed: Callable[[], object], render: Callable[[Language], Parts]) -> None:
        """`changed` gives a value that differs when there is something new; `render` makes a language's parts."""
        self._changed = changed
        self._render = render
        self._news = threading.Condition()
        self._parts: dict[Language, tuple[int, Parts]] = {}
        self._watched: Counter[Language] = Counter()
        self._addresses: Counter[str] = Counter()
        self._stop = threading.Event()
        self._version = 0

    def run(self) -> None:
        """Look, render and wake the streams, until `close`."""
        seen: object = None
        rendered_s = 0.0
        while not self._stop.wait(LOOK_S):
            found, now_s = self._changed(), time.monotonic()
            if found != seen or now_s - rendered_s >= BEAT_S:
                seen, rendered_s = found, now_s
                self._spread()

    def close(self) -> None:
        """End the thread and every stream."""
        self._stop.set()
        with self._news:
            self._news.notify_all()

    @property
    def streams(self) -> int:
        """How many browsers follow."""
        return self._watched.total()

    def _spread(self) -> None:
        for language in [language for language, count in self._watched.items() if count]:
            parts = self._render(language)
            with self._news:
                self._version += 1
                self._parts[language] = (self._version, parts)
        with self._news:
            self._news.notify_all()

    def follow(self, language: Language, address: str) -> "Stream":
        """Take a seat for one browser; the caller closes it. Raises TooManyStreams."""
        with self._news:
            if self._watched.total() >= MAX_STREAMS or self._addresses[address] >= MAX_STREAMS_OF_ONE:
                raise TooManyStreams
            self._watched[language] += 1
            self._addresses[address] += 1
        return Stream(self, language, address)

    def leave(self, language: Language, address: str) -> None:
        """Give the seat back."""
        with self._news:
            self._watched[language] -= 1
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def after(self, language: Language, version: int) -> tuple[int, Parts] | None:
        """Wait for parts newer than `version`, at most a beat: the newest there are, none yet, or None at the end."""
        with self._news:
            self._news.wait_for(lambda: self._stop.is_set() or self._version_of(language) > version, BEAT_S)
            return None if self._stop.is_set() else self._parts.get(language, (0, {}))

    def _version_of(self, language: Language) -> int:
        return self._parts[language][0] if language in self._parts else 0


class Stream:
    """The events for one browser: first every part, then those that changed, and an empty one as a beat."""

    def __init__(self, live: Live, language: Language, address: str) -> None:
        self._live, self._language, self._address = live, language, address
        self._version = 0
        self._sent: Parts = {}
        self._open = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = self._live.after(self._language, self._version)
        if found is None:
            raise StopIteration
        self._version, parts = found
        changed = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        self._sent = parts
        return event(changed)

    def close(self) -> None:
        """Leave; the server calls it when the browser is gone, even where nothing was ever sent."""
        if self._open:
            self._open = False
            self._live.leave(self._language, self._address)


def event(parts: Parts) -> str:
    """One server-sent event (WHATWG HTML, 9.2): JSON has no raw line breaks, so one data line is enough."""
    return f"data: {json.dumps(parts, ensure_ascii=False)}\n\n"
