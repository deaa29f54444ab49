"""Generated parts of pages: what stands between two marks of a page is replaced, the rest is written by hand."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
IMAGES = DOCS / "images"
BEGIN, END = "<!-- made by `make docs`: {name} -->", "<!-- end of {name} -->"

Blocks = Mapping[str, Mapping[str, Callable[[], str]]]
"""Page (below docs/) -> name of the block -> what makes its Markdown."""
Files = Mapping[str, Callable[[], str]]
"""File (below docs/) -> what makes its whole text."""


def expected_pages(blocks: Blocks) -> dict[Path, str]:
    """Each page as it should be now. Raises ValueError where a page has no such marks."""
    pages = {}
    for page, parts in blocks.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, make in parts.items():
            text = with_block(text, name, make())
        pages[DOCS / page] = text
    return pages


def expected_files(files: Files) -> dict[Path, str]:
    """Each wholly generated file as it should be now."""
    return {DOCS / name: make() for name, make in files.items()}


def with_block(text: str, name: str, part: str) -> str:
    """The page with what stands between the marks of this name replaced."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no marks of: {name}")
    return f"{before}{begin}\n\n{part.strip()}\n\n{end}{after}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [_row(names), "|" + "---|" * len(names)]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def type_of(schema: dict[str, Any]) -> str:
    """A JSON Schema's type in a few words."""
    if reference := str(schema.get("$ref", "")):
        return reference.rsplit("/", 1)[-1].removesuffix(".json")
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{'null' if value is None else value}`" for value in values)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(type_of(inner) for inner in choices)
    kind = schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else str(kind)
    inner = schema.get("items" if kind == "array" else "additionalProperties")
    if isinstance(inner, dict):
        return f"{kind} of {type_of(inner)}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind
