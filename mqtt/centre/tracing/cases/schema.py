"""The tables of tracing. Questions and results are stored encrypted with the key of their case."""

from mqtt.centre.accounts.schema import prepare_accounts
from mqtt.centre.schema_parts import prepare_part

PART = "tracing"
STEPS = (
    """
    CREATE TABLE trace_case (
        number {identity}, order_no TEXT NOT NULL, purpose TEXT NOT NULL, why TEXT NOT NULL, area INTEGER NOT NULL,
        opened_by TEXT NOT NULL, opened_at TEXT NOT NULL, until TEXT NOT NULL,
        decided_by TEXT NOT NULL DEFAULT '', decided_at TEXT NOT NULL DEFAULT '', is_approved INTEGER NOT NULL DEFAULT 0,
        ended_by TEXT NOT NULL DEFAULT '', ended_at TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE trace_question (
        number {identity}, case_number INTEGER NOT NULL REFERENCES trace_case (number), kind TEXT NOT NULL,
        asked_by TEXT NOT NULL, asked_at TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
        done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, answered_at TEXT NOT NULL DEFAULT '',
        failure TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX trace_question_case ON trace_question (case_number);
    CREATE TABLE trace_part (
        question INTEGER NOT NULL REFERENCES trace_question (number), part TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (question, part)
    )
    """,
    """
    CREATE TABLE trace_erasure (
        event_id TEXT NOT NULL, wire_name TEXT NOT NULL, case_number INTEGER NOT NULL, erased_at TEXT NOT NULL,
        command TEXT NOT NULL DEFAULT '', forgotten_at TEXT NOT NULL DEFAULT '', PRIMARY KEY (event_id, wire_name)
    );
    CREATE INDEX trace_erasure_open ON trace_erasure (wire_name) WHERE forgotten_at = '';
    CREATE INDEX trace_erasure_case ON trace_erasure (case_number)
    """,
)


def prepare_tracing(database: str) -> None:
    """Make these tables and those of the accounts where they are missing. Raises LedgerError."""
    prepare_accounts(database)
    prepare_part(database, PART, STEPS)
