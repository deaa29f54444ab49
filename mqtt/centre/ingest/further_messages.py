"""What the collector's connection carries besides events: messages that another part of the centre takes and sends."""

from collections.abc import Sequence
from typing import Protocol

from mqtt.connection import Connection, IncomingMessage


class FurtherMessages(Protocol):
    """The collector's thread calls all methods. None of them waits for a database."""

    @property
    def filters(self) -> Sequence[str]:
        """Topics to subscribe to. A broker that refuses them only takes away this part."""

    def on_connected(self) -> None:
        """The connection is new and subscribed."""

    def take(self, incoming: IncomingMessage) -> bool:
        """Take a message, and acknowledge it later. False: it is not for this part."""

    def poll(self, connection: Connection) -> None:
        """Send what is due. Raises BrokerConnectionError."""

    def close(self) -> None:
        """Wait for what is being stored."""
