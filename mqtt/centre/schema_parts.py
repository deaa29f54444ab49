"""Tables of the centre beside those of the ingest: each part counts its own migration steps in the table `schema_part`."""

from collections.abc import Sequence

from mqtt.centre.ingest.database import POSTGRES_SCHEMES, Query, open_ledger, open_query
from mqtt.centre.ingest.ledger_error import LedgerError

MIGRATION_LOCK = 0x48554532
"""Advisory lock of PostgreSQL: two processes that start at the same time migrate one after the other."""
_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_part (part TEXT PRIMARY KEY, version INTEGER NOT NULL)"


def is_postgres(database: str) -> bool:
    """Whether `database` is the address of a PostgreSQL server."""
    return database.startswith(POSTGRES_SCHEMES)


def prepare_part(database: str, part: str, steps: Sequence[str]) -> None:
    """Create or migrate the centre's database, and take the missing steps of this part. Raises LedgerError.

    A released step is never edited. In a step `{identity}` is a number that counts by itself, and `{real}` a float of 8 bytes.
    Times and days are texts in ISO 8601, UTC.
    """
    open_ledger(database).close()  # the tables of the ingest come first
    words = (
        {"identity": "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "real": "double precision"}
        if is_postgres(database)
        else {"identity": "INTEGER PRIMARY KEY AUTOINCREMENT", "real": "REAL"}
    )
    with open_query(database) as query:
        _await_turn(database, query)
        query(_VERSIONS)
    with open_query(database) as query:
        found = query("SELECT version FROM schema_part WHERE part = ?", [part])
        if found and found[0]["version"] == len(steps):
            return  # a transaction that reads first and then writes fails in SQLite while a centre writes
    with open_query(database) as query:
        _await_turn(database, query)
        query("INSERT INTO schema_part VALUES (?, 0) ON CONFLICT (part) DO NOTHING", [part])
        version = int(query("SELECT version FROM schema_part WHERE part = ?", [part])[0]["version"])
        if version > len(steps):
            raise LedgerError(f"the tables of {part} were written by a newer release; update the centre")
        for step in steps[version:]:
            for statement in filter(str.strip, step.format(**words).split(";")):
                query(statement)
        if version < len(steps):
            query("UPDATE schema_part SET version = ? WHERE part = ?", [len(steps), part])


def _await_turn(database: str, query: Query) -> None:
    """In PostgreSQL, wait for another process that migrates. SQLite does so at the first statement that writes."""
    if is_postgres(database):
        query("SELECT pg_advisory_xact_lock(?)", [MIGRATION_LOCK])
