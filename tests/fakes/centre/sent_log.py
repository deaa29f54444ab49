"""A log that a device sent, in the centre's database."""

import base64
import hashlib
from datetime import datetime, timedelta

from mqtt.centre.ingest.database import Query
from mqtt.centre.remote.store import NewCommand, add_command, save_reply
from mqtt.remote.commands import CommandName, ReplyMessage, ReplyState


def add_sent_log(query: Query, order_id: str, device: str, now: datetime, content: bytes = b"a line\n") -> None:
    """A command `send-log` that is done. `order_id`: the id that it gets."""
    new = NewCommand(device, CommandName.SEND_LOG, {}, "an", "the camera is slow", timedelta(minutes=2))
    given = add_command(query, new, now)
    query("UPDATE remote_command SET id = ? WHERE id = ?", [order_id, given])
    text, digest = base64.b64encode(content).decode(), hashlib.sha256(content).hexdigest()
    part = ReplyMessage(id=order_id, state=ReplyState.PART, at=now, part=1, content=text)
    save_reply(query, device, part, now)
    save_reply(query, device, ReplyMessage(id=order_id, state=ReplyState.DONE, at=now, parts=1, sha256=digest), now)
