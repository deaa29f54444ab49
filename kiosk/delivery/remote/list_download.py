"""Downloads a list that fits no message, and goes on where an interrupted download ended. A thread of its own."""

import contextlib
import hashlib
import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kiosk.core.ports import Clock, KioskError
from mqtt.remote.lists import ListMessage, list_file_name

log = logging.getLogger(__name__)

IDLE_S = 1.0
FIRST_RETRY_S, MAX_RETRY_S = 5.0, 300.0
MAX_ATTEMPTS_WITHOUT_PROGRESS = 12
"""About half an hour. After the next hello the centre may send the address again."""
UNREACHABLE, WRONG_HASH, STORE_FAILED = "unreachable", "wrong-hash", "store-failed"
"""Why a list did not come. Wire values of the hello."""
PART_SUFFIX = ".part"


class DownloadError(KioskError):
    """The server does not answer, or not as it should. A later attempt may work."""


@dataclass(frozen=True, slots=True)
class DownloadAnswer:
    """What the server sends."""

    begins_at: int
    """Which byte of the file comes first. 0: the server sends all of it again."""
    chunks: Iterator[bytes]
    """Raises DownloadError."""


Fetch = Callable[[str, int], AbstractContextManager[DownloadAnswer]]
"""Address and first byte. Raises DownloadError."""


class DownloadReceiver(Protocol):
    """Who wants lists."""

    def on_downloaded(self, message: ListMessage, data: bytes) -> None:
        """The whole list, with the SHA-256 of the message."""

    def on_download_failed(self, message: ListMessage, code: str) -> None:
        """It did not come."""


class ListDownload:
    """`want`: any thread. One other thread calls `step`."""

    def __init__(
        self, folder: Path, fetch: Fetch, receiver: DownloadReceiver, clock: Clock, jitter: random.Random | None = None
    ) -> None:
        """`folder`: for the part that has come."""
        self._folder = folder
        self._fetch = fetch
        self._receiver = receiver
        self._clock = clock
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads attempts, not for security
        self._lock = threading.Lock()
        self._wanted: dict[str, ListMessage] = {}
        self._attempts: dict[str, int] = {}
        self._due_s: dict[str, float] = {}

    def want(self, message: ListMessage) -> None:
        """Download this list. One of the same kind that was wanted before is not wanted any more."""
        with self._lock:
            before = self._wanted.get(message.kind)
            self._wanted[message.kind] = message
            if before is None or before.sha256 != message.sha256:
                self._attempts[message.kind] = 0
                # 10,000 kiosks hear of a list in the same second
                self._due_s[message.kind] = self._clock.now().monotonic_s + self._jitter.uniform(0, FIRST_RETRY_S)

    def step(self) -> float:
        """Make one attempt that is due. Returns the delay until the next step, seconds."""
        now_s = self._clock.now().monotonic_s
        with self._lock:
            due = [message for kind, message in self._wanted.items() if now_s >= self._due_s[kind]]
        if not due:
            return IDLE_S
        self._attempt(due[0])
        return 0.0

    def _attempt(self, message: ListMessage) -> None:
        part = self._part_path(message)
        before = _size(part)
        try:
            data = self._continue(message, part)
        except DownloadError as error:
            log.warning("%s: %s", message.url, error)
            self._postpone(message, progress=_size(part) > before)
        except OSError as error:
            log.error("%s cannot be written: %s", part, error.strerror)
            self._end(message, part)
            self._receiver.on_download_failed(message, STORE_FAILED)
        else:
            self._end(message, part)
            if hashlib.sha256(data).hexdigest() == message.sha256:
                self._receiver.on_downloaded(message, data)
            else:
                self._receiver.on_download_failed(message, WRONG_HASH)

    def _continue(self, message: ListMessage, part: Path) -> bytes:
        """The whole list. What came of it stays on the disk. Raises DownloadError and OSError."""
        assert message.url is not None
        assert message.size_bytes is not None
        self._remove_other_parts(message, part)
        size = _size(part)
        if size < message.size_bytes:
            with self._fetch(message.url, size) as answer, part.open("r+b" if size else "wb") as file:
                if answer.begins_at not in {0, size}:
                    raise DownloadError("the server sends another part")
                file.seek(answer.begins_at)
                file.truncate()
                size = answer.begins_at
                for chunk in answer.chunks:
                    size += len(chunk)
                    if size > message.size_bytes:
                        raise DownloadError("the file is longer than the centre said")
                    file.write(chunk)
            if size < message.size_bytes:
                raise DownloadError("the connection ended early")
        return part.read_bytes()

    def _postpone(self, message: ListMessage, *, progress: bool) -> None:
        with self._lock:
            attempts = self._attempts[message.kind] = 0 if progress else self._attempts[message.kind] + 1
            delay_s = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0**attempts) * self._jitter.uniform(0.5, 1.0)
            self._due_s[message.kind] = self._clock.now().monotonic_s + delay_s
        if attempts >= MAX_ATTEMPTS_WITHOUT_PROGRESS:
            self._forget(message)
            self._receiver.on_download_failed(message, UNREACHABLE)

    def _end(self, message: ListMessage, part: Path) -> None:
        self._forget(message)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)

    def _forget(self, message: ListMessage) -> None:
        with self._lock:
            if self._wanted.get(message.kind) is message:
                del self._wanted[message.kind]

    def _part_path(self, message: ListMessage) -> Path:
        return self._folder / f"{list_file_name(message.kind, message.number)}.{message.sha256[:16]}{PART_SUFFIX}"

    def _remove_other_parts(self, message: ListMessage, part: Path) -> None:
        for other in self._folder.glob(f"{message.kind}-*{PART_SUFFIX}"):
            if other != part:
                other.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
