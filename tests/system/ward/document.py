"""The commands of the tutorial of a ward in their order, each with its machine, and what people answer to the questions."""

import re
from dataclasses import dataclass

from tests.paths import PROJECT

PAGES = ("docs/ward-from-nothing.md", "docs/vi/mot-phuong-tu-dau.md")
_STEP = re.compile(r"^<!-- on ([a-z0-9-]+) -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```", re.MULTILINE)
_ANSWER = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_ASKING = ("| it asks | example |", "| câu hỏi trên màn hình | ví dụ |")


@dataclass(frozen=True, slots=True)
class Step:
    """One command."""

    machine: str
    line: str


def steps(page: str) -> list[Step]:
    """All commands of a page. Raises AssertionError where a block has no machine, or more than one command."""
    text = _text(page)
    found = [Step(machine, block.strip()) for machine, block in _STEP.findall(text)]
    assert len(found) * 2 == len(_BLOCK.findall(text)), f"{page}: a block without the machine it is typed on"
    assert all("\n" not in step.line for step in found), f"{page}: more than one command in a block"
    return found


def answers(page: str) -> dict[str, str]:
    """Question -> what the example answers."""
    found: dict[str, str] = {}
    for heading in _ASKING:
        for part in _text(page).split(heading)[1:]:
            table = part.partition("\n\n")[0]
            found |= {question: answer for question, answer in _ANSWER.findall(table) if set(question) != {"-"}}
    return found


def _text(page: str) -> str:
    return (PROJECT / page).read_text(encoding="utf-8")
