"""The hourly counts and what they depend on: annulments, and the offsets of boots."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from psycopg import Connection

from mqtt.centre import rollup
from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import ReceivedEvent
from mqtt.centre.postgres import arrays
from mqtt.centre.postgres.reports import count_over_limit
from mqtt.centre.postgres.rows import event_date
from mqtt.centre.rollup import BatchCounts, BootOffsets, DeviceEventId

_ADD = """
INSERT INTO hourly SELECT * FROM unnest(
    %s::int[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
ON CONFLICT (device, hour, direction, result, reason, kind) DO UPDATE SET n = hourly.n + excluded.n
"""
_ADD_ROWS = """
INSERT INTO hourly
SELECT device, date_trunc('hour', coalesce(corrected_at, received_at), 'UTC'), coalesce(direction, ''),
    outcome, reason, coalesce(kind, ''), %s::int * count(*)
FROM ({rows}) AS found GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (device, hour, direction, result, reason, kind) DO UPDATE SET n = hourly.n + excluded.n
"""
# LIMIT and OFFSET keep these look-ups by an index for each row of the batch.
_BY_ID = """
SELECT e.* FROM unnest(%s::int[], %s::uuid[], %s::date[]) AS u (device, id, day) CROSS JOIN LATERAL (
    SELECT device, corrected_at, received_at, direction, outcome, reason, kind FROM event_with_corrected_time AS t
    WHERE t.device = u.device AND t.id = u.id AND t.day = u.day AND t.annuls IS NULL LIMIT 1) AS e
"""
_BY_BOOT = """
SELECT e.* FROM unnest(%s::int[], %s::text[]) AS u (device, boot_id) CROSS JOIN LATERAL (
    SELECT device, corrected_at, received_at, direction, outcome, reason, kind FROM effective_event AS t
    WHERE t.device = u.device AND t.boot_id = u.boot_id AND t.clock_quality <> 'synchronised' OFFSET 0) AS e
"""
_ADD_BY_ID, _ADD_BY_BOOT = (_ADD_ROWS.format(rows=rows) for rows in (_BY_ID, _BY_BOOT))
_DELETE_ZEROS = "DELETE FROM hourly WHERE device = ANY (%s::int[]) AND n = 0"
_SELECT_OFFSETS = """
SELECT b.device, b.boot_id, b.offset_s FROM unnest(%s::int[], %s::text[]) AS u (device, boot_id)
JOIN boot_clock AS b ON b.device = u.device AND b.boot_id = u.boot_id
"""
_COUNT_BOOTS = "SELECT device, count(*) FROM boot_clock WHERE device = ANY (%s::int[]) GROUP BY device"
_UPSERT_OFFSETS = """
INSERT INTO boot_clock SELECT * FROM unnest(%s::int[], %s::text[], %s::float8[])
ON CONFLICT (device, boot_id) DO UPDATE SET offset_s = excluded.offset_s
"""
_INSERT_ANNULMENTS = """
INSERT INTO annulment SELECT u.device, u.id, NOT u.here AND NOT EXISTS (
    SELECT 1 FROM event WHERE event.device = u.device AND event.id = u.id AND event.day = u.day)
FROM unnest(%s::int[], %s::uuid[], %s::date[], %s::bool[]) AS u (device, id, day, here)
ON CONFLICT DO NOTHING RETURNING device, id, is_pending
"""
_SELECT_PENDING = "SELECT device, id FROM annulment WHERE is_pending AND device = ANY (%s::int[])"
_SETTLE_PENDING = """
UPDATE annulment SET is_pending = false FROM unnest(%s::int[], %s::uuid[]) AS u (device, id)
WHERE annulment.device = u.device AND annulment.id = u.id
"""

NewEvents = Sequence[tuple[int, Sequence[ReceivedEvent]]]
"""The new events of each device number."""


def annul(connection: Connection, new: NewEvents) -> set[DeviceEventId]:
    """Before the new events are stored: take annulled events out of the counts. Returns which of the new ones do not count."""
    found = connection.execute(_SELECT_PENDING, [arrays.numbers({device for device, _ in new})])
    pending = {(device, id_) for device, id_ in found}
    annulled = rollup.annulments(new)
    if not pending and not annulled:
        return set()
    ids = {(device, event.id) for device, events in new for event, _ in events}
    pending &= ids
    if pending:
        connection.execute(_SETTLE_PENDING, _id_columns(pending))
    if not annulled:
        return pending
    targets = list(annulled)
    columns = [
        *_id_columns(targets),
        arrays.days(event_date(id_) for _, id_ in targets),
        [one in ids for one in targets],
    ]
    inserted = connection.execute(_INSERT_ANNULMENTS, columns).fetchall()
    stored = [(device, id_) for device, id_, is_pending in inserted if not is_pending and (device, id_) not in ids]
    _add_by_id(connection, -1, stored)
    return pending | annulled


def add_new_events(connection: Connection, counts: BatchCounts, dated: Iterable[tuple[int, str]]) -> None:
    """After the new events are stored. Those of the boots in `dated` are counted already."""
    if counts.by_hour:
        devices, hours, *words = zip(*counts.by_hour, strict=True)
        columns = [arrays.numbers(devices), arrays.times(hours), *map(arrays.words, words)]
        connection.execute(_ADD, [*columns, arrays.numbers(counts.by_hour.values())])
    done = set(dated)
    _add_by_id(
        connection, 1, [(device, id_) for device, id_, boot_id in counts.undated if (device, boot_id) not in done]
    )


def _add_by_id(connection: Connection, sign: int, ids: Sequence[DeviceEventId]) -> None:
    if ids:
        connection.execute(_ADD_BY_ID, [sign, *_id_columns(ids), arrays.days(event_date(id_) for _, id_ in ids)])
    if ids and sign < 0:
        connection.execute(_DELETE_ZEROS, [arrays.numbers({device for device, _ in ids})])


def save_offsets(connection: Connection, offsets: Mapping[tuple[int, str], float]) -> BootOffsets:
    """Write the offsets that changed, and take out of the counts what they date. `count_dated` counts it again.

    Boots over the limit are left out: their events keep the time that they came with.
    """
    if not offsets:
        return {}
    rows = connection.execute(_SELECT_OFFSETS, _boot_columns(offsets))
    stored = {(device, boot_id): float(offset_s) for device, boot_id, offset_s in rows}
    changed = rollup.changed_offsets(offsets, stored)
    added = [key for key in changed if key not in stored]
    if added:
        rows = connection.execute(_COUNT_BOOTS, [arrays.numbers({device for device, _ in added})])
        count = {int(device): int(n) for device, n in rows}
        over = limits.keys_over_limit(added, count, limits.MAX_BOOTS)
        for key in over:
            del changed[key]
        count_over_limit(connection, Counter((device, limits.TOO_MANY_BOOTS) for device, _ in over))
    if changed:
        connection.execute(_ADD_BY_BOOT, [-1, *_boot_columns(changed)])
        connection.execute(_UPSERT_OFFSETS, [*_boot_columns(changed), arrays.numbers(changed.values())])
    return changed


def count_dated(connection: Connection, changed: Iterable[tuple[int, str]]) -> None:
    """Count the events of these boots under their new times."""
    keys = list(changed)
    if keys:
        connection.execute(_ADD_BY_BOOT, [1, *_boot_columns(keys)])
        connection.execute(_DELETE_ZEROS, [arrays.numbers({device for device, _ in keys})])


def _id_columns(ids: Iterable[DeviceEventId]) -> list[str]:
    pairs = list(ids)
    return [arrays.numbers(device for device, _ in pairs), arrays.uuids(id_ for _, id_ in pairs)]


def _boot_columns(boots: Iterable[tuple[int, str]]) -> list[arrays.Parameter]:
    pairs = list(boots)
    return [arrays.numbers(device for device, _ in pairs), arrays.words(boot_id for _, boot_id in pairs)]
