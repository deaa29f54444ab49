"""The database of the centres of one run: an SQLite file, or a PostgreSQL server whose processes can be killed."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from mqtt.centre.fleet.status import read_fleet_status
from mqtt.centre.ingest.database import open_query
from tests.fakes.processes.postgres import PostgresServer
from tests.faults.network_proxy import Proxy


@dataclass(frozen=True, slots=True)
class CentreCounts:
    """What the centre says of one device."""

    missing: int
    duplicates: int
    conflicts: int


class CentreDatabase:
    """SQLite where `server` is None. The centres reach PostgreSQL through `proxy`, whose target changes at a fail-over."""

    def __init__(self, stack: ExitStack, folder: Path, *, postgres: bool) -> None:
        self._stack = stack
        self._folder = folder
        self._file = folder / "centre.db"
        self.server: PostgresServer | None = None
        if postgres:
            self.server = self._stack.enter_context(PostgresServer(folder, durable=True))
            self.proxy = stack.enter_context(Proxy(self.server.port))

    @property
    def kind(self) -> str:
        return "SQLite" if self.server is None else "PostgreSQL"

    @property
    def address(self) -> str:
        """For the option --database of a centre."""
        if self.server is None:
            return str(self._file)
        return f"postgresql://centre@127.0.0.1:{self.proxy.port}/postgres"

    @property
    def direct_address(self) -> str:
        """The same database without the proxy."""
        return str(self._file) if self.server is None else self.server.address

    def arrived(self) -> Counter[bytes]:
        """How often each event id is stored."""
        with open_query(self.direct_address) as query:
            rows = query("SELECT id FROM event")
        return Counter(row["id"] if isinstance(row["id"], bytes) else row["id"].bytes for row in rows)

    def counts(self, site: str, device: str) -> CentreCounts:
        """Of all epochs of the device."""
        found = read_fleet_status(self.direct_address, datetime.now(UTC))
        streams = [stream for one in found if (one.site, one.device) == (site, device) for stream in one.streams]
        return CentreCounts(
            missing=sum(last - first + 1 for stream in streams for first, last in stream.missing),
            duplicates=sum(stream.duplicates for stream in streams),
            conflicts=sum(stream.conflicts for stream in streams),
        )

    def block_transaction(self, ticks: int = 100) -> bool:
        """Block the table of events until a centre waits in its transaction. PostgreSQL only. False if none came in 10 s.

        The lock is held by an idle connection, which `release` closes or the kill of the server ends.
        """
        assert self.server is not None
        self._locking = psycopg.connect(self.server.address)
        self._stack.callback(self._locking.close)
        self._locking.execute("LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE")
        with closing(psycopg.connect(self.server.address, autocommit=True)) as watching:
            for _ in range(ticks):
                found = watching.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE application_name = 'entrance centre' AND wait_event_type = 'Lock'"
                ).fetchone()
                if found and found[0]:
                    return True
                watching.execute("SELECT pg_sleep(0.1)")
        return False

    def waiting_backends(self) -> list[int]:
        """Process ids of the server for transactions of centres that wait for a lock."""
        assert self.server is not None
        with closing(psycopg.connect(self.server.address, autocommit=True)) as watching:
            rows = watching.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'entrance centre' AND wait_event_type = 'Lock'"
            ).fetchall()
        return [int(row[0]) for row in rows]

    def release(self) -> None:
        """Let the transactions go on."""
        self._locking.close()

    def fail_over(self, on_idle: Callable[[], None]) -> None:
        """Kill the server -9 in mid-transaction, and promote a synchronous standby that takes its place.

        `on_idle` is called where no centre was in a transaction.
        """
        assert self.server is not None
        standby = self._stack.enter_context(self.server.standby())
        self.server.make_synchronous()
        if not self.block_transaction():
            on_idle()
        self.server.kill()
        self.release()
        standby.promote()
        self.proxy.redirect(standby.port)
        self.server = standby
