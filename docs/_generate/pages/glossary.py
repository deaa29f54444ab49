"""Makes the glossary from docs/_generate/glossary.toml."""

import tomllib
from collections.abc import Iterator
from typing import Any

from docs._generate.blocks import DOCS, Blocks, table

SOURCE = DOCS / "_generate" / "glossary.toml"


def terms() -> list[dict[str, Any]]:
    """All terms in alphabetical order: name, meaning, modules; vietnamese and planned where they apply."""
    found = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["term"]
    return sorted(found, key=lambda term: term["name"].casefold())


def glossary() -> str:
    """One row for each term."""
    return table(("term", "Vietnamese", "meaning", "module"), _rows())


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for term in terms():
        modules = ", ".join(f"`{module}`" for module in term["modules"])
        where = f"planned: {modules}" if term.get("planned") else modules
        yield term["name"], term.get("vietnamese", "–"), term["meaning"], where


BLOCKS: Blocks = {"reference/glossary.md": {"terms": glossary}}
