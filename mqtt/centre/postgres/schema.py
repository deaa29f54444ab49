"""The tables of a centre in PostgreSQL, and how a newer release migrates them."""

from psycopg import Connection

from mqtt.centre.ingest.ledger_error import LedgerError

SCHEMA_LOCK = 0x48554531
"""Advisory lock: two centres that start at the same time migrate one after the other."""

# A released step is never edited. A new step is added at the end. The table `schema_version` counts the steps taken.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE device (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic_prefix text NOT NULL, site text NOT NULL, device text NOT NULL,
        state text NOT NULL DEFAULT '', state_reason text NOT NULL DEFAULT '', state_at timestamptz,
        last_seen_at timestamptz NOT NULL, software_version text NOT NULL DEFAULT '',
        UNIQUE (topic_prefix, site, device)
    );
    CREATE TABLE stream (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        device integer NOT NULL REFERENCES device (number),
        epoch text NOT NULL,
        duplicates bigint NOT NULL DEFAULT 0, conflicts bigint NOT NULL DEFAULT 0, newest_seq bigint NOT NULL DEFAULT 0,
        UNIQUE (device, epoch)
    );
    CREATE TABLE seq_range (
        stream integer NOT NULL REFERENCES stream (number),
        first_seq bigint NOT NULL, last_seq bigint NOT NULL,
        PRIMARY KEY (stream, first_seq)
    );
    CREATE TABLE event (
        device integer NOT NULL, id uuid NOT NULL, day date NOT NULL, stream integer NOT NULL, seq bigint NOT NULL,
        occurred_at timestamptz NOT NULL, monotonic_s double precision NOT NULL, boot_id text NOT NULL,
        clock_quality text NOT NULL, outcome text NOT NULL, reason text NOT NULL, direction text, kind text, assurance text,
        pseudonym text NOT NULL, sealed bytea NOT NULL, code_bytes integer NOT NULL, received_at timestamptz NOT NULL,
        annuls uuid, manual_reason text,
        PRIMARY KEY (device, id, day)
    ) PARTITION BY RANGE (day);
    CREATE TABLE event_other_days PARTITION OF event DEFAULT;
    CREATE INDEX event_annuls ON event (device, annuls) WHERE annuls IS NOT NULL;
    CREATE TABLE boot_clock (
        device integer NOT NULL REFERENCES device (number), boot_id text NOT NULL, offset_s double precision NOT NULL,
        PRIMARY KEY (device, boot_id)
    );
    CREATE TABLE rejected (
        device integer NOT NULL REFERENCES device (number),
        id text NOT NULL, reason text NOT NULL, at timestamptz NOT NULL, times bigint NOT NULL DEFAULT 1,
        PRIMARY KEY (device, id)
    );
    CREATE TABLE invalid_message (reason text PRIMARY KEY, times bigint NOT NULL);
    CREATE TABLE notice (
        device integer NOT NULL REFERENCES device (number), epoch text NOT NULL, number bigint NOT NULL,
        kind text NOT NULL, at timestamptz NOT NULL, first_seq bigint, last_seq bigint,
        count bigint NOT NULL, detail text NOT NULL,
        PRIMARY KEY (device, epoch, number)
    );
    CREATE TABLE unsealing (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL, requested_by text NOT NULL, reason text NOT NULL, query text NOT NULL, events bigint NOT NULL
    );
    CREATE VIEW event_with_corrected_time AS
        SELECT event.*, CASE
            WHEN clock_quality = 'synchronised' THEN occurred_at
            WHEN offset_s IS NOT NULL THEN to_timestamp(monotonic_s + offset_s)
            WHEN clock_quality = 'free-running' THEN occurred_at
            END AS corrected_at
        FROM event LEFT JOIN boot_clock USING (device, boot_id);
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM event AS reversal WHERE reversal.device = timed.device AND reversal.annuls = timed.id);
    """,
    """
    CREATE TABLE device_limit (
        device integer NOT NULL REFERENCES device (number), reason text NOT NULL, times bigint NOT NULL,
        PRIMARY KEY (device, reason)
    );
    CREATE TABLE operator_action (
        number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL, action text NOT NULL, requested_by text NOT NULL, reason text NOT NULL,
        site text NOT NULL, device text NOT NULL, details text NOT NULL
    );
    CREATE TABLE acknowledged_gap (
        stream integer NOT NULL REFERENCES stream (number), first_seq bigint NOT NULL, last_seq bigint NOT NULL,
        PRIMARY KEY (stream, first_seq)
    );
    ALTER TABLE device ADD COLUMN retired_at timestamptz;
    DELETE FROM boot_clock WHERE NOT offset_s BETWEEN -1e9 AND 7258118400;
    UPDATE notice SET at = '1970-01-01 00:00:00+00' WHERE NOT at BETWEEN '1970-01-01' AND '2200-01-01';
    DROP VIEW effective_event;
    DROP VIEW event_with_corrected_time;
    CREATE VIEW event_with_corrected_time AS
        SELECT event.*, CASE
            WHEN occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01' THEN NULL
            WHEN clock_quality = 'synchronised' THEN occurred_at
            WHEN offset_s IS NOT NULL AND monotonic_s + offset_s BETWEEN 0 AND 7258118400
                THEN to_timestamp(monotonic_s + offset_s)
            WHEN clock_quality = 'free-running' THEN occurred_at
            END AS corrected_at
        FROM event LEFT JOIN boot_clock USING (device, boot_id);
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM event AS reversal WHERE reversal.device = timed.device AND reversal.annuls = timed.id);
    """,
    """
    ALTER TABLE device
        ADD COLUMN last_health_at timestamptz, ADD COLUMN clock_quality text NOT NULL DEFAULT '',
        ADD COLUMN epoch text NOT NULL DEFAULT '', ADD COLUMN reported_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN backlog bigint NOT NULL DEFAULT 0, ADD COLUMN quarantined bigint NOT NULL DEFAULT 0;
    CREATE TABLE annulment (
        device integer NOT NULL, id uuid NOT NULL, is_pending boolean NOT NULL,
        PRIMARY KEY (device, id)
    );
    CREATE INDEX annulment_pending ON annulment (device) WHERE is_pending;
    INSERT INTO annulment
        SELECT DISTINCT device, annuls, NOT EXISTS (
            SELECT 1 FROM event AS target WHERE target.device = event.device AND target.id = event.annuls)
        FROM event WHERE annuls IS NOT NULL;
    CREATE TABLE hourly (
        device integer NOT NULL, hour timestamptz NOT NULL, direction text NOT NULL, result text NOT NULL,
        reason text NOT NULL, kind text NOT NULL, n bigint NOT NULL,
        PRIMARY KEY (device, hour, direction, result, reason, kind)
    );
    CREATE INDEX hourly_hour ON hourly (hour);
    CREATE INDEX event_occurred ON event (device, occurred_at);
    CREATE INDEX event_undated ON event (device, boot_id) WHERE clock_quality <> 'synchronised'
        OR (occurred_at AT TIME ZONE 'UTC')::date - day NOT BETWEEN -1 AND 1
        OR occurred_at NOT BETWEEN '1970-01-01 00:00:00+00' AND '2200-01-01 00:00:00+00';
    DROP VIEW effective_event;
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM annulment WHERE annulment.device = timed.device AND annulment.id = timed.id);
    CREATE VIEW undated_event AS
        SELECT * FROM effective_event WHERE clock_quality <> 'synchronised'
        OR (occurred_at AT TIME ZONE 'UTC')::date - day NOT BETWEEN -1 AND 1
        OR occurred_at NOT BETWEEN '1970-01-01 00:00:00+00' AND '2200-01-01 00:00:00+00';
    CREATE VIEW dated_event AS
        SELECT * FROM effective_event WHERE NOT (clock_quality <> 'synchronised'
        OR (occurred_at AT TIME ZONE 'UTC')::date - day NOT BETWEEN -1 AND 1
        OR occurred_at NOT BETWEEN '1970-01-01 00:00:00+00' AND '2200-01-01 00:00:00+00');
    INSERT INTO hourly
        SELECT device, date_trunc('hour', coalesce(corrected_at, received_at), 'UTC'), coalesce(direction, ''),
            outcome, reason, coalesce(kind, ''), count(*)
        FROM effective_event GROUP BY 1, 2, 3, 4, 5, 6;
    ALTER TABLE device SET (fillfactor = 70);
    ALTER TABLE stream SET (fillfactor = 70);
    ALTER TABLE seq_range SET (fillfactor = 70);
    ALTER TABLE hourly SET (fillfactor = 70);
    """,
    "ALTER TABLE device ADD COLUMN findings text NOT NULL DEFAULT '[]'",
)
_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), version integer NOT NULL
)
"""
_SET_VERSION = """
INSERT INTO schema_version (version) VALUES (%s)
ON CONFLICT (singleton) DO UPDATE SET version = excluded.version
"""


def migrate(connection: Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Take the missing steps in one transaction. Raises psycopg.Error, and LedgerError for a newer schema."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        connection.execute(_VERSION_TABLE)
        found = connection.execute("SELECT version FROM schema_version").fetchone()
        version = int(found[0]) if found else 0
        if version > len(migrations):
            raise LedgerError(
                f"the centre's PostgreSQL has schema {version} of a newer release, not {len(migrations)}; update the centre"
            )
        for step in migrations[version:]:
            connection.execute(step.encode())
        if version < len(migrations):
            connection.execute(_SET_VERSION, [len(migrations)])
