"""Every message exists in every language with the same placeholders, is used by the code, and keeps to the glossary."""

import ast
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from kiosk.app import control_socket
from kiosk.cli.acceptance.context import StepStatus
from kiosk.cli.acceptance.report import STEP_NAMES
from kiosk.cli.centre.setup.sheet import FIELDS, KEY_CODES
from kiosk.core.frame_grades import FrameGrade
from kiosk.core.model import ClockQuality, CodeKind, DeviceState, Direction, ManualReason, Outcome, Reason
from kiosk.core.reversal import UndoRefusal
from kiosk.core.status import CheckStatus, PauseReason
from kiosk.decoding.preview.aiming import AimingAdvice
from kiosk.installer.gate_files import Fate
from kiosk.simulation.city.enrolment_scene import SceneStage
from kiosk.system.translations import DOMAIN, LOCALE_DIR, SOURCE_LANGUAGE, languages, translator
from mqtt.centre.accounts.roles import OfficerRole
from mqtt.centre.alerts.conditions import AlertKind
from mqtt.centre.enrolment.invitations import EnrolmentRefusal, InvitationState
from mqtt.centre.registry.model import SITE_KINDS
from mqtt.centre.tracing.cases.cases import CaseState, Purpose
from mqtt.centre.tracing.cases.questions import QuestionKind, QuestionState
from mqtt.centre.tracing.core.model import Grade, PassageState
from mqtt.centre.tracing.search.unsealing_pool import DAMAGED, NO_KEY, NO_PERSON
from mqtt.remote.commands import CommandName, ReplyState
from mqtt.remote.configuration import PASSING_CODES, TrialCode, TrialState
from mqtt.tls import SENTENCES
from tests.paths import PROJECT
from web_ui.auth.accounts import Role
from web_ui.centre.data.attendance import Attendance
from web_ui.kiosk.data.daemon_status import DaemonLiveness
from web_ui.kiosk.pages.admin.audit import SHOWN
from web_ui.kiosk.pages.admin.events import COLUMNS
from web_ui.kiosk.pages.admin.home import PAUSE_MINUTES
from web_ui.kiosk.pages.admin.log import LEVELS, SOURCES
from web_ui.kiosk.pages.report.period import presets
from web_ui.kiosk.pages.view_model import NOTICE, PAUSED

OTHERS = [language for language in languages() if language != SOURCE_LANGUAGE]
FOLDERS = ("kiosk", "web_ui", "docs/_generate")
LIVENESS = {one.value for one in DaemonLiveness} - {DaemonLiveness.ONLINE.value}
STATES = {*(state.value for state in DeviceState), *LIVENESS}
COMMANDS = {kind.__dataclass_fields__["command"].default for kind in control_socket.Command.__args__}
FAMILIES: Mapping[str, Iterable[str]] = {
    "outcome": [*Outcome, "pass.in", "pass.out"],
    "outcome-label": Outcome,
    "direction": Direction,
    "kind": CodeKind,
    "reason": Reason,
    "reason-label": Reason,
    "state": {*STATES, "not-monitored", PAUSED},
    "status.sentence": {*STATES, PAUSED},
    "clock": ClockQuality,
    "check-status": [*CheckStatus, NOTICE],
    "frame-grade": FrameGrade,
    "acknowledge-by": ["centre", "broker"],
    "list": ["trust", "denylist"],
    "lamp": [*Outcome, *DeviceState],
    "page.count": Outcome,
    "manual-reason": ManualReason,
    "aiming-advice": AimingAdvice,
    "login": Role,
    "log.source": SOURCES,
    "log.level": LEVELS,
    "log.word": ["info", "warning", "error", "critical"],
    "configuration.source": ["file", "command", "default", "centre", "device"],
    "audit.actor": [*Role, "-"],
    "command": [
        *(f"signal-{outcome}" for outcome in Outcome), "resume", "acknowledge-release", *UndoRefusal,
        "unreachable",
        "not-allowed", "invalid-command", "unsupported-command", "failed",
        "busy", "invalid", "no-trial", "disk",
    ],
    "audit.result": [
        "requested", "done", "refused", "unreachable", "not-allowed", "invalid-command", "unsupported-command", "failed",
        "busy", "invalid", "no-trial", "disk",
        *UndoRefusal,
    ],
    "acceptance.name": STEP_NAMES,
    "acceptance.status": StepStatus,
    "acceptance.key": ["yes", "no", "skip"],
    "demo.lamp": [*Outcome, *DeviceState, "no-response"],
    "audit.show": SHOWN,
    "report": ["passes", "ins", "outs", "checked", "refused", "day", "opening-hours", "down", "down-while-open"],
    "report.period": presets(date(2026, 3, 1)),
    "events": COLUMNS,
    "guards.refused": ["name", "form", "weak", "taken", "too-many"],
    "pause-reason": PauseReason,
    "pause.minutes": [str(minutes) for minutes in PAUSE_MINUTES],
    "audit.action": [*(f"login-{role}" for role in Role)],
    "rejection": [
        "too-large", "not-json", "not-an-event", "no-receipt", "closes-connection",
        "unreadable-value", "unreadable-time", "unknown-boot", "unknown-word",
    ],
    "check.presence-sensor": ["present", "absent", "idle", "stuck-on", "stuck-off"],
    "installer": ["ask-site", "ask-gate", *(f"file-{fate}" for fate in Fate)],
    "tls": SENTENCES,
    "config": ["list-unusable", "list-previous", "list-not-copied"],
    "unlogged": ["action", "accounts", "full", "read-only", "denied", "other"],
    "unit": ["s", "min", "h", "d", "events"],
    "centre.attendance": Attendance,
    "centre.key": [f"{code}.{field}" for code in KEY_CODES for field in FIELDS if field != "place"],
    "centre.sheet": FIELDS,
    "centre.enrolment-state": InvitationState,
    "check.enrolment": EnrolmentRefusal,
    "centre.role": OfficerRole,
    "centre.alert": AlertKind,
    "centre.alert-detail": [
        "city-outage", "silent-site", "backlog", "quarantine", "refusals", "enrolment-conflict", "gaps", "disk", "list",
        "list-ends", "certificate",
    ],
    "centre.site-kind": SITE_KINDS,
    "centre.command.name": CommandName,
    "centre.config.state": [*TrialState, "waiting", "unknown"],
    "centre.config.code": [code for code in TrialCode if code not in PASSING_CODES or code is TrialCode.DISK],
    "centre.list": ["trust", "deny"],
    "centre.command.state": [
        *(state for state in ReplyState if state is not ReplyState.PART), "waiting", "sent", "expired",
    ],
    "centre.command.code": [
        "other-session", "expired", "not-yet-valid", "clock-unset", "unsupported", "invalid-arguments", "busy",
        "store-failed", "too-large", "failed",
    ],
    "centre.command.unanswered": ["waiting", "sent", "accepted"],
    "remote.result": ["started", "done", "failed"],
    "weekday": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "centre.weekday": ["0", "1", "2", "3", "4", "5", "6"],
    "centre.act": [
        *(f"{act}-case" for act in ("open", "approve", "refuse", "end", "expire")), *(f"ask-{kind}" for kind in QuestionKind),
        *(f"command-{name}" for name in CommandName),
        *(f"{act}-second-factor" for act in ("begin", "confirm", "remove")),
        "change-configuration",
        "acknowledge-gaps", "retire-device", "unseal", "answer", "view-answer", "erase", "extract", "destroy-key", "sign-in-failed",
    ],
    "centre.trace": ["contacts", "stays", "passages"],
    "centre.trace.grade": Grade,
    "centre.trace.passage-state": PassageState,
    "centre.trace.problem": [NO_PERSON, NO_KEY, DAMAGED],
    "centre.trace.purpose": Purpose,
    "centre.trace.question": QuestionKind,
    "centre.trace.question-state": QuestionState,
    "centre.trace.refused": [
        "no-right", "own-case", "not-waiting", "order-no", "reason", "period", "period-long", "time", "closed", "purpose",
        "unreadable",
    ],
    "centre.trace.state": CaseState,
    "demo.city.stage": SceneStage,
}  # fmt: skip
"""Messages whose id the code builds from a code: each member must have its message."""
PARTIAL = (
    "config",
    "config.conflict",
    "status.remedy",
    "reason-guard",
    "rejection",
    "error",
    "check",
    "acceptance",
    "demo",
    "demo.visitor",
    "installer",
    "audit.action",
    "guard.state",
    "centre.act",
    "centre.column",
    "centre.error",
)
"""Families in which not every code has a message, or whose members are literals elsewhere."""


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def messages(language: str) -> dict[str, Message]:
    return {_id(message): message for message in catalogue(language) if message.id}


def _id(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def entries() -> Iterator[tuple[str, str]]:
    return ((language, msgid) for language in languages() for msgid in messages(language))


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_messages_of_the_english_catalogue_and_no_others(language: str) -> None:
    assert set(messages(language)) == set(messages(SOURCE_LANGUAGE))


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_those_of_the_english_message(language: str) -> None:
    english = messages(SOURCE_LANGUAGE)
    wrong = {
        msgid
        for msgid, message in messages(language).items()
        for text in forms(message)
        if fields(text) != fields(forms(english[msgid])[-1])
    }
    assert wrong == set()


@pytest.mark.parametrize("language", OTHERS)
def test_the_english_text_above_a_message_is_the_present_one(language: str) -> None:
    english = messages(SOURCE_LANGUAGE)
    stale = {
        msgid
        for msgid, message in messages(language).items()
        if message.auto_comments != list(dict.fromkeys(forms(english[msgid])))
    }
    assert stale == set()


def test_no_message_is_empty_unfinished_or_padded() -> None:
    for language, msgid in entries():
        message = messages(language)[msgid]
        assert not message.fuzzy, (language, msgid)
        for text in forms(message):
            assert text == text.strip() != "", (language, msgid)
            assert unicodedata.is_normalized("NFC", text), (language, msgid)


@pytest.mark.parametrize("language", languages())
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    with (LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        compiled = {_id(message): forms(message) for message in read_mo(file) if message.id}
    assert compiled == {msgid: forms(message) for msgid, message in messages(language).items()}, "run: make locale"


def _sources(*suffixes: str) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in (PROJECT / folder).rglob("*") if path.suffix in suffixes)


@cache
def literals() -> frozenset[str]:
    """Every string constant of the code and of the templates."""
    found: set[str] = set()
    for path in _sources(".py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    for path in _sources(".html"):
        found |= set(re.findall(r"""["']([a-z0-9.-]+)["']""", path.read_text(encoding="utf-8")))
    return frozenset(found)


def built_prefixes() -> set[str]:
    """Beginnings of ids that the code completes with a code: `f"check.{...}"`, `"page.count." ~ outcome`, `t.code("kind", ...)`."""
    python = "\n".join(path.read_text(encoding="utf-8") for path in _sources(".py"))
    html = "\n".join(path.read_text(encoding="utf-8") for path in _sources(".html"))
    families = "|".join(map(re.escape, sorted({msgid.partition(".")[0] for msgid in messages(SOURCE_LANGUAGE)})))
    found = re.findall(rf"""\bf["']((?:{families})(?:\.[a-z-]+)*)\.\{{""", python)
    found += re.findall(r"""\.code\(\s*"([a-z.-]+)",""", python)
    found += re.findall(r"""\bt\("([a-z.-]+)\." ~""", html)
    return set(found)


def test_every_id_that_is_built_from_a_code_has_its_messages() -> None:
    assert built_prefixes() - set(FAMILIES) - set(PARTIAL) == set()
    known = set(messages(SOURCE_LANGUAGE))
    missing = {f"{family}.{member}" for family, members in FAMILIES.items() for member in members} - known
    assert missing == set()


def test_every_id_in_the_code_has_a_message() -> None:
    asked: set[str] = set()
    for path in _sources(".py"):
        asked |= set(re.findall(r"""\bt(?:\.plural)?\(\s*"([a-z0-9.-]+)"[,)]""", path.read_text(encoding="utf-8")))
    for path in _sources(".html"):
        asked |= set(re.findall(r"""\bt(?:\.plural)?\(["']([a-z0-9.-]+)["'][,)]""", path.read_text(encoding="utf-8")))
    python = "\n".join(path.read_text(encoding="utf-8") for path in _sources(".py"))
    for prefix, call in (("installer", r"(?:print_message|InstallError)"), ("acceptance", r"\.(?:instruct|ask)")):
        asked |= {f"{prefix}.{msgid}" for msgid in re.findall(rf"""{call}\(\s*"([a-z-]+)"[,)]""", python)}
    assert len(asked) > 150
    assert asked - set(messages(SOURCE_LANGUAGE)) == set()


def test_every_message_is_used() -> None:
    members = {f"{family}.{member}" for family, found in FAMILIES.items() for member in found}
    unused = {
        msgid
        for msgid in messages(SOURCE_LANGUAGE)
        if msgid not in literals() and msgid not in members and not _is_partial_member(msgid)
    }
    assert unused == set()


def _is_partial_member(msgid: str) -> bool:
    """A message of a family without a full list: its last part must at least be a word of the code."""
    family, _, code = msgid.rpartition(".")
    whole = msgid.partition(".")
    codes = {code, whole[2]}
    outer = (family, whole[0])
    if any(name in PARTIAL for name in outer):
        return bool(codes & literals()) or code in {*Reason, *STATES, *ManualReason} or code.isdecimal()
    return False


def test_every_action_of_the_audit_log_has_a_word() -> None:
    python = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "web_ui").rglob("*.py"))
    actions = set(re.findall(r'write_audit(?:_result)?\(\s*"([a-z-]+)"', python))
    actions |= {f"login-{role}" for role in Role} | {"login", "setup"} | COMMANDS
    words = {msgid.removeprefix("audit.action.") for msgid in messages("en") if msgid.startswith("audit.action.")}
    assert actions == words


@pytest.mark.parametrize("language", languages())
def test_a_sentence_to_the_person_at_the_gate_has_at_most_twelve_words(language: str) -> None:
    t = translator(language)
    assert {reason for reason in Reason if len(t(f"reason.{reason}").split()) > 12} == set()
    assert {reason for reason in Reason if not t(f"reason.{reason}").endswith(".")} == set()


@pytest.mark.parametrize("language", languages())
def test_no_two_reasons_read_alike(language: str) -> None:
    t = translator(language)
    for family in ("reason", "reason-label"):
        assert len({t(f"{family}.{reason}") for reason in Reason}) == len(Reason)


FORBIDDEN = {
    "vi": ("khai hộ", "bí danh", "chứng chỉ", "ngắm", "vắc-xin", "không trả lời đã", "dữ liệu của ai", "Không được qua",
           "huỷ", "xoá", "khoá", "người quản lý", "gói hỗ trợ", "Ghi sổ giấy"),
    "en": ("mended", "turns.", "Write on paper", "nobody", "somebody", "whoever", "everybody", "trouble"),
}  # fmt: skip
"""Words that the glossary replaced."""


@pytest.mark.parametrize("language", sorted(FORBIDDEN))
def test_no_message_uses_a_word_that_the_glossary_replaced(language: str) -> None:
    texts = {text.lower() for message in messages(language).values() for text in forms(message)}
    assert [text for text in texts for word in FORBIDDEN[language] if word.lower() in text] == []
