"""Questions under a case, and their answers, as they are stored: encrypted with the key of the case."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import Query
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.cases import CaseError, Purpose, TraceCase, about, iso_text
from mqtt.centre.tracing.core.model import Identifier

MAX_DAYS = 62
MAX_PLACE_PERIOD = timedelta(days=7)
DEFAULT_OVERLAP_MINUTES = 15


class QuestionKind(StrEnum):
    """What is asked."""

    PLACE = "place"
    """Who passed at a site in a period."""
    PERSON = "person"
    """Where a person was."""
    CONTACTS = "contacts"
    """Who was at the same sites at the same time as a person."""


class QuestionState(StrEnum):
    """How far an answer is."""

    WAITING = "waiting"
    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. Raises CaseError where it is none."""

    kind: QuestionKind
    since_at: datetime
    until_at: datetime
    site: str = ""
    """Name of the site of a question about a place."""
    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    """Of the person. Never in the audit."""
    min_overlap: int = DEFAULT_OVERLAP_MINUTES
    """In minutes."""
    degree: int = 1
    """2: also the contacts of contacts."""

    def __post_init__(self) -> None:
        if self.since_at >= self.until_at:
            raise CaseError("period", "the period ends before it begins")
        longest = MAX_PLACE_PERIOD if self.kind is QuestionKind.PLACE else timedelta(days=MAX_DAYS)
        if self.until_at - self.since_at > longest:
            raise CaseError("period-long", f"a period of at most {longest.days} days can be asked for")
        if (self.kind is QuestionKind.PLACE) != bool(self.site) or bool(self.site) == bool(self.identifiers):
            raise CaseError("question", "a question is about a site, or about a person")
        if not 1 <= self.min_overlap <= 24 * 60 or self.degree not in {1, 2}:
            raise CaseError("question", "an overlap has 1 to 1440 minutes, and the degree is 1 or 2")

    def body(self) -> dict[str, Any]:
        """For the database, encrypted."""
        return asdict(self) | {"since_at": iso_text(self.since_at), "until_at": iso_text(self.until_at)}


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """A question with its state. `done` and `total` count parts of a search."""

    number: int
    case: int
    kind: QuestionKind
    asked_by: str
    asked_at: datetime
    state: QuestionState
    done: int
    total: int
    answered_at: datetime | None
    failure: str


def ask(query: Query, keys: CaseKeys, case: TraceCase, asked_by: str, question: Question, *, now: datetime) -> int:
    """Store a question. Its audit row names site and period, and no person. Returns its number. The case was checked.

    Raises CaseError where the case is for another purpose.
    """
    if case.purpose is not Purpose.CONTACTS and question.kind is not QuestionKind.PERSON:
        raise CaseError("purpose", f"a case for {case.purpose} can only ask where that person was")
    append_audit(query, CentreAuditEntry(asked_by, f"ask-{question.kind}", _scope(case, question), "", case.area), now)
    row = query(
        "INSERT INTO trace_question (case_number, kind, asked_by, asked_at, body, state) VALUES (?, ?, ?, ?, '', ?) "
        "RETURNING number",
        [case.number, question.kind.value, asked_by, iso_text(now), QuestionState.WAITING.value],
    )[0]
    number = int(row["number"])
    body = keys.encrypt(case.number, f"question/{number}", question.body())
    query("UPDATE trace_question SET body = ? WHERE number = ?", [body, number])
    return number


def read_questions(query: Query, case: int) -> list[StoredQuestion]:
    """The questions of a case, oldest first."""
    rows = query(f"SELECT {_COLUMNS} FROM trace_question WHERE case_number = ? ORDER BY number", [case])  # noqa: S608 - a constant
    return [_stored(row) for row in rows]


def find_question(query: Query, number: int) -> StoredQuestion:
    """One question. Raises CaseError."""
    known = 0 < number < 2**31
    rows = query(f"SELECT {_COLUMNS} FROM trace_question WHERE number = ?", [number]) if known else []  # noqa: S608 - a constant
    if not rows:
        raise CaseError("no-question", f"there is no question {number}")
    return _stored(rows[0])


def read_body(query: Query, keys: CaseKeys, stored: StoredQuestion) -> Question:
    """What was asked. Raises CaseKeyError."""
    row = query("SELECT body FROM trace_question WHERE number = ?", [stored.number])[0]
    found = keys.decrypt(stored.case, f"question/{stored.number}", row["body"])
    return Question(
        QuestionKind(found["kind"]),
        datetime.fromisoformat(found["since_at"]).astimezone(UTC),
        datetime.fromisoformat(found["until_at"]).astimezone(UTC),
        found["site"],
        tuple((scheme, value) for scheme, value in found["identifiers"]),
        found["min_overlap"],
        found["degree"],
    )


def begin_answer(query: Query, case: TraceCase, stored: StoredQuestion, question: Question, now: datetime) -> None:
    """The audit row of an unsealing. The caller commits it before it unseals anything."""
    scope = f"question {stored.number} of {_scope(case, question)}"
    append_audit(query, CentreAuditEntry(stored.asked_by, "unseal", scope, case.why, case.area), now)
    query(
        "UPDATE trace_question SET state = ?, failure = '' WHERE number = ?",
        [QuestionState.RUNNING.value, stored.number],
    )


def save_part(query: Query, keys: CaseKeys, stored: StoredQuestion, part: str, content: Any) -> None:
    """Keep what one part of a search found, so that the search can go on after a stop. Raises CaseKeyError."""
    body = keys.encrypt(stored.case, f"part/{stored.number}/{part}", content)
    query(
        "INSERT INTO trace_part VALUES (?, ?, ?) ON CONFLICT (question, part) DO UPDATE SET body = excluded.body",
        [stored.number, part, body],
    )


def read_parts(query: Query, keys: CaseKeys, stored: StoredQuestion) -> dict[str, Any]:
    """The parts that were kept, by name. Raises CaseKeyError."""
    rows = query("SELECT part, body FROM trace_part WHERE question = ?", [stored.number])
    return {row["part"]: keys.decrypt(stored.case, f"part/{stored.number}/{row['part']}", row["body"]) for row in rows}


def set_progress(query: Query, stored: StoredQuestion, done: int, total: int) -> None:
    """How many parts of a search are done."""
    query("UPDATE trace_question SET done = ?, total = ? WHERE number = ?", [done, total, stored.number])


def save_answer(
    query: Query, keys: CaseKeys, case: TraceCase, stored: StoredQuestion, answer: Mapping[str, Any], *, now: datetime
) -> None:
    """Store an answer with its audit row. Raises CaseKeyError."""
    counts = ", ".join(f"{len(found)} {name}" for name, found in answer.items() if isinstance(found, list))
    what = f"question {stored.number} of {about(case)}: {counts}"
    append_audit(query, CentreAuditEntry(stored.asked_by, "answer", what, "", case.area), now)
    query(
        "UPDATE trace_question SET state = ?, answer = ?, answered_at = ? WHERE number = ?",
        [
            QuestionState.ANSWERED.value,
            keys.encrypt(case.number, f"answer/{stored.number}", dict(answer)),
            iso_text(now),
            stored.number,
        ],
    )
    query("DELETE FROM trace_part WHERE question = ?", [stored.number])


def save_failure(query: Query, stored: StoredQuestion, failure: str) -> None:
    """Why there is no answer: a code."""
    query(
        "UPDATE trace_question SET state = ?, failure = ? WHERE number = ?",
        [QuestionState.FAILED.value, failure, stored.number],
    )


def read_answer(query: Query, keys: CaseKeys, stored: StoredQuestion) -> Any:
    """The answer of an answered question. Raises CaseKeyError. The caller writes the look into the audit first."""
    row = query("SELECT answer FROM trace_question WHERE number = ?", [stored.number])[0]
    return keys.decrypt(stored.case, f"answer/{stored.number}", row["answer"])


_COLUMNS = "number, case_number, kind, asked_by, asked_at, state, done, total, answered_at, failure"


def _stored(row: Mapping[str, Any]) -> StoredQuestion:
    answered = row["answered_at"]
    return StoredQuestion(
        row["number"],
        row["case_number"],
        QuestionKind(row["kind"]),
        row["asked_by"],
        datetime.fromisoformat(row["asked_at"]),
        QuestionState(row["state"]),
        row["done"],
        row["total"],
        datetime.fromisoformat(answered) if answered else None,
        row["failure"],
    )


def _scope(case: TraceCase, question: Question) -> str:
    """Site and period, and no person."""
    place = f" at {question.site}" if question.site else ""
    period = f"{question.since_at:%Y-%m-%d %H:%M} to {question.until_at:%Y-%m-%d %H:%M} UTC"
    return f"{about(case)}: {question.kind}{place}, {period}"
