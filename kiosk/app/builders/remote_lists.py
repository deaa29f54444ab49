"""Signed lists that a centre sent: made whole in the thread of the commands, put in force by the main thread."""

import hashlib
import logging
import queue
from contextlib import AbstractContextManager
from pathlib import Path

from kiosk import config
from kiosk.core.ports import Clock
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_delta import DeltaError, apply_delta
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.delivery.remote import CommandChannel
from kiosk.delivery.remote.list_download import DownloadAnswer, Fetch, ListDownload
from mqtt.message_model import InvalidMessageError
from mqtt.remote.lists import ListMessage

log = logging.getLogger(__name__)

OTHER_BASE, WRONG_HASH, UNUSABLE = "other-base", "wrong-hash", "unusable"
"""Why a list is not in force. Wire values of the hello."""


class _NotAppliedError(Exception):
    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class ListReceiver:
    """`prepare_due`: the thread of the commands. `apply_due`: the thread that refreshes the lists."""

    def __init__(self, channel: CommandChannel, lists: ListLoader) -> None:
        self._channel = channel
        self.download: ListDownload | None = None
        """Gets lists that fit no message. None: this device has no certificate for it."""
        self._lists = lists
        self._ready: queue.SimpleQueue[tuple[ListMessage, bytes]] = queue.SimpleQueue()

    def prepare_due(self) -> None:
        """Make the next list whole: a large one takes seconds on a small board."""
        message = self._channel.take_list()
        if message is None:
            return
        if message.url is not None:
            self._want(message)
            return
        try:
            self._ready.put((message, self._whole(message)))
        except _NotAppliedError as error:
            self._refuse(message, error.code)

    def _want(self, message: ListMessage) -> None:
        if self.download is None or message.size_bytes is None:
            self._refuse(message, UNUSABLE)
        else:
            log.info("the %s list %d is downloaded: %d bytes", message.kind, message.number, message.size_bytes)
            self.download.want(message)

    def on_downloaded(self, message: ListMessage, data: bytes) -> None:
        """See Receiver."""
        self._ready.put((message, data))

    def on_download_failed(self, message: ListMessage, code: str) -> None:
        """See Receiver."""
        self._refuse(message, code)

    def apply_due(self) -> bool:
        """Put whole lists in force. True if one is. The root key must have signed it, and its number must be higher."""
        changed = False
        while not self._ready.empty():
            message, data = self._ready.get()
            try:
                self._lists.offer(message.kind, data)
            except ListError as error:
                log.error("the %s list %d of the centre is not used: %s", message.kind, message.number, error)
                self._refuse(message, UNUSABLE)
                continue
            self._channel.on_list(message.kind, "")
            changed = True
        return changed

    def _whole(self, message: ListMessage) -> bytes:
        try:
            content = message.content_bytes
            if message.base is not None:
                base = self._lists.denylist
                if message.kind != "deny" or base is None or base.number != message.base:
                    raise _NotAppliedError(OTHER_BASE)
                content = apply_delta(base, message.number, content)
        except (DeltaError, InvalidMessageError) as error:
            raise _NotAppliedError(UNUSABLE) from error
        if hashlib.sha256(content).hexdigest() != message.sha256:
            raise _NotAppliedError(WRONG_HASH)
        return content

    def _refuse(self, message: ListMessage, code: str) -> None:
        log.warning("the %s list %d of the centre is not in force: %s", message.kind, message.number, code)
        self._channel.on_list(message.kind, code)


def build_list_receiver(
    settings: config.Settings, channel: CommandChannel, lists: ListLoader, clock: Clock
) -> ListReceiver:
    """With a download where the connection to the broker uses TLS: it has the authority and the certificate."""
    receiver, mqtt = ListReceiver(channel, lists), settings.mqtt
    if mqtt.tls and mqtt.ca is not None:
        fetch = _fetch_lazily(mqtt.ca, mqtt.certificate, mqtt.key)
        receiver.download = ListDownload(settings.storage.path.parent, fetch, receiver, clock)
    return receiver


def _fetch_lazily(authority: Path, certificate: Path | None, key: Path | None) -> Fetch:
    """Imports ssl and http at the first download, not at the start of the daemon."""

    def fetch(url: str, first_byte: int) -> AbstractContextManager[DownloadAnswer]:
        from kiosk.delivery.remote.https_fetch import HttpsFetch  # noqa: PLC0415

        return HttpsFetch(authority, certificate, key)(url, first_byte)

    return fetch
