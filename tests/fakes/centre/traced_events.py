"""Sealed passages in the database of the small city, and officers who trace there. All people are synthetic."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kiosk.core.model import AccessEvent, ClockQuality, Direction, Identifier, Outcome, Reason, Subject
from kiosk.core.subject_sealing import Seal
from mqtt.centre.ingest.database import Query, open_ledger
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.cases import find_case
from mqtt.centre.tracing.cases.questions import Question, QuestionKind, ask, find_question, save_answer
from mqtt.centre.tracing.core.answers import Answer
from mqtt.topics import DeviceTopics
from tests.fakes.centre.city import PASSWORD
from tests.fakes.data.access_events import an_event, an_undo_event
from tests.fakes.data.arrivals import arrival_of
from web_ui.centre.commands.trace.group import trace

BUOI, OI, MIT = "TÔN NỮ THỊ BƯỞI", "LÊ VĂN ỔI", "HỒ THỊ MÍT"
DOCUMENTS = {BUOI: "046190000001", OI: "046190000002", MIT: "046190000003"}
TRACER, APPROVER = "tracer-19753", "approver-19753"


@dataclass(frozen=True, slots=True)
class Step:
    """A person at a gate. `minute`: after the beginning of the walk."""

    name: str
    minute: float
    direction: str = "in"
    wire_name: str = "dong-ba/gate-1"
    outcome: Outcome = Outcome.PASS
    clock: ClockQuality = ClockQuality.SYNCHRONISED
    is_undone: bool = False
    qid: str = ""
    """Of a national code. Empty: an ID card with its number alone."""


def write_key(path: Path) -> X25519PrivateKey:
    """A new private sealing key in a file."""
    key = X25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def seal_of(key: X25519PrivateKey) -> Seal:
    """The seal of kiosks that have the public half."""
    return Seal(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def subject_of(name: str, qid: str = "") -> Subject:
    """What a code of this person says."""
    ids = [Identifier("qid", qid)] if qid else []
    document = DOCUMENTS.get(name) or f"046{sum(name.encode()):09}"
    return Subject((*ids, Identifier("document", document)), name=name, born="1990-01-01")


def record_walks(
    database: str, key: X25519PrivateKey | Seal, start_at: datetime, steps: Iterable[Step], first: int = 1
) -> None:
    """Record passages as the collector does. Each gate numbers its own events from `first` on."""
    seal = key if isinstance(key, Seal) else seal_of(key)
    by_gate: dict[str, list[AccessEvent]] = {}
    for number, step in enumerate(steps, first):
        events = by_gate.setdefault(step.wire_name, [])
        event = event_of(number, seal, start_at + timedelta(minutes=step.minute), step)
        events.append(event)
        if step.is_undone:
            events.append(_at(an_undo_event(1_000_000 + number, event), event.occurred_at + timedelta(seconds=20)))
    with closing(open_ledger(database)) as ledger:
        for wire_name, events in by_gate.items():
            branch = DeviceTopics("entrance", *wire_name.split("/"))
            received_at = max(events[-1].occurred_at, start_at)
            ledger.record([arrival_of(list(enumerate(events, first)), received_at, branch=branch)])


def event_of(number: int, seal: Seal, at: datetime, step: Step) -> AccessEvent:
    """The event of this step."""
    event = _at(an_event(number + sum(step.wire_name.encode())), at)
    reason = Reason.OK if step.outcome is Outcome.PASS else Reason.EXPIRED
    return replace(
        event,
        clock_quality=step.clock,
        outcome=step.outcome,
        reason=reason,
        direction=Direction(step.direction),
        sealed=seal.seal(subject_of(step.name, step.qid), event.id, at),
    )


def _at(event: AccessEvent, at: datetime) -> AccessEvent:
    random_bits = event.id.int & ((1 << 80) - 1)
    return replace(event, id=UUID(int=int(at.timestamp() * 1000) << 80 | random_bits), occurred_at=at)


@dataclass(frozen=True, slots=True)
class Station:
    """Runs `kiosk trace` on one database."""

    database: str
    folder: Path

    def run(self, *arguments: str, account: str = "", key: Path | None = None) -> Result:
        """The command with the account's password."""
        words = [*arguments]
        if account:
            password = self.folder / "password"
            password.write_text(PASSWORD, encoding="utf-8")
            words += ["--account", account, "--password-file", str(password)]
        if key is not None:
            words += ["--key", str(key)]
        return CliRunner().invoke(trace, [*self.options, *words])

    @property
    def case_keys(self) -> Path:
        """The folder with the keys of the cases."""
        return self.folder / "case-keys"

    @property
    def options(self) -> Sequence[str]:
        """Those of every command."""
        return "--database", self.database, "--case-keys", str(self.case_keys)

    def open_case(
        self, *, tracer: str = TRACER, approver: str = APPROVER, area: str = "19753", purpose: str = "contacts"
    ) -> int:
        """A case that was approved. Returns its number."""
        words = ("--order-no", "17/QĐ-UBND", "--why", "Ổ dịch tại chợ, truy vết tiếp xúc", "--area", area)
        opened = self.run("open", *words, "--purpose", purpose, account=tracer)
        assert opened.exit_code == 0, opened.output
        number = int(opened.output.split()[1])
        approved = self.run("approve", str(number), account=approver)
        assert approved.exit_code == 0, approved.output
        return number


def city_time(at: datetime, zone_hours: int = 7) -> str:
    """A moment as officers write it."""
    return f"{at.astimezone(UTC) + timedelta(hours=zone_hours):%Y-%m-%d %H:%M}"


def add_answered_case(query: Query, keys: CaseKeys, area: int) -> None:
    """An open case of this area with one answered question."""
    now = datetime.now(UTC)
    asked = Question(QuestionKind.PLACE, now - timedelta(hours=1), now, "dong-ba")
    number = add_asked_question(query, keys, area, asked, now)
    stored = find_question(query, number)
    save_answer(query, keys, find_case(query, stored.case), stored, Answer().content(), now=now)


def add_asked_question(query: Query, keys: CaseKeys, area: int, asked: Question, now: datetime) -> int:
    """An open case of this area with a question that waits. Returns the number of the question."""
    texts = [(now + timedelta(days=days)).isoformat(timespec="milliseconds") for days in (0, 28)]
    row = query(
        "INSERT INTO trace_case (order_no, purpose, why, area, opened_by, opened_at, until, decided_by, decided_at, is_approved) "
        "VALUES ('17/QĐ-UBND', 'contacts', 'Ổ dịch tại chợ', ?, 'tracer-46', ?, ?, 'approver-46', ?, 1) RETURNING *",
        [area, *texts, texts[0]],
    )[0]
    return ask(query, keys, find_case(query, row["number"]), "tracer-46", asked, now=now)
