"""One partition of the table `event` per day, and their retention.

The day comes from the event's own id, because a UUIDv7 begins with its time. So the same id is always in the same partition,
and can be there only once. Retention drops whole partitions.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql

from mqtt.centre.postgres.rows import day_number, day_number_to_date
from mqtt.centre.postgres.schema import SCHEMA_LOCK

PARTITION_DAYS_BACK, PARTITION_DAYS_AHEAD = timedelta(days=60), timedelta(days=2)
"""Days around today that get their own partition. All other ids (of clocks that were never set) share one."""

_SELECT_PARTITIONS = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'event'::regclass AND relname ~ '^event_[0-9]{8}$' ORDER BY relname"
)
_DELETE_ANNULMENTS = (
    "DELETE FROM annulment WHERE NOT EXISTS "
    "(SELECT 1 FROM event WHERE event.device = annulment.device AND event.annuls = annulment.id)"
)


class DayPartitions:
    """For one connection and its thread."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._days: set[int] = set()

    def create_for(self, ids: Iterable[UUID]) -> None:
        """Create missing partitions before the transaction that needs them, because this locks the table. Raises psycopg.Error."""
        today = datetime.now(UTC).date()
        wanted = {day_number(each) for each in ids} - self._days
        days = (day_number_to_date(number) for number in wanted)
        for day in sorted(day for day in days if today - PARTITION_DAYS_BACK <= day <= today + PARTITION_DAYS_AHEAD):
            try:
                with self._connection.transaction():
                    self._create(day)
            except psycopg.errors.CheckViolation:
                """Some events of this day came early and are in the shared partition. All events of the day stay there."""
        self._days |= wanted

    def _create(self, day: date) -> None:
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        self._connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF event FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(_partition(day)), day.isoformat(), (day + timedelta(days=1)).isoformat()
            )
        )

    def drop_before(self, day: date) -> list[str]:
        """Drop the partitions of earlier days, and delete old events from the shared one. Returns their names."""
        dropped = []
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
            for (name,) in self._connection.execute(_SELECT_PARTITIONS).fetchall():
                if str(name) < _partition(day):
                    self._connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(str(name))))
                    dropped.append(str(name))
            self._connection.execute("DELETE FROM event_other_days WHERE received_at < %s", [day])
            self._connection.execute(_DELETE_ANNULMENTS)
        self._days.clear()
        return dropped


def _partition(day: date) -> str:
    return f"event_{day:%Y%m%d}"
