"""Signed lists in the centre's database: which is the newest, and which device gets what. The root key signed them offline."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import Query
from mqtt.connection import OutgoingMessage
from mqtt.remote.lists import MAX_CONTENT_BYTES, ListKind, ListMessage, list_file_name, make_list_message
from mqtt.topics import DeviceTopics

MAX_DEVICES = 200
"""Devices that get a list in one transaction."""
KEPT_VERSIONS = 5
"""Of a kind. Devices with one of these get what changed."""
DELTA, WHOLE, DOWNLOAD = "delta", "whole", "download"
"""Ways of a list. Each is tried once in a connection."""


class ListNotTakenError(ValueError):
    """The list was not taken. The text says why."""


@dataclass(frozen=True, slots=True)
class NewList:
    """A list whose signature the caller has checked."""

    kind: ListKind
    number: int
    content: bytes = field(repr=False)
    deltas: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """By the number of the list that they change."""


@dataclass(frozen=True, slots=True)
class DeviceLists:
    """What one device has."""

    device: str
    numbers: Mapping[str, int]
    """By kind, without kinds that it does not use."""
    errors: Mapping[str, str]
    hello_at: datetime

    def behind(self, newest: Mapping[str, int]) -> list[str]:
        """Kinds of which it has an older list."""
        return sorted(kind for kind, number in newest.items() if self.numbers.get(kind, number) < number)


def publish_list(query: Query, new: NewList, entry: CentreAuditEntry, now: datetime) -> None:
    """Take a list: the audit first, in the present transaction. Raises ListNotTakenError: then end it without a commit."""
    append_audit(query, entry, now)
    newest = newest_numbers(query).get(new.kind, 0)
    if new.number <= newest:
        raise ListNotTakenError(f"{new.kind} list {newest} is published; list {new.number} is not newer")
    values = [new.kind, new.number, hashlib.sha256(new.content).hexdigest(), len(new.content)]
    query(
        "INSERT INTO list_version VALUES (?, ?, ?, ?, ?, ?)",
        [*values, base64.b64encode(new.content).decode(), _text(now)],
    )
    query("DELETE FROM list_delta WHERE kind = ?", [new.kind])
    for base, delta in new.deltas.items():
        if len(delta) <= MAX_CONTENT_BYTES:
            text = base64.b64encode(delta).decode()
            query("INSERT INTO list_delta VALUES (?, ?, ?, ?)", [new.kind, base, new.number, text])
    oldest = sorted(row["number"] for row in query("SELECT number FROM list_version WHERE kind = ?", [new.kind]))
    for number in oldest[:-KEPT_VERSIONS]:
        query("DELETE FROM list_version WHERE kind = ? AND number = ?", [new.kind, number])
    query("UPDATE remote_device SET behind = 1")


def published_contents(query: Query, kind: ListKind) -> list[bytes]:
    """The kept lists of a kind, oldest first."""
    rows = query("SELECT content FROM list_version WHERE kind = ? ORDER BY number", [kind])
    return [base64.b64decode(row["content"]) for row in rows]


def newest_numbers(query: Query) -> dict[str, int]:
    """The number of the newest list of each kind that was published."""
    rows = query("SELECT kind, max(number) AS number FROM list_version GROUP BY kind")
    return {row["kind"]: int(row["number"]) for row in rows}


def device_lists(query: Query, device: str | None = None) -> list[DeviceLists]:
    """What each device has, or one of them, as it said in its newest hello."""
    rows = query(
        "SELECT device, lists, list_errors, hello_at FROM remote_device WHERE ? = '' OR device = ? ORDER BY device",
        [device or "", device or ""],
    )
    return [
        DeviceLists(
            row["device"],
            json.loads(row["lists"]),
            json.loads(row["list_errors"]),
            datetime.fromisoformat(row["hello_at"]),
        )
        for row in rows
    ]


def lists_of(query: Query, device: str) -> DeviceLists | None:
    """What one device has. None: it never said hello."""
    return next((one for one in device_lists(query, device)), None)


def has_devices_behind(query: Query) -> bool:
    """Whether a connected device may need a list."""
    return bool(
        query(
            "SELECT 1 AS n FROM remote_device JOIN device ON device.site || '/' || device.device = remote_device.device "
            "WHERE behind = 1 AND device.state <> 'offline' AND EXISTS (SELECT 1 FROM list_version) LIMIT 1"
        )
    )


def read_list(query: Query, kind: str, number: int) -> bytes | None:
    """A published list that is kept. None: it is not."""
    rows = query("SELECT content FROM list_version WHERE kind = ? AND number = ?", [kind, number])
    return base64.b64decode(rows[0]["content"]) if rows else None


def take_lists(query: Query, topic_prefix: str, list_url: str = "") -> list[OutgoingMessage]:
    """Messages for connected devices that are behind: what changed if that fits, else the whole list if that does.

    `list_url`: where files of lists are. Devices download there what fits no message. Empty: nowhere.
    """
    newest = query(
        "SELECT kind, number, sha256, bytes FROM list_version AS one WHERE number = "
        "(SELECT max(number) FROM list_version AS other WHERE other.kind = one.kind)"
    )
    rows = query(
        "SELECT remote_device.device, lists, tried FROM remote_device "
        "JOIN device ON device.site || '/' || device.device = remote_device.device "
        "WHERE behind = 1 AND device.state <> 'offline' ORDER BY remote_device.device LIMIT ?",
        [MAX_DEVICES],
    )
    messages = []
    for row in rows:
        if query(
            "UPDATE remote_device SET behind = 0 WHERE device = ? AND behind = 1 RETURNING device", [row["device"]]
        ):
            messages += _messages_for(query, row, newest, topic_prefix, list_url)
    return messages


def _messages_for(
    query: Query, row: Mapping[str, Any], newest: Sequence[Mapping[str, Any]], topic_prefix: str, list_url: str
) -> list[OutgoingMessage]:
    has, tried = json.loads(row["lists"]), json.loads(row["tried"])
    site, _, device = row["device"].partition("/")
    topics = DeviceTopics(topic_prefix, site, device)
    found = []
    for one in newest:
        kind, number = one["kind"], int(one["number"])
        if has.get(kind, number) >= number:
            continue
        way, content = _content(query, one, has[kind], tried.get(kind) or [])
        if content is None and (not list_url or tried.get(kind) == [number, DOWNLOAD]):
            continue
        tried[kind] = [number, way if content is not None else DOWNLOAD]
        if content is None:
            url = f"{list_url.rstrip('/')}/{list_file_name(kind, number)}"
            head = {"kind": kind, "number": number, "sha256": one["sha256"]}
            message = ListMessage(**head, url=url, size_bytes=int(one["bytes"]))
        else:
            base = has[kind] if way == DELTA else None
            message = make_list_message(kind, number, one["sha256"], content, base)
        found.append(OutgoingMessage(topics.list_topic(kind), message.to_payload()))
    if found:
        query("UPDATE remote_device SET tried = ? WHERE device = ?", [json.dumps(tried), row["device"]])
    return found


def _content(query: Query, newest: Mapping[str, Any], base: int, tried: list[Any]) -> tuple[str, bytes | None]:
    """How to send the newest list to a device that has list `base`. None: nothing fits, or all was tried in this connection."""
    kind, number = newest["kind"], int(newest["number"])
    if tried not in ([number, DELTA], [number, WHOLE], [number, DOWNLOAD]):
        rows = query("SELECT content FROM list_delta WHERE kind = ? AND base = ? AND number = ?", [kind, base, number])
        if rows:
            return DELTA, base64.b64decode(rows[0]["content"])
    if tried in ([number, WHOLE], [number, DOWNLOAD]) or int(newest["bytes"]) > MAX_CONTENT_BYTES:
        return WHOLE, None
    rows = query("SELECT content FROM list_version WHERE kind = ? AND number = ?", [kind, number])
    return WHOLE, base64.b64decode(rows[0]["content"])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
