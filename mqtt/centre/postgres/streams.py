"""The streams of a batch: their ranges of seqs, and what is stored already of their events."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg import Connection

from mqtt.centre.ingest.batch import ReceivedEvent, StoredIds, StreamKey, StreamUpdate, update_stream
from mqtt.centre.postgres import arrays
from mqtt.centre.postgres.devices import StreamNumbers
from mqtt.centre.postgres.rows import COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, event_date, pack_rows
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics

Streams = Mapping[StreamKey, Sequence[ReceivedEvent]]
Numbers = Mapping[StreamKey, StreamNumbers]

_SELECT_RANGES = (
    "SELECT stream, first_seq, last_seq FROM seq_range WHERE stream = ANY (%s::int[]) ORDER BY stream, first_seq"
)
_SELECT_RANGES_BY_NAME = """
SELECT u.p, u.s, u.d, u.e, r.first_seq, r.last_seq FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS u (p, s, d, e)
JOIN device ON device.topic_prefix = u.p AND device.site = u.s AND device.device = u.d
JOIN stream ON stream.device = device.number AND stream.epoch = u.e JOIN seq_range AS r ON r.stream = stream.number
ORDER BY r.stream, r.first_seq
"""
# LIMIT keeps this a look-up by the primary key in one partition for each id.
_SELECT_STORED = """
SELECT u.device, u.id, e.stream, e.seq FROM unnest(%s::int[], %s::uuid[], %s::date[]) AS u (device, id, day)
CROSS JOIN LATERAL (
    SELECT stream, seq FROM event WHERE event.device = u.device AND event.id = u.id AND event.day = u.day LIMIT 1) AS e
"""
_UPDATE_STREAMS = """
UPDATE stream SET duplicates = duplicates + u.d, conflicts = conflicts + u.c, newest_seq = u.newest
FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[]) AS u (number, d, c, newest) WHERE stream.number = u.number
"""
_DELETE_RANGES = """
DELETE FROM seq_range USING unnest(%s::int[], %s::bigint[]) AS gone (stream, first_seq)
WHERE seq_range.stream = gone.stream AND seq_range.first_seq = gone.first_seq
"""
_UPSERT_RANGES = """
INSERT INTO seq_range SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bigint[])
ON CONFLICT (stream, first_seq) DO UPDATE SET last_seq = excluded.last_seq
"""


def update_streams(
    connection: Connection, streams: Streams, numbers: Numbers, *, compare_ids: bool
) -> dict[StreamKey, StreamUpdate]:
    """What the batch changes in its streams. Nothing is written.

    Where all seqs of a device are new, nearly always all its ids are new too. Then they are compared only with `compare_ids`.
    """
    known = _known_ranges(connection, [each.stream for each in numbers.values()])
    of_device: dict[int, list[StreamKey]] = {}
    for key, own in numbers.items():
        of_device.setdefault(own.device, []).append(key)
    updates: dict[StreamKey, StreamUpdate] = {}
    suspicious: list[int] = []
    for device, keys in of_device.items():
        found = {} if compare_ids else _updates_of_device(keys, streams, numbers, known, {})
        if compare_ids or any(one.duplicates or one.conflicts for one in found.values()):
            suspicious.append(device)
        updates.update(found)
    keys = [key for device in suspicious for key in of_device[device]]
    stored = _stored_ids(connection, keys, streams, numbers) if keys else {}
    for device in suspicious:
        updates.update(_updates_of_device(of_device[device], streams, numbers, known, stored.get(device, {})))
    return updates


def _updates_of_device(
    keys: Iterable[StreamKey],
    streams: Streams,
    numbers: Numbers,
    known: Mapping[int, Sequence[Range]],
    stored: StoredIds,
) -> dict[StreamKey, StreamUpdate]:
    updates = {}
    for key in keys:
        number = numbers[key].stream
        updates[key] = update_stream(number, known.get(number, ()), streams[key], stored)
    return updates


def _known_ranges(connection: Connection, streams: Sequence[int]) -> Mapping[int, Sequence[Range]]:
    """By stream. A query after the lock sees what the previous owner of the lock committed."""
    known: dict[int, list[Range]] = {}
    for stream, first, last in connection.execute(_SELECT_RANGES, [arrays.numbers(streams)]):
        known.setdefault(stream, []).append((first, last))
    return known


def read_ranges(connection: Connection, streams: Iterable[StreamKey]) -> dict[StreamKey, RangeSet]:
    """All seqs of each of these streams. No range for a stream that is not known."""
    found = {key: RangeSet() for key in streams}
    names = [(key.device.prefix, key.device.site, key.device.device, key.epoch) for key in found]
    if not names:
        return found
    columns = [arrays.words(column) for column in zip(*names, strict=True)]
    for prefix, site, device, epoch, first, last in connection.execute(_SELECT_RANGES_BY_NAME, columns):
        found[StreamKey(DeviceTopics(prefix, site, device), epoch)].add(first, last)
    return found


def _stored_ids(
    connection: Connection, keys: Iterable[StreamKey], streams: Streams, numbers: Numbers
) -> dict[int, StoredIds]:
    """By device: those ids of the batch that its events have already."""
    wanted = {(numbers[key].device, event.id) for key in keys for event, _ in streams[key]}
    stored: dict[int, StoredIds] = {}
    columns = [[device for device, _ in wanted], [id_ for _, id_ in wanted], [event_date(id_) for _, id_ in wanted]]
    for device, id_, stream, seq in connection.execute(_SELECT_STORED, columns):
        stored.setdefault(device, {})[id_] = (stream, seq)
    return stored


def copy_events(connection: Connection, new: Iterable[tuple[StreamNumbers, Sequence[ReceivedEvent]]]) -> None:
    """Insert events. Raises psycopg.errors.UniqueViolation where one is stored already."""
    rows = [b"".join(pack_rows(*numbers, events)) for numbers, events in new if events]
    if not rows:
        return
    with connection.cursor().copy(f"COPY event ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(b"".join((COPY_HEADER, *rows, COPY_TRAILER)))


def write_streams(connection: Connection, updates: Sequence[tuple[int, StreamUpdate]]) -> None:
    """The counts and ranges of streams, by number. Only what changed is written."""
    connection.execute(
        _UPDATE_STREAMS,
        [
            arrays.numbers(stream for stream, _ in updates),
            arrays.numbers(one.duplicates for _, one in updates),
            arrays.numbers(one.conflicts for _, one in updates),
            arrays.numbers(one.ranges.maximum for _, one in updates),
        ],
    )
    deleted, changed = [], []
    for stream, one in updates:
        gone, added = one.changed_ranges()
        firsts = {first for first, _ in added}
        deleted += [(stream, first) for first, _ in gone if first not in firsts]
        changed += [(stream, first, last) for first, last in added]
    if deleted:
        connection.execute(_DELETE_RANGES, [arrays.numbers(column) for column in zip(*deleted, strict=True)])
    if changed:
        connection.execute(_UPSERT_RANGES, [arrays.numbers(column) for column in zip(*changed, strict=True)])
