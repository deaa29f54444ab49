"""The tables of a centre in PostgreSQL."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    root text NOT NULL, site text NOT NULL, device text NOT NULL,
    state text NOT NULL DEFAULT '', state_reason text NOT NULL DEFAULT '', state_at timestamptz,
    last_seen_at timestamptz NOT NULL, software text NOT NULL DEFAULT '',
    UNIQUE (root, site, device)
);
CREATE TABLE IF NOT EXISTS stream (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device integer NOT NULL REFERENCES device (number),
    epoch text NOT NULL,
    doubled bigint NOT NULL DEFAULT 0, conflicting bigint NOT NULL DEFAULT 0, newest_seq bigint NOT NULL DEFAULT 0,
    UNIQUE (device, epoch)
);
CREATE TABLE IF NOT EXISTS stretch (
    stream integer NOT NULL REFERENCES stream (number),
    first_seq bigint NOT NULL, last_seq bigint NOT NULL,
    PRIMARY KEY (stream, first_seq)
);
CREATE TABLE IF NOT EXISTS passage (
    device integer NOT NULL, id uuid NOT NULL, day date NOT NULL, stream integer NOT NULL, seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL, monotonic_s double precision NOT NULL, boot text NOT NULL, clock text NOT NULL,
    result text NOT NULL, reason text NOT NULL, direction text, kind text, assurance text,
    pseudonym text NOT NULL, sealed bytea NOT NULL, code_bytes integer NOT NULL, received_at timestamptz NOT NULL,
    annuls uuid, grounds text,
    PRIMARY KEY (device, id, day)
) PARTITION BY RANGE (day);
CREATE TABLE IF NOT EXISTS passage_other_days PARTITION OF passage DEFAULT;
CREATE INDEX IF NOT EXISTS annulling ON passage (device, annuls) WHERE annuls IS NOT NULL;
CREATE TABLE IF NOT EXISTS boot (
    device integer NOT NULL REFERENCES device (number), boot text NOT NULL, offset_s double precision NOT NULL,
    PRIMARY KEY (device, boot)
);
CREATE TABLE IF NOT EXISTS rejected (
    device integer NOT NULL REFERENCES device (number),
    id text NOT NULL, reason text NOT NULL, at timestamptz NOT NULL, times bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (device, id)
);
CREATE TABLE IF NOT EXISTS unreadable (reason text PRIMARY KEY, times bigint NOT NULL);
CREATE TABLE IF NOT EXISTS notice (
    device integer NOT NULL REFERENCES device (number), epoch text NOT NULL, number bigint NOT NULL,
    kind text NOT NULL, at timestamptz NOT NULL, first_seq bigint, last_seq bigint, count bigint NOT NULL, detail text NOT NULL,
    PRIMARY KEY (device, epoch, number)
);
CREATE TABLE IF NOT EXISTS opening (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL, who text NOT NULL, why text NOT NULL, what text NOT NULL, passages bigint NOT NULL
);
CREATE OR REPLACE VIEW corrected AS
    SELECT passage.*, CASE
        WHEN clock = 'synchronised' THEN occurred_at
        WHEN offset_s IS NOT NULL THEN to_timestamp(monotonic_s + offset_s)
        WHEN clock = 'free-running' THEN occurred_at
        END AS corrected_at
    FROM passage LEFT JOIN boot USING (device, boot);
CREATE OR REPLACE VIEW counted AS
    SELECT * FROM corrected WHERE annuls IS NULL AND NOT EXISTS (
        SELECT 1 FROM passage AS undo WHERE undo.device = corrected.device AND undo.annuls = corrected.id);
"""
# A view keeps the columns that it was made with, and new ones cannot be put between them: it is made anew.
GROW = """
DO $$ BEGIN
    IF to_regclass('corrected') IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass('corrected') AND attname = 'annuls'
    ) THEN
        DROP VIEW corrected;
        ALTER TABLE passage ADD COLUMN annuls uuid, ADD COLUMN grounds text;
    END IF;
END $$
"""
