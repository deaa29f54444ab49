"""Cases: opened by one officer, approved by another one, ended by themselves after 28 days. Each step is an audit row first.

A case covers one area and all below it. What it found ends with it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mqtt.centre.accounts.accounts import read_accounts
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.roles import Permission, Rights
from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.model import Area
from mqtt.centre.registry.tree import Registry

CASE_LIFE = timedelta(days=28)
MIN_REASON_LENGTH = 10
"""In characters."""
MAX_REASON_LENGTH = 500
ORDER_NO_PATTERN = re.compile(r"[\w./-][\w./ -]{1,58}[\w./-]")
"""For example `17/QĐ-UBND`."""


class Purpose(StrEnum):
    """What a case may be used for."""

    CONTACTS = "contacts"
    ACCESS = "access"
    """A person asks what is stored about them."""
    ERASURE = "erasure"
    """A person asks that it is erased."""


class CaseState(StrEnum):
    """State of a case at a moment."""

    WAITING = "waiting"
    """For the approval of a second officer."""
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"


class CaseError(ValueError):
    """The step was not taken. `code` says why, for words in a language. The text is English."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class TraceCase:
    """One case."""

    number: int
    order_no: str
    purpose: Purpose
    why: str
    area: int
    """Number of the area."""
    opened_by: str
    opened_at: datetime
    until_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
    is_approved: bool = False
    ended_by: str = ""
    """Empty where the case ended by itself."""
    ended_at: datetime | None = None

    def state(self, now: datetime) -> CaseState:
        """Whether it may be used now."""
        if self.ended_at is not None or now >= self.until_at:
            return CaseState.ENDED
        if not self.decided_by:
            return CaseState.WAITING
        return CaseState.OPEN if self.is_approved else CaseState.REFUSED


@dataclass(frozen=True)
class Officer:
    """An account that takes a step, with its rights today."""

    name: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """What an officer writes to open a case. Raises CaseError where a part is missing."""

    order_no: str
    purpose: Purpose
    why: str

    def __post_init__(self) -> None:
        if not ORDER_NO_PATTERN.fullmatch(self.order_no):
            raise CaseError("order-no", "the number of the order is needed: 3 to 60 letters, digits and / . -")
        if not MIN_REASON_LENGTH <= len(self.why.strip()) <= MAX_REASON_LENGTH:
            raise CaseError("reason", f"a reason of {MIN_REASON_LENGTH} to {MAX_REASON_LENGTH} characters is needed")


def find_officer(query: Query, name: str, registry: Registry, now: datetime, day: Any) -> Officer:
    """The account of an officer who has proved who they are. `day`: the local day. Raises CaseError."""
    found = read_accounts(query, name)
    if not found or not found[0].is_open(now.date()):
        raise CaseError("no-account", "there is no such account")
    return Officer(name, Rights(found[0].grants, registry, day))


def open_case(query: Query, officer: Officer, request: CaseRequest, area: Area, now: datetime) -> TraceCase:
    """A new case that waits for its approval. Raises CaseError."""
    _check_right(officer, Permission.TRACE, area)
    append_audit(query, _entry(officer, "open-case", request.order_no, request.why, area.number), now)
    row = query(
        "INSERT INTO trace_case (order_no, purpose, why, area, opened_by, opened_at, until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        [
            request.order_no,
            request.purpose.value,
            request.why.strip(),
            area.number,
            officer.name,
            iso_text(now),
            iso_text(now + CASE_LIFE),
        ],
    )[0]
    return _case(row)


def decide_case(
    query: Query, officer: Officer, case: TraceCase, area: Area, now: datetime, *, is_approved: bool, why: str = ""
) -> TraceCase:
    """Approve or refuse a case that another officer opened. Raises CaseError."""
    _check_right(officer, Permission.APPROVE, area)
    if officer.name == case.opened_by:
        raise CaseError("own-case", "a case needs the approval of another officer than the one who opened it")
    if case.state(now) is not CaseState.WAITING:
        raise CaseError("not-waiting", "the case does not wait for an approval")
    what = "approve-case" if is_approved else "refuse-case"
    append_audit(query, _entry(officer, what, about(case), why, case.area), now)
    rows = query(
        "UPDATE trace_case SET decided_by = ?, decided_at = ?, is_approved = ? WHERE number = ? AND decided_by = '' "
        "AND opened_by <> ? RETURNING *",
        [officer.name, iso_text(now), int(is_approved), case.number, officer.name],
    )
    if not rows:
        raise CaseError("not-waiting", "the case does not wait for an approval")
    return _case(rows[0])


def end_case(query: Query, officer: Officer, case: TraceCase, area: Area, now: datetime) -> None:
    """End a case before its time. Its results go with it. Raises CaseError."""
    if not officer.rights.allows(Permission.TRACE, area) and not officer.rights.allows(Permission.APPROVE, area):
        raise CaseError("no-right", "the account has no right to end cases in this area")
    append_audit(query, _entry(officer, "end-case", about(case), "", case.area), now)
    query(
        "UPDATE trace_case SET ended_by = ?, ended_at = ? WHERE number = ?", [officer.name, iso_text(now), case.number]
    )
    delete_contents(query, case.number)


def expire_cases(query: Query, now: datetime) -> list[int]:
    """End the cases whose time is over, and delete what they found. Returns their numbers. The caller deletes their keys."""
    rows = query("SELECT * FROM trace_case WHERE ended_at = '' AND until <= ?", [iso_text(now)])
    for row in rows:
        case = _case(row)
        append_audit(query, CentreAuditEntry("-", "expire-case", about(case), "", case.area), now)
        query("UPDATE trace_case SET ended_at = ? WHERE number = ?", [iso_text(now), case.number])
        delete_contents(query, case.number)
    return [int(row["number"]) for row in rows]


def delete_contents(query: Query, number: int) -> None:
    """Delete the questions of a case and what they found."""
    of_case = "(SELECT number FROM trace_question WHERE case_number = ?)"
    query(f"DELETE FROM trace_part WHERE question IN {of_case}", [number])  # noqa: S608 - a constant
    query("DELETE FROM trace_question WHERE case_number = ?", [number])


def read_cases(query: Query, number: int | None = None) -> list[TraceCase]:
    """All cases, newest first, or one."""
    where, values = ("WHERE number = ?", [number]) if number is not None else ("", [])
    return [_case(row) for row in query(f"SELECT * FROM trace_case {where} ORDER BY number DESC", values)]  # noqa: S608 - constants


def find_case(query: Query, number: int) -> TraceCase:
    """One case. Raises CaseError."""
    found = read_cases(query, number) if 0 < number < 2**31 else []
    if not found:
        raise CaseError("no-case", f"there is no case {number}")
    return found[0]


def check_use(case: TraceCase, officer: Officer, area: Area, now: datetime) -> None:
    """Whether the officer may ask under this case now. Raises CaseError."""
    _check_right(officer, Permission.TRACE, area)
    state = case.state(now)
    if state is not CaseState.OPEN:
        raise CaseError(f"case-{state}", f"case {case.number} is {state}: it opens nothing")


def about(case: TraceCase) -> str:
    """How the audit names a case."""
    return f"case {case.number}, {case.order_no}"


def iso_text(at: datetime) -> str:
    """UTC, in milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _check_right(officer: Officer, permission: Permission, area: Area) -> None:
    if not officer.rights.allows(permission, area):
        raise CaseError("no-right", f"the account {officer.name} has no right to {permission} in this area")


def _entry(officer: Officer, what: str, about_: str, why: str, area: int) -> CentreAuditEntry:
    return CentreAuditEntry(officer.name, what, about_, why.strip(), area)


def _case(row: Mapping[str, Any]) -> TraceCase:
    decided, ended = row["decided_at"], row["ended_at"]
    return TraceCase(
        row["number"],
        row["order_no"],
        Purpose(row["purpose"]),
        row["why"],
        row["area"],
        row["opened_by"],
        datetime.fromisoformat(row["opened_at"]),
        datetime.fromisoformat(row["until"]),
        row["decided_by"],
        datetime.fromisoformat(decided) if decided else None,
        bool(row["is_approved"]),
        row["ended_by"],
        datetime.fromisoformat(ended) if ended else None,
    )
