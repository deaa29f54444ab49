"""Commands as a centre would sign them, with any part of them changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mqtt.remote.commands import CommandMessage
from mqtt.remote.signature import OrderUse, sign_order

FLEET_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(reversed(range(32))))
AT = datetime(2026, 11, 28, 8, tzinfo=UTC)
SESSION, OLD_SESSION = "5" * 32, "0" * 32


def a_command(device: str = "dong-ba/gate-1", **changed: Any) -> CommandMessage:
    """A command that a device of this name obeys at AT, in the session SESSION."""
    fields: dict[str, Any] = {
        "id": "a" * 32,
        "device": device,
        "session": SESSION,
        "counter": 1,
        "issued_at": AT - timedelta(seconds=1),
        "expires_at": AT + timedelta(seconds=60),
        "name": "pause",
        "arguments": {"minutes": 5},
        "requested_by": "an",
        "reason": "the gate is cleaned",
    }
    return CommandMessage(**(fields | changed))


def signed(message: CommandMessage, key: Ed25519PrivateKey = FLEET_KEY) -> bytes:
    """The message as it is on the wire."""
    return sign_order(key, OrderUse.COMMAND, message.to_payload())
