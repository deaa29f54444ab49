"""Erases what a person left at the centre: their sealed subjects and pseudonyms. The events and all counts stay.

The ids of the erased events are kept, without anything of the person, until each device has forgotten them too.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.postgres.rows import event_date
from mqtt.centre.schema_parts import is_postgres
from mqtt.centre.sqlite.checkpoint import truncate_log
from mqtt.centre.tracing.cases.cases import (
    CaseError,
    Purpose,
    TraceCase,
    about,
    delete_contents,
    iso_text,
)
from mqtt.centre.tracing.core.answers import Answer, AnswerPassage


def erase_person(database: str, case: TraceCase, officer: str, answer: Answer, now: datetime) -> int:
    """Erase the passages of a person that an answer of this case found, and end the case. Returns how many.

    The caller has checked that the officer may use the case, and deletes its key. Raises CaseError and LedgerError.
    """
    if case.purpose is not Purpose.ERASURE:
        raise CaseError("purpose", "only a case for erasure can erase")
    found = [one for one in answer.passages if one.person is not None]
    with open_query(database) as query:
        what = f"{about(case)}: {len(found)} passages"
        append_audit(query, CentreAuditEntry(officer, "erase", what, case.why, case.area), now)
        if not is_postgres(database):
            query("PRAGMA secure_delete = ON")  # old bytes are overwritten with zeros
        devices = _device_numbers(query)
        for one in found:
            _erase(query, devices[one.gate], one, in_postgres=is_postgres(database))
            query(
                "INSERT INTO trace_erasure (event_id, wire_name, case_number, erased_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (event_id, wire_name) DO NOTHING",
                [one.id, one.gate, case.number, iso_text(now)],
            )
        query(
            "UPDATE trace_case SET ended_by = ?, ended_at = ? WHERE number = ?", [officer, iso_text(now), case.number]
        )
        delete_contents(query, case.number)
    if not is_postgres(database):
        truncate_log(Path(database))
    return len(found)


def _device_numbers(query: Query) -> dict[str, int]:
    rows = query("SELECT number, site, device FROM device")
    return {f"{row['site']}/{row['device']}": int(row["number"]) for row in rows}


def _erase(query: Query, device: int, passage: AnswerPassage, *, in_postgres: bool) -> None:
    id_ = UUID(passage.id)
    key: Sequence[object] = [device, id_, event_date(id_)] if in_postgres else [device, id_.bytes]
    day = " AND day = ?" if in_postgres else ""
    query(f"UPDATE event SET sealed = ?, pseudonym = '' WHERE device = ? AND id = ?{day}", [b"", *key])  # noqa: S608 - a constant
