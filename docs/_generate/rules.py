"""Writes the tables of docs/rules.md, docs/visits.md and docs/credentials.md from the code, and draws sample cards and a poster."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2  # type: ignore[import-untyped]  # it has no types; a page is rendered with it

from kiosk.core import messages, rules
from kiosk.core.model import Claim, Outcome, Reason
from kiosk.core.visits import STEPS, CodeState, Seen, Step
from kiosk.credentials import known_grammar
from kiosk.credentials.issuing import print_sheets, qr_images
from kiosk.credentials.issuing.samples import Sample
from tests.fakes.data.people import NOW_AT, PEOPLE, WORLD, dispatcher, moment

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- made by `make docs`: {name} -->", "<!-- end of {name} -->"
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
    "unsupported": ("nothing", "told by its first bytes"),
    "unknown": ("nothing; a keyed hash and the length are recorded", "none of the above"),
}


def main() -> None:
    """Write all of it."""
    _put(DOCS / "rules.md", "decision table", decision_table())
    _put(DOCS / "rules.md", "sentences", sentences())
    _put(DOCS / "visits.md", "table of steps", table_of_steps())
    _put(DOCS / "visits.md", "state diagram", state_diagram())
    _put(DOCS / "credentials.md", "table of kinds", table_of_kinds())
    draw_prints(DOCS / "pictures")


def pages() -> dict[Path, str]:
    """The pages as they should be, for the test that looks for stale ones."""
    made = {}
    for page, parts in (
        ("rules.md", {"decision table": decision_table(), "sentences": sentences()}),
        ("visits.md", {"table of steps": table_of_steps(), "state diagram": state_diagram()}),
        ("credentials.md", {"table of kinds": table_of_kinds()}),
    ):
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, part in parts.items():
            text = _with(text, name, part)
        made[DOCS / page] = text
    return made


def decision_table() -> str:
    """The rules in the order in which they are asked."""
    crowd = rules.one_at_a_time()
    asked = [
        ("several codes in view without an answer", crowd.outcome, f"`{crowd.reason}`"),
        ("the code itself was refused", Outcome.FAIL, "its own"),
        *((rule.asks, rule.outcome, f"`{rule.reason}`") for rule in rules.RULES),
        ("none of these", Outcome.PASS, f"`{Reason.OK}`"),
    ]
    rows = [
        f"| {number} | {when} | {light} | {reason} |" for number, (when, light, reason) in enumerate(asked, start=1)
    ]
    return "\n".join(["| | when | light | reason |", "|--:|---|---|---|", *rows])


def sentences() -> str:
    """What the guard reads."""
    rows = ["| reason | Tiếng Việt | English |", "|---|---|---|"]
    return "\n".join(rows + [f"| `{reason}` | {said.vi} | {said.en} |" for reason, said in messages.REASONS.items()])


def table_of_steps() -> str:
    """State of a code x how it is seen -> what is done."""
    rows = ["| a code that is | " + " | ".join(f"seen {seen}" for seen in Seen) + " |", "|---|" + "---|" * len(Seen)]
    return "\n".join(
        rows + [f"| {state} | " + " | ".join(STEPS[state, seen] for seen in Seen) + " |" for state in CodeState]
    )


def state_diagram() -> str:
    """The same table as a picture (mermaid)."""
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> new", *_arrows(), "```"])


def _arrows() -> Iterator[str]:
    after = {Step.ANSWER: CodeState.ANSWERED, Step.ASK_ONE_AT_A_TIME: CodeState.CROWDED}
    for (state, seen), step in STEPS.items():
        if step in after:
            yield f"    {state} --> {after[step]}: seen {seen} / {step}"
        elif step is Step.WAIT:
            yield f"    {state} --> {state}: seen {seen} / wait"
    for state in (CodeState.CROWDED, CodeState.ANSWERED):
        yield f"    {state} --> {CodeState.NEW}: out of view for window_s"


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
        checked = "yes" if known_grammar(sample.data) else "no"
        rows.append(f"| `{sample.kind}` | `{_shown(sample)}` | {read} | {believed} | {checked} | {source} |")
    return "\n".join(rows)


def _shown(sample: Sample) -> str:
    text = sample.text if len(sample.text) <= 34 else sample.text[:31] + "..."
    return text.replace("|", "\\|")


def draw_prints(folder: Path) -> None:
    """A sheet of sample cards and a poster, as they come from the printer."""
    names = [person.name for person in PEOPLE]
    cards = [
        print_sheets.Card(
            qr_images.make(WORLD.another_pass(number).decode()),
            names[number % len(names)],
            NOW_AT + timedelta(30),
            "Phường Vỹ Dạ",
        )
        for number in range(4)
    ]
    with TemporaryDirectory() as made:
        sheet, poster = Path(made) / "cards.pdf", Path(made) / "poster.pdf"
        print_sheets.write_cards(cards, print_sheets.ID_1, sheet)
        lines = [
            "Quét mã này khi máy đọc ở cổng không hoạt động.",
            "Scan this where the reader at the gate is out of order.",
        ]
        print_sheets.write_poster(
            qr_images.make("https://example.org/diadiem?id=046-0001"), "Chợ Đông Ba", lines, poster
        )
        for source, target, part in ((sheet, "cards.png", 0.42), (poster, "poster.png", 1.0)):
            picture = pypdfium2.PdfDocument(source)[0].render(scale=1.4, grayscale=True).to_pil()
            picture.crop((0, 0, picture.width, int(picture.height * part))).save(folder / target, optimize=True)


def _put(page: Path, name: str, part: str) -> None:
    page.write_text(_with(page.read_text(encoding="utf-8"), name, part), encoding="utf-8")


def _with(text: str, name: str, part: str) -> str:
    """The page with what stands between its two marks replaced."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{part}\n\n{end}{after}"


if __name__ == "__main__":
    main()
