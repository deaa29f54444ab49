"""Checks the prose of documents and of Python files: banned words, long sentences, semicolons."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MAX_WORDS = 30
BANNED = ("nobody", "somebody", "whoever", "everybody", "trouble", "told")
METAPHORS = ("house", "rooms", "laws", "rung", "rungs", "laboratory", "courier")
"""Old private names of the project. Documents may not use them."""
_BANNED = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)
_METAPHORS = re.compile(rf"\b({'|'.join(METAPHORS)})\b", re.IGNORECASE)
_WORD = re.compile(r"\w[\w'’.,/-]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_\[]*[A-ZÀ-Ỹ0-9Đ])")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_VIETNAMESE = re.compile(r"(\.vi\.md$|(^|/)vi/)")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, heading or table cell, without code and addresses."""

    line: int
    text: str


def documents() -> list[Path]:
    """All Markdown files of the project."""
    files = list(PROJECT.glob("*.md"))
    return sorted(files + list((PROJECT / "docs").rglob("*.md")))


def python_files() -> list[Path]:
    """All Python files of the project."""
    folders = ("kiosk", "mqtt", "web_ui", "tests", "docs")
    return sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))


def blocks(markdown: str) -> Iterator[Block]:
    """The prose of a Markdown document, block by block."""
    paragraph: list[str] = []
    start = 0
    for number, line in enumerate([*_without_code(markdown), ""], start=1):
        if line.lstrip().startswith("|"):
            yield from (Block(number, cell.strip()) for cell in line.strip().strip("|").split("|") if cell.strip(" :-"))
            line = ""  # noqa: PLW2901  a table row ends the paragraph before it
        ends = not line.strip() or line.startswith("#") or bool(_LIST_ITEM.match(line))
        if ends and paragraph:
            yield Block(start, " ".join(paragraph))
            paragraph = []
        text = _LIST_ITEM.sub("", line, count=1).strip("# >").strip()
        if text:
            start = start if paragraph else number
            paragraph.append(text)


def _without_code(markdown: str) -> Iterator[str]:
    """The lines with code, comments and link targets replaced; the number of lines stays the same."""
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), markdown, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    fenced = False
    blank_before = True
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            yield ""
        elif fenced or (blank_before and re.match(r" {4}(?![-*+] |\d+\. )", line)):
            yield ""
            continue  # an indented block goes on until a line without indentation
        else:
            yield re.sub(r"<[^>]+>", "", re.sub(r"`[^`]*`", "Code", line))
        blank_before = not line.strip()


def sentences(text: str) -> list[str]:
    """The sentences of a block."""
    return [part for part in _SENTENCE_END.split(text) if part]


def words(text: str) -> int:
    """How many words a text has."""
    return len(_WORD.findall(text))


def count_banned(text: str) -> int:
    """How many banned words a text has."""
    return len(_BANNED.findall(text))


def document_problems(path: Path) -> list[str]:
    """What is wrong with the prose of one document, one message each."""
    name = path.relative_to(PROJECT).as_posix()
    vietnamese = bool(_VIETNAMESE.search(name))
    found = []
    for block in blocks(path.read_text(encoding="utf-8")):
        place = f"{name}:{block.line}"
        if ";" in block.text:
            found.append(f"{place}: semicolon: {block.text[:80]}")
        if vietnamese:
            continue  # Vietnamese writes each syllable as a word
        found += [f"{place}: banned word: {word}" for word in _BANNED.findall(block.text)]
        found += [f"{place}: private metaphor: {word}" for word in _METAPHORS.findall(block.text)]
        found += [
            f"{place}: {words(sentence)} words: {sentence[:80]}"
            for sentence in sentences(block.text)
            if words(sentence) > MAX_WORDS
        ]
    return found


def python_prose(source: str) -> str:
    """Docstrings (also those below a field) and comments of a Python file."""
    tree = ast.parse(source)
    parts = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    parts += [token.string.lstrip("#: ") for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join(parts)


def banned_in_python() -> tuple[int, int]:
    """How many words the prose of all Python files has, and how many of them are banned."""
    total = banned = 0
    for path in python_files():
        text = python_prose(path.read_text(encoding="utf-8"))
        total += words(text)
        banned += count_banned(text)
    return total, banned


def main() -> None:
    """Print every problem; exit 1 if there is one. Arguments: documents, all where left out."""
    paths = [Path(name).resolve() for name in sys.argv[1:]] or documents()
    problems = [problem for path in paths for problem in document_problems(path)]
    print("\n".join(problems) or "no problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
