-- The centre's database as its first release wrote it: two synthetic events of one device.
-- Never edited: every later release must open it.
BEGIN TRANSACTION;
CREATE TABLE boot_clock (
    device INTEGER NOT NULL REFERENCES device (number),
    boot_id TEXT NOT NULL,
    offset_s REAL NOT NULL,
    PRIMARY KEY (device, boot_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE device (
    number INTEGER PRIMARY KEY,
    topic_prefix TEXT NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '', state_reason TEXT NOT NULL DEFAULT '', state_at TEXT,
    last_seen_at TEXT NOT NULL, software_version TEXT NOT NULL DEFAULT '',
    UNIQUE (topic_prefix, site, device)
) STRICT;
INSERT INTO "device" VALUES(1,'entrance','dong-ba','gate-1','','',NULL,'2026-11-23T02:00:00.000+00:00','');
CREATE TABLE event (
    device INTEGER NOT NULL REFERENCES device (number),
    id BLOB NOT NULL,
    stream INTEGER NOT NULL REFERENCES stream (number),
    seq INTEGER NOT NULL,
    occurred_at TEXT NOT NULL, monotonic_s REAL NOT NULL, boot_id TEXT NOT NULL, clock_quality TEXT NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, direction TEXT, kind TEXT, assurance TEXT,
    pseudonym TEXT NOT NULL, sealed BLOB NOT NULL, code_bytes INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    annuls BLOB, manual_reason TEXT,
    PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "event" VALUES(1,X'01A205EAC2687226B63C5AB791B7584A',1,1,'2026-11-23T01:00:01.000+00:00',1001.0,'boot-a','synchronised','pass','ok','in','entry-pass','verified','303e61cdc4bb86c3d1c427103c344c41',X'89EB2F1E7BD5D47E446FCEC2A3D811736110E5781BCCCEA696762E6116C6E9C92D99BF358C2E0718822CE47CA8C74107E66CB0E4B2B3F4D58D82CA6386D2C96E760E819B85C924C3597164C4A6058A00581A22B22DE50472433D2E44FED8B6B8357E44CD3129903AC1D45597FDF1',178,'2026-11-23T02:00:00.000+00:00',NULL,NULL);
INSERT INTO "event" VALUES(1,X'01A205EAC6507F4BBCA9349EDCF4BB99',1,2,'2026-11-23T01:00:02.000+00:00',1002.0,'boot-a','synchronised','pass','ok','in','entry-pass','verified','c8af5bd99f267a0ed3197217dd2bba15',X'37436E5C2441E3D54410492B788768BCFF2218CF8F7373ABE8E394DAF807E24E58C367402E281F9BDDF85336D15B579B74E4250950C9C994752666AE81C78B283592EDFF935D406E8FDB72A34980BE64D347BDCDDA5117B919F538DCB77EACFE863E5282FA940BF3EB573F5F4F8B',178,'2026-11-23T02:00:00.000+00:00',NULL,NULL);
CREATE TABLE invalid_message (reason TEXT PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
    device INTEGER NOT NULL REFERENCES device (number),
    epoch TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL, at TEXT NOT NULL, first_seq INTEGER, last_seq INTEGER,
    count INTEGER NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (device, epoch, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE rejected (
    device INTEGER NOT NULL REFERENCES device (number),
    id TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE seq_range (
    stream INTEGER NOT NULL REFERENCES stream (number),
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    PRIMARY KEY (stream, first_seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "seq_range" VALUES(1,1,2);
CREATE TABLE stream (
    number INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device (number),
    epoch TEXT NOT NULL,
    duplicates INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0,
    newest_seq INTEGER NOT NULL DEFAULT 0,
    UNIQUE (device, epoch)
) STRICT;
INSERT INTO "stream" VALUES(1,1,'0123456789abcdef',0,0,2);
CREATE TABLE unsealing (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL, requested_by TEXT NOT NULL, reason TEXT NOT NULL, query TEXT NOT NULL, events INTEGER NOT NULL
) STRICT;
CREATE INDEX event_annuls ON event (device, annuls) WHERE annuls IS NOT NULL;
CREATE VIEW event_with_corrected_time AS
    SELECT event.*, CASE
        WHEN clock_quality = 'synchronised' THEN occurred_at
        WHEN offset_s IS NOT NULL
            THEN strftime('%Y-%m-%dT%H:%M:%f', monotonic_s + offset_s, 'unixepoch') || '+00:00'
        WHEN clock_quality = 'free-running' THEN occurred_at
        END AS corrected_at
    FROM event LEFT JOIN boot_clock USING (device, boot_id);
CREATE VIEW effective_event AS
    SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
        SELECT 1 FROM event AS reversal WHERE reversal.device = timed.device AND reversal.annuls = timed.id);
COMMIT;
PRAGMA application_id = 1213547843;
PRAGMA user_version = 1;
