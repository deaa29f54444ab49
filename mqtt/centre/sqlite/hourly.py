"""The hourly counts and what they depend on: annulments, and the offsets of boots."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from mqtt.centre import rollup
from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import ReceivedEvent
from mqtt.centre.rollup import BatchCounts, BootOffsets, DeviceEventId
from mqtt.centre.sqlite.reports import count_over_limit, count_rows
from mqtt.centre.sqlite.values import iso_text

_ADD = (
    "INSERT INTO hourly VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (device, hour, direction, result, reason, kind) DO UPDATE SET n = n + excluded.n"
)
_ADD_ROWS = """
INSERT INTO hourly
SELECT device, strftime('%Y-%m-%dT%H:00:00.000+00:00', coalesce(corrected_at, received_at)), coalesce(direction, ''),
    outcome, reason, coalesce(kind, ''), ? * count(*)
FROM {rows} GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (device, hour, direction, result, reason, kind) DO UPDATE SET n = n + excluded.n
"""
_ADD_BY_ID = _ADD_ROWS.format(rows="event_with_corrected_time WHERE device = ? AND id = ? AND annuls IS NULL")
_ADD_BY_BOOT = _ADD_ROWS.format(
    rows="effective_event WHERE device = ? AND boot_id = ? AND clock_quality <> 'synchronised'"
)
_DELETE_ZEROS = "DELETE FROM hourly WHERE device = ? AND n = 0"

NewEvents = Sequence[tuple[int, Sequence[ReceivedEvent]]]
"""The new events of each device number."""


def annul(connection: sqlite3.Connection, new: NewEvents) -> set[DeviceEventId]:
    """Before the new events are stored: take annulled events out of the counts. Returns which of the new ones do not count."""
    ids = {(device, event.id) for device, events in new for event, _ in events}
    pending: set[DeviceEventId] = set()
    for device in {device for device, _ in new}:
        rows = connection.execute("SELECT id FROM annulment WHERE is_pending AND device = ?", [device])
        pending |= {(device, UUID(bytes=id_)) for (id_,) in rows} & ids
    connection.executemany(
        "UPDATE annulment SET is_pending = 0 WHERE device = ? AND id = ?",
        [(device, id_.bytes) for device, id_ in pending],
    )
    annulled = rollup.annulments(new)
    for device, id_ in annulled:
        key = [device, id_.bytes]
        stored = connection.execute("SELECT 1 FROM event WHERE device = ? AND id = ?", key).fetchone() is not None
        is_pending = not stored and (device, id_) not in ids
        done = connection.execute("INSERT INTO annulment VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [*key, is_pending])
        if done.rowcount and stored:
            _add_by_id(connection, -1, [(device, id_)])
    return pending | annulled


def add_new_events(connection: sqlite3.Connection, counts: BatchCounts, dated: Iterable[tuple[int, str]]) -> None:
    """After the new events are stored. Those of the boots in `dated` are counted already."""
    connection.executemany(
        _ADD, [(device, iso_text(hour), *words, n) for (device, hour, *words), n in counts.by_hour.items()]
    )
    done = set(dated)
    _add_by_id(
        connection, 1, [(device, id_) for device, id_, boot_id in counts.undated if (device, boot_id) not in done]
    )


def _add_by_id(connection: sqlite3.Connection, sign: int, ids: Sequence[DeviceEventId]) -> None:
    connection.executemany(_ADD_BY_ID, [(sign, device, id_.bytes) for device, id_ in ids])
    if sign < 0:
        connection.executemany(_DELETE_ZEROS, [(device,) for device in {device for device, _ in ids}])


def save_offsets(connection: sqlite3.Connection, offsets: Mapping[tuple[int, str], float]) -> BootOffsets:
    """Write the offsets that changed, and take out of the counts what they date. `count_dated` counts it again.

    Boots over the limit are left out: their events keep the time that they came with.
    """
    stored = {}
    for key in offsets:
        found = connection.execute("SELECT offset_s FROM boot_clock WHERE device = ? AND boot_id = ?", key).fetchone()
        if found is not None:
            stored[key] = float(found[0])
    changed = rollup.changed_offsets(offsets, stored)
    added = [key for key in changed if key not in stored]
    over = limits.keys_over_limit(added, count_rows(connection, "boot_clock", added), limits.MAX_BOOTS)
    for key in over:
        del changed[key]
    count_over_limit(connection, Counter((device, limits.TOO_MANY_BOOTS) for device, _ in over))
    connection.executemany(_ADD_BY_BOOT, [(-1, *key) for key in changed])
    connection.executemany(
        "INSERT INTO boot_clock VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset_s = excluded.offset_s",
        [(*key, offset_s) for key, offset_s in changed.items()],
    )
    return changed


def count_dated(connection: sqlite3.Connection, changed: Iterable[tuple[int, str]]) -> None:
    """Count the events of these boots under their new times."""
    keys = list(changed)
    connection.executemany(_ADD_BY_BOOT, [(1, *key) for key in keys])
    connection.executemany(_DELETE_ZEROS, [(device,) for device in {device for device, _ in keys}])
