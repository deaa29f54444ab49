"""Makes the tables of rules, reasons, visits and kinds of code from the code."""

from collections.abc import Mapping

from docs._generate.blocks import Blocks, table
from kiosk.core import rules
from kiosk.core.model import Claim, Outcome, Reason
from kiosk.core.visits import CODE_ACTIONS, CodeAction, CodeState, CodeVisibility
from kiosk.credentials import is_known_format
from kiosk.credentials.issuing.samples import SampleCode
from kiosk.system.translations import translator
from tests.fakes.data.people import WORLD, dispatcher, moment

SOURCES: Mapping[str, tuple[str, str]] = {
    "valid": ("serial, issued, expires, status class, declaration", "signature: EdDSA or ES256 (RFC 9052, RFC 8392)"),
    "rotating": ("the same, and a holder's key and living proof", "two signatures (RFC 8747), one minute, shown once"),
    "hcert": ("UVCI, name, birth date, validity", "signature: ES256 or PS256 (hcert-spec 1.0.8)"),
    "national": (
        "QID, document number where unmasked, insurance number, name, birth date",
        "Decision 1405/QD-BTTTT, unsigned",
    ),
    "id-card": ("new and old document number, name, birth date", "CCCD / Căn cước, unsigned"),
    "insurance": ("insurance number, name, birth date, validity", "BHYT, unsigned"),
    "place": ("nothing", "a web address"),
    "payment": ("nothing", "a wallet, a bank transfer, an EMVCo code or an invoice, recognised by its form"),
    "unsupported": ("nothing", "recognised by its first bytes"),
    "unknown": ("nothing. A keyed hash and the length are recorded", "none of the above"),
}


def decision_table() -> str:
    """The rules in the order in which they are asked."""
    crowd = rules.multiple_codes_decision()
    asked = [
        ("several codes in view without an answer", crowd.outcome, f"`{crowd.reason}`"),
        ("the code itself was refused", Outcome.FAIL, "its own"),
        *((rule.description, rule.outcome, f"`{rule.reason}`") for rule in rules.RULES),
        ("none of these", Outcome.PASS, f"`{Reason.OK}`"),
    ]
    rows = [
        f"| {number} | {when} | {light} | {reason} |" for number, (when, light, reason) in enumerate(asked, start=1)
    ]
    return "\n".join(["| | when | light | reason |", "|--:|---|---|---|", *rows])


def sentences() -> str:
    """What the person at the gate and the guard read."""
    vi, en = translator("vi"), translator("en")
    rows = ["| reason | Tiếng Việt | English | for the guard |", "|---|---|---|---|"]
    for reason in Reason:
        hint = f"reason-guard.{reason}"
        guard = en(hint) if en.has(hint) else "–"
        rows.append(f"| `{reason}` | {vi(f'reason.{reason}')} | {en(f'reason.{reason}')} | {guard} |")
    return "\n".join(rows)


def table_of_steps() -> str:
    """State of a code x how it is seen -> what is done."""
    rows = [
        "| a code that is | " + " | ".join(f"seen {seen}" for seen in CodeVisibility) + " |",
        "|---|" + "---|" * len(CodeVisibility),
    ]
    return "\n".join(
        rows
        + [
            f"| {state} | " + " | ".join(CODE_ACTIONS[state, seen] for seen in CodeVisibility) + " |"
            for state in CodeState
        ]
    )


def transitions() -> str:
    """How the state of a code changes."""
    after = {CodeAction.ANSWER: CodeState.ANSWERED, CodeAction.ASK_ONE_AT_A_TIME: CodeState.MULTIPLE}
    rows = [
        (f"{state}", f"seen {seen}", f"{step}", f"{after.get(step, state)}")
        for (state, seen), step in CODE_ACTIONS.items()
    ]
    rows += [
        (f"{state}", "out of view for `repeat_window_s`", "ignore", f"{CodeState.NEW}")
        for state in (CodeState.MULTIPLE, CodeState.ANSWERED)
    ]
    return table(("state", "event", "action", "next state"), rows)


def table_of_kinds() -> str:
    """Every sample of the sample world, as the verifier sees it."""
    rows = [
        "| kind | for example | what is read | how far it is believed | a misread would show | source |",
        "|---|---|---|---|---|---|",
    ]
    for label, (read, source) in SOURCES.items():
        sample = WORLD[label]
        answer = dispatcher().verify(sample.data, moment())
        believed = str(answer.assurance) if isinstance(answer, Claim) else f"refused: `{answer.reason}`"
        checked = "yes" if is_known_format(sample.data) else "no"
        rows.append(f"| `{sample.kind}` | `{_shown(sample)}` | {read} | {believed} | {checked} | {source} |")
    return "\n".join(rows)


def _shown(sample: SampleCode) -> str:
    text = sample.text if len(sample.text) <= 34 else sample.text[:31] + "..."
    return text.replace("|", "\\|")


BLOCKS: Blocks = {
    "reference/rules.md": {"decision table": decision_table, "reasons": sentences},
    "explanation/visits.md": {"table of steps": table_of_steps, "transitions": transitions},
    "reference/codes.md": {"table of kinds": table_of_kinds},
}
