"""The tables and views of the device's database, in numbered steps."""

APPLICATION_ID = 0x48554531  # "HUE1": tells our file from any other SQLite database (PRAGMA application_id)
SCHEMA_BITS = 16

# A released step is never edited. A new step is added at the end. The lower 16 bits of PRAGMA user_version count the steps taken.
# Its upper bits hold the oldest schema whose release may write here (0: only a release of the same schema).
# There is one event table and no second full index: each further page that a commit changes costs a page of WAL
# (docs/decisions/0016). The index `event_annuls` is partial: a commit touches it only for a reversal.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE boot (number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL) STRICT;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        boot_number INTEGER NOT NULL REFERENCES boot (number),
        occurred_us INTEGER NOT NULL,
        monotonic_s REAL NOT NULL,
        clock_quality TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        direction TEXT,
        kind TEXT,
        assurance TEXT,
        pseudonym BLOB NOT NULL,
        sealed BLOB NOT NULL,
        code_bytes INTEGER NOT NULL,
        annuls BLOB,
        manual_reason TEXT
    ) STRICT;
    CREATE UNIQUE INDEX event_annuls ON event (annuls) WHERE annuls IS NOT NULL;
    CREATE TABLE delivery (
        singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
        epoch TEXT NOT NULL,
        up_to_seq INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE acknowledged_range (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL) STRICT;
    CREATE TABLE quarantine (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;
    CREATE TABLE rejection_count (seq INTEGER PRIMARY KEY, times INTEGER NOT NULL, first_at TEXT NOT NULL) STRICT;
    CREATE TABLE notice (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        first_seq INTEGER,
        last_seq INTEGER,
        count INTEGER NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE TABLE availability_log (
        number INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        clock_unset INTEGER NOT NULL,
        state TEXT NOT NULL,
        lists_stale INTEGER NOT NULL,
        process_start INTEGER NOT NULL
    ) STRICT;
    CREATE VIEW outbox AS
        SELECT * FROM event
        WHERE seq > (SELECT up_to_seq FROM delivery)
        AND NOT EXISTS (SELECT 1 FROM acknowledged_range WHERE first_seq <= event.seq AND last_seq >= event.seq)
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.seq = event.seq);
    CREATE VIEW effective_event AS
        SELECT * FROM event
        WHERE annuls IS NULL AND NOT EXISTS (SELECT 1 FROM event AS reversal WHERE reversal.annuls = event.id);
    """,
    """
    ALTER TABLE delivery ADD COLUMN epoch_base_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE delivery ADD COLUMN source TEXT NOT NULL DEFAULT '';
    ALTER TABLE delivery ADD COLUMN checksum INTEGER;
    """,
    "ALTER TABLE delivery ADD COLUMN board TEXT NOT NULL DEFAULT ''",
    """
    CREATE TABLE remote_command (
        counter INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        at TEXT NOT NULL,
        name TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        result TEXT NOT NULL
    ) STRICT
    """,
)

# The oldest schema whose release may still record into a database of this schema, after an upgrade was rolled back
# (docs/decisions/0039). It stays the same where a step only adds tables, views and columns with a default, and where nothing
# is written that the older release cannot read.
OLDEST_WRITER_SCHEMA = 1
