"""Orders the pages of the documentation site: a hook of mkdocs.yml."""

from pathlib import Path
from typing import Any

SECTIONS = {
    "Tutorial": "tutorial.md",
    "How-to guides": "how-to",
    "Reference": "reference",
    "Explanation": "explanation",
    "Testing": "testing",
    "Decisions": "decisions",
}


def on_config(config: Any) -> Any:
    """Set the navigation. Pages in no section follow at the end, so that none is lost."""
    docs = Path(config["docs_dir"])
    entries: list[dict[str, Any]] = [{"Overview": "index.md"}]
    seen = {"index.md"}
    for title, place in SECTIONS.items():
        pages = _pages(docs, docs / place)
        seen.update(pages)
        entries.append({title: pages if (docs / place).is_dir() else place})
    rest = [page for page in _pages(docs, docs) if page not in seen]
    config["nav"] = [*entries, *rest]
    return config


def _pages(docs: Path, place: Path) -> list[str]:
    """The Markdown files at or below a place, an index first."""
    files = [place] if place.suffix else place.rglob("*.md")
    inside = [path.relative_to(docs) for path in files if path.exists() and "_generate" not in path.parts]
    order = sorted(inside, key=lambda path: (path.parent.as_posix(), path.name not in ("index.md", "README.md"), path.name))
    return [path.as_posix() for path in order]
