"""Numbers of devices and streams: kept in memory, and the lock that several centres on one database share."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection

from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import StreamKey
from mqtt.centre.postgres import arrays
from mqtt.topics import DeviceTopics

MAX_KNOWN = 50_000
"""Devices, and streams, whose numbers are kept in memory. Beyond this, all are forgotten and read again."""

_SELECT_DEVICES = """
SELECT d.topic_prefix, d.site, d.device, d.number FROM unnest(%s::text[], %s::text[], %s::text[]) AS u (p, s, d)
JOIN device AS d ON d.topic_prefix = u.p AND d.site = u.s AND d.device = u.d
"""
# An upsert would use up a number of the identity column with each message. Two billion are used up within a year.
_INSERT_DEVICES = """
INSERT INTO device (topic_prefix, site, device, last_seen_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""
_LOCK_DEVICES = """
UPDATE device SET last_seen_at = greatest(device.last_seen_at, locked.at) FROM (
    SELECT d.number, u.at FROM unnest(%s::int[], %s::timestamptz[]) AS u (number, at) JOIN device AS d ON d.number = u.number
    ORDER BY d.number FOR NO KEY UPDATE OF d) AS locked
WHERE device.number = locked.number
"""
_SELECT_STREAMS = """
SELECT s.device, s.epoch, s.number FROM unnest(%s::int[], %s::text[]) AS u (device, epoch)
JOIN stream AS s ON s.device = u.device AND s.epoch = u.epoch
"""
_INSERT_STREAMS = f"""
INSERT INTO stream (device, epoch) SELECT device, epoch FROM (
    SELECT device, epoch, row_number() OVER (PARTITION BY device ORDER BY place) + (
        SELECT count(*) FROM stream WHERE stream.device = u.device) AS place
    FROM unnest(%s::int[], %s::text[]) WITH ORDINALITY AS u (device, epoch, place)) AS placed
WHERE place <= {limits.MAX_EPOCHS} ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants


class StreamNumbers(NamedTuple):
    """The rows of a stream."""

    device: int
    stream: int


class KnownNumbers:
    """For one connection and its thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._devices: dict[DeviceTopics, int] = {}
        self._streams: dict[StreamKey, StreamNumbers] = {}

    def forget(self) -> None:
        """After a rollback, which may have removed some of them."""
        self._devices.clear()
        self._streams.clear()

    def has_all(self, devices: Iterable[DeviceTopics], streams: Iterable[StreamKey]) -> bool:
        """Whether all numbers are in memory."""
        return all(one in self._devices for one in devices) and all(one in self._streams for one in streams)

    def devices(self, seen: Mapping[DeviceTopics, datetime]) -> dict[DeviceTopics, int]:
        """The numbers of these devices. New ones get a row."""
        found = {one: self._devices[one] for one in seen if one in self._devices}
        missing = sorted(one for one in seen if one not in found)
        if missing:
            _make_room(self._devices, len(missing))
            columns = [arrays.words(column) for column in zip(*map(_names, missing), strict=True)]
            read = self._read_devices(columns)
            if len(read) < len(missing):
                self._connection.execute(_INSERT_DEVICES, [*columns, arrays.times(seen[one] for one in missing)])
                read = self._read_devices(columns)
            self._devices.update(read)
            found.update(read)
        return found

    def _read_devices(self, columns: list[arrays.Parameter]) -> dict[DeviceTopics, int]:
        found = self._connection.execute(_SELECT_DEVICES, columns).fetchall()
        return {DeviceTopics(prefix, site, device): int(number) for prefix, site, device, number in found}

    def lock_devices(self, numbers: Iterable[int], seen_at: Iterable[datetime]) -> None:
        """Until the end of the transaction no other centre changes anything of these devices. All centres lock in one order."""
        self._connection.execute(_LOCK_DEVICES, [arrays.numbers(numbers), arrays.times(seen_at)])

    def streams(self, numbered: Mapping[StreamKey, int]) -> dict[StreamKey, StreamNumbers]:
        """The numbers of these streams, by the numbers of their devices. New ones get a row, unless their device has too many."""
        found = {key: self._streams[key] for key in numbered if key in self._streams}
        missing = {(device, key.epoch): key for key, device in numbered.items() if key not in found}
        if missing:
            _make_room(self._streams, len(missing))
            devices, epochs = zip(*missing, strict=True)
            columns = [arrays.numbers(devices), arrays.words(epochs)]
            read = self._connection.execute(_SELECT_STREAMS, columns).fetchall()
            if len(read) < len(missing):
                self._connection.execute(_INSERT_STREAMS, columns)
                read = self._connection.execute(_SELECT_STREAMS, columns).fetchall()
            numbers = {missing[device, epoch]: StreamNumbers(device, number) for device, epoch, number in read}
            self._streams.update(numbers)
            found.update(numbers)
        return found


def _make_room(known: dict[DeviceTopics, int] | dict[StreamKey, StreamNumbers], wanted: int) -> None:
    if len(known) + wanted > MAX_KNOWN:
        known.clear()


def _names(device: DeviceTopics) -> tuple[str, str, str]:
    return device.prefix, device.site, device.device
