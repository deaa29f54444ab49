"""Commands in the centre's database: asked for by people, sent by a running centre, answered by the device."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt.centre.accounts.audit import WHOLE_CITY, CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import Query
from mqtt.message_model import InvalidMessageError
from mqtt.remote.commands import MAX_LIFETIME, CommandName, ReplyMessage, ReplyState, parse_arguments

WAITING, SENT, EXPIRED = "waiting", "sent", "expired"
OPEN_STATES = (WAITING, SENT, ReplyState.ACCEPTED.value)
OPEN_CONDITION = "state IN ('waiting', 'sent', 'accepted')"
"""Written out, so that the databases use the index of open commands."""
DEFAULT_LIFETIME = timedelta(minutes=2)
CONTENT_KEPT = timedelta(days=7)
WITH_CONTENT = frozenset({CommandName.SEND_LOG, CommandName.SUPPORT_BUNDLE})
MAX_OPEN = 16
"""Commands of one device that are not finished. More are not taken."""


class CommandNotTakenError(ValueError):
    """The command was not taken. The text says why."""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """What a person asks for."""

    device: str
    """`SITE/DEVICE`."""
    name: CommandName
    arguments: Mapping[str, Any]
    requested_by: str
    """Name of the account, or `cli:NAME`."""
    reason: str
    lifetime: timedelta = DEFAULT_LIFETIME


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command and how far it is."""

    id: str
    device: str
    name: str
    requested_by: str
    reason: str
    created_at: datetime
    expires_at: datetime
    state: str
    """`waiting` for a running centre and a connected device, `sent`, `expired`, or a ReplyState."""
    code: str
    detail: str
    count: int | None
    parts: int

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self.state in OPEN_STATES


def add_command(query: Query, new: NewCommand, now: datetime, area: int = WHOLE_CITY) -> str:
    """Take a command: the audit first, then the queue, in the present transaction. Returns its id.

    Raises CommandNotTakenError: end the transaction without a commit. `area`: number of the area, for the audit.
    """
    append_audit(query, CentreAuditEntry(new.requested_by, f"command-{new.name}", new.device, new.reason, area), now)
    _check(query, new)
    query(
        "DELETE FROM remote_content WHERE command IN (SELECT id FROM remote_command WHERE created_at < ?)",
        [_text(now - CONTENT_KEPT)],
    )
    order_id = secrets.token_hex(16)
    values = [order_id, new.device, new.name.value, json.dumps(dict(new.arguments)), new.requested_by, new.reason]
    query(
        "INSERT INTO remote_command (id, device, name, arguments, requested_by, reason, created_at, expires_at, state, "
        "code, detail, parts, sha256, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, '', ?)",
        [*values, _text(now), _text(now + new.lifetime), WAITING, _text(now)],
    )
    return order_id


def _check(query: Query, new: NewCommand) -> None:
    if not timedelta(0) < new.lifetime <= MAX_LIFETIME:
        raise CommandNotTakenError("a command is good for at most one hour")
    if not new.reason.strip() or len(new.reason) > 200 or "\0" in new.reason or len(new.requested_by) > 64:
        raise CommandNotTakenError("a reason of at most 200 characters and a name of at most 64 are needed")
    try:
        parse_arguments(new.name, dict(new.arguments))
    except InvalidMessageError as error:
        raise CommandNotTakenError(f"the values of {new.name} are not possible: {error}") from error
    site, _, device = new.device.partition("/")
    if not query("SELECT 1 AS n FROM device WHERE site = ? AND device = ?", [site, device]):
        raise CommandNotTakenError(f"the centre knows no device {new.device}")
    open_ = query(
        f"SELECT count(*) AS n FROM remote_command WHERE device = ? AND {OPEN_CONDITION}",  # noqa: S608
        [new.device],
    )
    if open_[0]["n"] >= MAX_OPEN:
        raise CommandNotTakenError(f"{new.device} has {open_[0]['n']} commands that are not finished")


def find_command(query: Query, order_id: str) -> CommandRow | None:
    """One command."""
    rows = query("SELECT * FROM remote_command WHERE id = ?", [order_id])
    return _row(rows[0]) if rows else None


def newest_commands(query: Query, device: str, limit: int) -> list[CommandRow]:
    """Of a device, newest first."""
    rows = query("SELECT * FROM remote_command WHERE device = ? ORDER BY number DESC LIMIT ?", [device, limit])
    return [_row(row) for row in rows]


def read_content(query: Query, order_id: str) -> bytes | None:
    """The whole log or support bundle of a command that is done. None: it is not whole, or not kept any more."""
    rows = query("SELECT name, state, parts, sha256 FROM remote_command WHERE id = ?", [order_id])
    if not rows or rows[0]["state"] != ReplyState.DONE or rows[0]["name"] not in WITH_CONTENT:
        return None
    if not rows[0]["parts"]:
        return b""
    parts = query("SELECT content FROM remote_content WHERE command = ? ORDER BY part", [order_id])
    content = b"".join(base64.b64decode(row["content"]) for row in parts)
    return content if hashlib.sha256(content).hexdigest() == rows[0]["sha256"] else None


def save_reply(query: Query, device: str, reply: ReplyMessage, now: datetime) -> None:
    """Keep a reply. One to a command that is unknown, finished, or another device's changes nothing."""
    marks = f"WHERE id = ? AND device = ? AND {OPEN_CONDITION}"
    key = [reply.id, device]
    if reply.state is ReplyState.PART:
        if query(f"SELECT 1 AS n FROM remote_command {marks} AND name IN (?, ?)", [*key, *map(str, WITH_CONTENT)]):  # noqa: S608
            query(
                "INSERT INTO remote_content VALUES (?, ?, ?) ON CONFLICT (command, part) DO NOTHING",
                [reply.id, reply.part, reply.content],
            )
        return
    statement = (
        "UPDATE remote_command SET state = ?, code = ?, detail = ?, count = ?, parts = ?, sha256 = ?, changed_at = ? "
    )
    values = [
        reply.state.value,
        reply.code or "",
        reply.detail,
        reply.count,
        reply.parts,
        reply.sha256 or "",
        _text(now),
    ]
    query(statement + marks, [*values, *key])


def _row(row: Mapping[str, Any]) -> CommandRow:
    return CommandRow(
        row["id"],
        row["device"],
        row["name"],
        row["requested_by"],
        row["reason"],
        datetime.fromisoformat(row["created_at"]),
        datetime.fromisoformat(row["expires_at"]),
        row["state"],
        row["code"],
        row["detail"],
        row["count"],
        int(row["parts"]),
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
