"""What devices report beside events: states, healths and their notices, and what was rejected or exceeds a limit."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import ReceivedHealth, ReceivedState, Rejections
from mqtt.centre.sqlite.values import iso_text
from mqtt.device_messages import HealthNotice
from mqtt.topics import DeviceTopics

Numbers = Mapping[DeviceTopics, int]

_UPDATE_HEALTH = """
UPDATE device SET last_health_at = ?1, clock_quality = ?2, epoch = ?3, reported_seq = ?4, backlog = ?5, quarantined = ?6,
    findings = ?9,
    state_reason = iif(?7 <> state, ?8, state_reason), state_at = iif(?7 <> state, ?1, state_at), state = coalesce(?7, state)
WHERE number = ?10
"""
_UPSERT_NOTICE = (
    "INSERT INTO notice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > count"
)


def save_states(connection: sqlite3.Connection, numbers: Numbers, states: Collection[ReceivedState]) -> None:
    """The last state of each device."""
    connection.executemany(
        "UPDATE device SET state = ?, state_reason = ?, state_at = ?, software_version = ? WHERE number = ?",
        [
            (
                one.report.state,
                one.report.reason,
                iso_text(one.received_at),
                one.report.software_version,
                numbers[one.device],
            )
            for one in states
        ],
    )


def save_healths(
    connection: sqlite3.Connection,
    numbers: Numbers,
    healths: Sequence[ReceivedHealth],
    stated: Collection[DeviceTopics],
) -> None:
    """The newest health of each device, with its state unless the device is in `stated`, and all notices."""
    newest = {one.device: one for one in healths}
    connection.executemany(
        _UPDATE_HEALTH,
        [
            (
                iso_text(one.received_at),
                one.report.clock_quality,
                one.report.epoch,
                one.report.newest_seq,
                one.report.backlog,
                one.report.quarantined,
                None if device in stated else one.report.device_state,
                one.report.failing_checks,
                one.report.findings,
                numbers[device],
            )
            for device, one in newest.items()
        ],
    )
    _save_notices(connection, numbers, healths)


def _save_notices(connection: sqlite3.Connection, numbers: Numbers, healths: Iterable[ReceivedHealth]) -> None:
    """A device sends each notice many times. One that still grows comes with a larger count."""
    largest: dict[tuple[int, str, int], HealthNotice] = {}
    for one in healths:
        for notice in one.report.notices:
            key = (numbers[one.device], one.report.epoch, notice.number)
            if key not in largest or notice.count >= largest[key].count:
                largest[key] = notice
    find = "SELECT 1 FROM notice WHERE device = ? AND epoch = ? AND number = ?"
    added = [key for key in largest if connection.execute(find, key).fetchone() is None]
    over = limits.keys_over_limit(added, count_rows(connection, "notice", added), limits.MAX_NOTICES)
    for key in over:
        del largest[key]
    count_over_limit(connection, Counter((key[0], limits.TOO_MANY_NOTICES) for key in over))
    connection.executemany(
        _UPSERT_NOTICE,
        [
            (*key, one.kind, iso_text(one.at), one.first_seq, one.last_seq, one.count, one.detail)
            for key, one in largest.items()
        ],
    )


def save_rejections(connection: sqlite3.Connection, rejections: Rejections) -> None:
    """Count rejected events."""
    find = "SELECT 1 FROM rejected WHERE device = ? AND id = ?"
    added = [key for key in rejections if connection.execute(find, key).fetchone() is None]
    over = set(limits.keys_over_limit(added, count_rows(connection, "rejected", added), limits.MAX_REJECTED))
    connection.executemany(
        "INSERT INTO rejected (device, id, reason, at, times) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET times = times + excluded.times",
        [(*key, reason, iso_text(at), times) for key, (reason, at, times) in rejections.items() if key not in over],
    )
    count_over_limit(connection, Counter((key[0], rejections[key][0]) for key in over))


def count_rows(connection: sqlite3.Connection, table: str, keys: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """How many rows of `table` each device has whose number begins one of the keys."""
    count = f"SELECT count(*) FROM {table} WHERE device = ?"  # noqa: S608 - a constant of the caller
    return {device: int(connection.execute(count, [device]).fetchone()[0]) for device in {key[0] for key in keys}}


def count_over_limit(connection: sqlite3.Connection, times: Mapping[tuple[int, str], int]) -> None:
    """What is not stored, because the device has too much of it: by device number and reason."""
    connection.executemany(
        "INSERT INTO device_limit VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
        [(*key, number) for key, number in times.items()],
    )


def count_invalid(connection: sqlite3.Connection, times: Mapping[str, int]) -> None:
    """Messages that were dropped, by reason."""
    connection.executemany(
        "INSERT INTO invalid_message VALUES (?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
        list(times.items()),
    )
