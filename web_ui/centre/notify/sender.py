"""Delivers messages with Apprise: mail, SMS gateways, Telegram, webhooks and many more (an extra of this package)."""

import logging
from typing import Protocol

from web_ui.centre.notify.receivers import Receiver
from web_ui.centre.notify.texts import NotifyError


class NotificationSender(Protocol):
    """Delivers one message."""

    def send(self, receiver: Receiver, title: str, text: str) -> None:
        """Returns once the first server on the way took it. Raises NotifyError."""


class AppriseSender:
    """Needs the extra `notify`."""

    def __init__(self) -> None:
        """Raises NotifyError if Apprise is not installed."""
        try:
            from apprise import Apprise  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise NotifyError("apprise is missing: pip install 'entrance-kiosk[notify]'") from error
        self._make = Apprise
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold the address with its password

    def send(self, receiver: Receiver, title: str, text: str) -> None:
        """See NotificationSender."""
        client = self._make()
        if not client.add(receiver.url):
            raise NotifyError(f"{receiver.name}: its url is not one that Apprise knows")
        if not client.notify(body=text, title=title, body_format="text"):
            raise NotifyError(f"{receiver.name}: the message was not taken")
