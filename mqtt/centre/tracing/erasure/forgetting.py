"""Asks devices to forget erased events: each when it is connected, again until it has said that it did.

A device that was offline catches up when it connects. The order is a signed command, as all orders of the centre are.
"""

import json
import logging
from datetime import datetime
from uuid import UUID

from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.remote.store import CommandNotTakenError, NewCommand, add_command
from mqtt.centre.tracing.cases.cases import iso_text
from mqtt.printable_text import printable
from mqtt.remote.commands import MAX_FORGOTTEN, MAX_LIFETIME, CommandName, ReplyState

log = logging.getLogger(__name__)
REQUESTED_BY = "tracing"


def forget_on_devices(database: str, now: datetime) -> int:
    """Take the answers of devices, and ask those that are connected. Returns how many were asked. Raises LedgerError."""
    with open_query(database) as query:
        if not query("SELECT 1 AS n FROM trace_erasure WHERE forgotten_at = '' LIMIT 1"):
            return 0
    with open_query(database) as query:
        _settle(query, now)
        waiting = _connected_devices(query)
    asked = 0
    for wire_name in waiting:
        try:
            with open_query(database) as query:
                _wait_for_writers(query)
                asked += _ask(query, wire_name, now)
        except CommandNotTakenError as error:
            log.warning("%s cannot be asked to forget now: %s", wire_name, printable(str(error)))
    return asked


def _wait_for_writers(query: Query) -> None:
    """SQLite cannot turn a transaction that has read into one that writes, where another process wrote in between."""
    query("UPDATE trace_erasure SET command = command WHERE case_number = -1")


def _settle(query: Query, now: datetime) -> None:
    """What a device did is forgotten. What it could not do, or not in time, is asked again."""
    of_command = "command IN (SELECT id FROM remote_command WHERE state {})"
    done = of_command.format("= ?")
    query(
        f"UPDATE trace_erasure SET forgotten_at = ? WHERE forgotten_at = '' AND {done}",  # noqa: S608 - constants
        [iso_text(now), ReplyState.DONE.value],
    )
    over = of_command.format("IN ('expired', 'failed', 'refused')")
    query(f"UPDATE trace_erasure SET command = '' WHERE forgotten_at = '' AND {over}")  # noqa: S608 - constants


def _connected_devices(query: Query) -> list[str]:
    """Devices that have something to forget, are connected and can do it."""
    rows = query(
        "SELECT DISTINCT wire_name, commands FROM trace_erasure "
        "JOIN remote_device ON remote_device.device = wire_name "
        "JOIN device ON device.site || '/' || device.device = wire_name "
        "WHERE forgotten_at = '' AND command = '' AND device.state <> 'offline' ORDER BY wire_name"
    )
    return [row["wire_name"] for row in rows if CommandName.FORGET.value in json.loads(row["commands"])]


def _ask(query: Query, wire_name: str, now: datetime) -> bool:
    rows = query(
        "SELECT event_id, case_number FROM trace_erasure WHERE wire_name = ? AND forgotten_at = '' AND command = '' "
        "ORDER BY event_id LIMIT ?",
        [wire_name, MAX_FORGOTTEN],
    )
    if not rows:
        return False
    ids = [str(UUID(row["event_id"])) for row in rows]
    cases = ", ".join(sorted({str(row["case_number"]) for row in rows}))
    reason = f"erasure, case {cases}"[:200]
    new = NewCommand(wire_name, CommandName.FORGET, {"ids": ids}, REQUESTED_BY, reason, MAX_LIFETIME)
    order_id = add_command(query, new, now)
    places = ", ".join("?" * len(ids))
    query(
        f"UPDATE trace_erasure SET command = ? WHERE wire_name = ? AND event_id IN ({places})",  # noqa: S608 - question marks
        [order_id, wire_name, *ids],
    )
    return True
