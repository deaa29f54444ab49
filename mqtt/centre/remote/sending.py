"""Which commands can be sent now, and their signed messages. In one transaction, so that of several centres one sends each."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mqtt.centre.ingest.database import Query
from mqtt.centre.remote.store import EXPIRED, OPEN_CONDITION, SENT, WAITING
from mqtt.connection import OutgoingMessage
from mqtt.message_model import MAX_SEQ
from mqtt.remote.commands import CommandMessage, HelloMessage
from mqtt.remote.signature import OrderUse, sign_order
from mqtt.topics import DeviceTopics

MAX_SENT = 200
"""Commands of one transaction."""


def save_hello(query: Query, device: str, hello: HelloMessage, now: datetime) -> None:
    """What a device said. Its counter stays."""
    values = [
        hello.session,
        _text(now),
        hello.software_version,
        json.dumps(hello.commands),
        json.dumps(hello.lists, sort_keys=True),
        json.dumps(hello.list_errors, sort_keys=True),
    ]
    query(
        "INSERT INTO remote_device (device, session, hello_at, software_version, commands, lists, list_errors, counter) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (device) DO UPDATE SET "
        "tried = CASE WHEN remote_device.session = excluded.session THEN remote_device.tried ELSE '{}' END, "
        "session = excluded.session, hello_at = excluded.hello_at, software_version = excluded.software_version, "
        "commands = excluded.commands, lists = excluded.lists, list_errors = excluded.list_errors, behind = 1",
        [device, *values],
    )


def expire_commands(query: Query, now: datetime) -> None:
    """Commands without a final reply when their time is over."""
    query(
        f"UPDATE remote_command SET code = state, state = ?, changed_at = ? WHERE {OPEN_CONDITION} AND expires_at <= ?",  # noqa: S608
        [EXPIRED, _text(now), _text(now)],
    )


def has_open_commands(query: Query) -> bool:
    """Whether a command waits for anything."""
    return bool(query(f"SELECT 1 AS n FROM remote_command WHERE {OPEN_CONDITION} LIMIT 1"))  # noqa: S608


def take_commands(query: Query, key: Ed25519PrivateKey, topic_prefix: str, now: datetime) -> list[OutgoingMessage]:
    """The signed messages of all commands whose device is connected. They count as sent."""
    rows = query(
        "SELECT remote_command.*, remote_device.session FROM remote_command "
        "JOIN remote_device ON remote_device.device = remote_command.device "
        "JOIN device ON device.site || '/' || device.device = remote_command.device "
        "WHERE remote_command.state = ? AND remote_command.expires_at > ? AND device.state <> 'offline' "
        "ORDER BY remote_command.number LIMIT ?",
        [WAITING, _text(now), MAX_SENT],
    )
    return [message for row in rows if (message := _take(query, key, topic_prefix, row, now)) is not None]


def _take(
    query: Query, key: Ed25519PrivateKey, topic_prefix: str, row: Mapping[str, Any], now: datetime
) -> OutgoingMessage | None:
    """None: another centre took it meanwhile."""
    taken = query(
        "UPDATE remote_command SET state = ?, changed_at = ? WHERE id = ? AND state = ? RETURNING id",
        [SENT, _text(now), row["id"], WAITING],
    )
    if not taken:
        return None
    message = CommandMessage(
        id=row["id"],
        device=row["device"],
        session=row["session"],
        counter=next_counter(query, row["device"], now),
        issued_at=now,
        expires_at=datetime.fromisoformat(row["expires_at"]),
        name=row["name"],
        arguments=json.loads(row["arguments"]),
        requested_by=row["requested_by"],
        reason=row["reason"],
    )
    site, _, device = row["device"].partition("/")
    topic = DeviceTopics(topic_prefix, site, device).command_topic(row["name"])
    return OutgoingMessage(topic, sign_order(key, OrderUse.COMMAND, message.to_payload()))


def next_counter(query: Query, device: str, now: datetime) -> int:
    """Rises with the time too: after a restored database of the centre it is higher than any before."""
    milliseconds = min(MAX_SEQ, int(now.timestamp() * 1000))
    rows = query(
        "UPDATE remote_device SET counter = CASE WHEN counter >= ? THEN counter + 1 ELSE ? END WHERE device = ? "
        "RETURNING counter",
        [milliseconds, milliseconds, device],
    )
    return int(rows[0]["counter"])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
