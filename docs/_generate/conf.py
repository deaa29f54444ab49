"""Settings of Sphinx for `make docs-site`: Markdown in, a site out that loads nothing from other servers."""

import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
SECTIONS = {
    "Tutorial": ["tutorial.md", "ward-from-nothing.md"],
    "How-to guides": ["how-to"],
    "Reference": ["reference"],
    "Supervision": ["supervision"],
    "Explanation": ["explanation"],
    "Testing": ["testing"],
    "Decisions": ["decisions"],
    "Tiếng Việt": ["vi"],
}

project = "entrance-kiosk"
version = release = installed("entrance-kiosk")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_generate"]
html_theme = "furo"
html_title = "entrance-kiosk"
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
myst_heading_anchors = 4


def drop_outside_links(_: Any, name: str, source: list[str]) -> None:
    """Keep only the text of links to files outside of docs/, such as CONTRIBUTING.md: the site does not have them."""
    folder = (DOCS / name).parent

    def kept(link: re.Match[str]) -> str:
        return link[0] if (folder / link[2]).resolve().is_relative_to(DOCS) else link[1]

    source[0] = re.sub(r"\[([^\]]+)\]\((\.\./[^)#]+)\)", kept, source[0])


def add_contents(_: Any, name: str, source: list[str]) -> None:
    """Append the navigation to the first page. The Markdown files stay plain, so that they read well in any viewer."""
    if name != root_doc:
        return
    shown = {root_doc}
    for title, places in SECTIONS.items():
        pages = [page for place in places for page in _pages(DOCS / place)]
        shown.update(pages)
        source[0] += _contents(title, pages)
    if rest := [page for page in _pages(DOCS) if page not in shown]:
        source[0] += _contents("More", rest)


def _pages(place: Path) -> list[str]:
    """The documents at or below a place, an index before the others."""
    files = [place] if place.suffix else place.rglob("*.md")
    inside = [
        path.relative_to(DOCS).with_suffix("") for path in files if path.exists() and "_generate" not in path.parts
    ]
    return [
        path.as_posix()
        for path in sorted(inside, key=lambda path: (path.parent, path.name not in ("index", "README"), path))
    ]


def _contents(title: str, pages: list[str]) -> str:
    lines = "\n".join(pages)
    return f"\n\n```{{toctree}}\n:caption: {title}\n:hidden:\n:maxdepth: 1\n\n{lines}\n```\n"


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", drop_outside_links)
    app.connect("source-read", add_contents)
