"""What devices report beside events: states, healths and their notices, and what was rejected or exceeds a limit."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from psycopg import Connection

from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import ReceivedHealth, ReceivedState, Rejections
from mqtt.device_messages import HealthNotice
from mqtt.topics import DeviceTopics

Numbers = Mapping[DeviceTopics, int]

_UPDATE_STATES = """
UPDATE device SET state = u.state, state_reason = u.reason, state_at = u.at, software_version = u.version
FROM unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::text[]) AS u (number, state, reason, at, version)
WHERE device.number = u.number
"""
_UPDATE_HEALTHS = """
UPDATE device SET last_health_at = u.at, clock_quality = u.quality, epoch = u.epoch, reported_seq = u.seq,
    backlog = u.backlog, quarantined = u.quarantined, findings = u.findings,
    state = coalesce(u.state, device.state),
    state_reason = CASE WHEN u.state <> device.state THEN u.reason ELSE device.state_reason END,
    state_at = CASE WHEN u.state <> device.state THEN u.at ELSE device.state_at END
FROM unnest(%s::int[], %s::timestamptz[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
    %s::text[]) AS u (number, at, quality, epoch, seq, backlog, quarantined, state, reason, findings)
WHERE device.number = u.number
"""
_SELECT_NOTICES = """
SELECT n.device, n.epoch, n.number, n.count FROM unnest(%s::int[], %s::text[], %s::bigint[]) AS u (device, epoch, number)
JOIN notice AS n ON n.device = u.device AND n.epoch = u.epoch AND n.number = u.number
"""
_COUNT_NOTICES = "SELECT device, count(*) FROM notice WHERE device = ANY (%s::int[]) GROUP BY device"
_UPSERT_NOTICES = """
INSERT INTO notice SELECT * FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::text[])
ON CONFLICT (device, epoch, number) DO UPDATE
SET at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > notice.count
"""
_SELECT_REJECTED = """
SELECT r.device, r.id FROM unnest(%s::int[], %s::text[]) AS u (device, id)
JOIN rejected AS r ON r.device = u.device AND r.id = u.id
"""
_COUNT_REJECTED = "SELECT device, count(*) FROM rejected WHERE device = ANY (%s::int[]) GROUP BY device"
_UPSERT_REJECTED = """
INSERT INTO rejected (device, id, reason, at, times)
SELECT * FROM unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + excluded.times
"""
_COUNT_OVER_LIMIT = """
INSERT INTO device_limit SELECT * FROM unnest(%s::int[], %s::text[], %s::bigint[])
ON CONFLICT (device, reason) DO UPDATE SET times = device_limit.times + excluded.times
"""
# All centres count in one order: these rows belong to no device, so no lock of a device protects them.
_COUNT_INVALID = """
INSERT INTO invalid_message SELECT * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (reason) DO UPDATE SET times = invalid_message.times + excluded.times
"""


def save_states(connection: Connection, numbers: Numbers, states: Collection[ReceivedState]) -> None:
    """The last state of each device."""
    rows = [
        (numbers[one.device], one.report.state, one.report.reason, one.received_at, one.report.software_version)
        for one in states
    ]
    if rows:
        connection.execute(_UPDATE_STATES, columns(rows))


def save_healths(
    connection: Connection, numbers: Numbers, healths: Sequence[ReceivedHealth], stated: Collection[DeviceTopics]
) -> None:
    """The newest health of each device, with its state unless the device is in `stated`, and all notices."""
    newest = {one.device: one for one in healths}
    rows = [
        (
            numbers[device],
            one.received_at,
            one.report.clock_quality,
            one.report.epoch,
            one.report.newest_seq,
            one.report.backlog,
            one.report.quarantined,
            None if device in stated else one.report.device_state,
            one.report.failing_checks,
            one.report.findings,
        )
        for device, one in newest.items()
    ]
    if rows:
        connection.execute(_UPDATE_HEALTHS, columns(rows))
        _save_notices(connection, numbers, healths)


NoticeKey = tuple[int, str, int]
"""Device number, epoch, number of the notice."""


def _save_notices(connection: Connection, numbers: Numbers, healths: Iterable[ReceivedHealth]) -> None:
    """A device sends each notice many times. One that still grows comes with a larger count."""
    largest: dict[NoticeKey, HealthNotice] = {}
    for one in healths:
        for notice in one.report.notices:
            key = (numbers[one.device], one.report.epoch, notice.number)
            if key not in largest or notice.count >= largest[key].count:
                largest[key] = notice
    if not largest:
        return
    found = connection.execute(_SELECT_NOTICES, columns(list(largest)))
    stored = {(device, epoch, number): int(count) for device, epoch, number, count in found}
    changed = {key: one for key, one in largest.items() if key not in stored or one.count > stored[key]}
    added = [key for key in changed if key not in stored]
    if added:
        rows_of = connection.execute(_COUNT_NOTICES, [sorted({key[0] for key in added})])
        count = {int(device): int(n) for device, n in rows_of}
        over = limits.keys_over_limit(added, count, limits.MAX_NOTICES)
        for key in over:
            del changed[key]
        count_over_limit(connection, Counter((key[0], limits.TOO_MANY_NOTICES) for key in over))
    rows = [
        (*key, one.kind, one.at, one.first_seq, one.last_seq, one.count, one.detail) for key, one in changed.items()
    ]
    if rows:
        connection.execute(_UPSERT_NOTICES, columns(rows))


def save_rejections(connection: Connection, rejections: Rejections) -> None:
    """Count rejected events."""
    if not rejections:
        return
    stored = {(device, id_) for device, id_ in connection.execute(_SELECT_REJECTED, columns(list(rejections)))}
    rows_of = connection.execute(_COUNT_REJECTED, [sorted({device for device, _ in rejections})])
    count = {int(device): int(n) for device, n in rows_of}
    added = [key for key in rejections if key not in stored]
    over = set(limits.keys_over_limit(added, count, limits.MAX_REJECTED))
    rows = [(*key, *one) for key, one in rejections.items() if key not in over]
    if rows:
        connection.execute(_UPSERT_REJECTED, columns(rows))
    count_over_limit(connection, Counter((key[0], rejections[key][0]) for key in over))


def count_over_limit(connection: Connection, times: Mapping[tuple[int, str], int]) -> None:
    """What is not stored, because the device has too much of it: by device number and reason."""
    if times:
        connection.execute(_COUNT_OVER_LIMIT, columns([(*key, number) for key, number in sorted(times.items())]))


def count_invalid(connection: Connection, times: Mapping[str, int]) -> None:
    """Messages that were dropped, by reason."""
    if times:
        connection.execute(_COUNT_INVALID, columns(sorted(times.items())))


def columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows as one list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]
