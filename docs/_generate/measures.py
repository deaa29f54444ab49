"""Measures names, layout and prose of one or more trees of the project, and prints them as a table.

`python -m docs._generate.measures [TREE...]`: this tree where left out. `git worktree add ../before COMMIT` gives an older tree.
"""

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from docs._generate import prose

CODE = ("kiosk", "mqtt", "web_ui")
FOLDERS = (*CODE, "tests", "docs")
IGNORED = {"__pycache__", "__init__.py", "py.typed"}
DATA = {"data", "static", "templates", "images", "pictures", "translations", "locale"}


def python_sources(tree: Path, folders: Iterable[str] = CODE) -> list[str]:
    """The text of every Python file below these folders."""
    return [path.read_text(encoding="utf-8") for folder in folders for path in sorted((tree / folder).rglob("*.py"))]


def documents(tree: Path) -> list[str]:
    """The text of every document in English."""
    paths = [*tree.glob("*.md"), *(tree / "docs").rglob("*.md")]
    return [path.read_text(encoding="utf-8") for path in sorted(paths) if not path.name.endswith(".vi.md")]


def fullest_folder(tree: Path, folder: str) -> str:
    """The largest number of entries in one folder at or below `folder`, and where."""
    inside = (path for path in [tree / folder, *(tree / folder).rglob("*")] if path.is_dir())
    counts = {
        path.relative_to(tree).as_posix(): sum(entry.name not in IGNORED for entry in path.iterdir())
        for path in inside
        if not ({*path.relative_to(tree).parts} & (DATA | IGNORED)) and path.name != "decisions"
    }
    where = max(counts, key=lambda name: counts[name])
    return f"{counts[where]} ({where})"


def longest_function(tree: Path) -> str:
    """Lines of the longest function of the product, and its name."""
    length, name = max(
        ((node.end_lineno or node.lineno) - node.lineno + 1, node.name)
        for source in python_sources(tree)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return f"{length} ({name})"


def longest_file(tree: Path) -> str:
    """Lines of the longest Python file of the product."""
    return str(max(source.count("\n") for source in python_sources(tree)))


def repeated_classes(tree: Path) -> str:
    """How many class names are defined more than once at the top level of the product's files."""
    names = Counter(
        node.name
        for source in python_sources(tree)
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    repeated = sorted(name for name, count in names.items() if count > 1)
    return f"{len(repeated)}" + (
        f" ({', '.join(repeated[:6])}{', ...' if len(repeated) > 6 else ''})" if repeated else ""
    )


def occurrences(pattern: str, folders: Iterable[str] = FOLDERS[:-1]) -> Callable[[Path], str]:
    """Counts a pattern in Python files."""
    return lambda tree: str(sum(len(re.findall(pattern, source)) for source in python_sources(tree, folders)))


def banned_words(tree: Path) -> str:
    """Banned words for each 1000 words of docstrings and comments."""
    text = "\n".join(prose.python_prose(source) for source in python_sources(tree, FOLDERS))
    return f"{1000 * prose.count_banned(text) / max(1, prose.words(text)):.2f}"


def document_blocks(tree: Path) -> list[str]:
    """The prose of all documents, block by block."""
    return [block.text for text in documents(tree) for block in prose.blocks(text)]


def banned_in_documents(tree: Path) -> str:
    """Banned words for each 1000 words of the documents."""
    text = "\n".join(document_blocks(tree))
    return f"{1000 * prose.count_banned(text) / max(1, prose.words(text)):.2f}"


def semicolons(tree: Path) -> str:
    """Semicolons for each 1000 words of the documents, outside of code."""
    text = "\n".join(document_blocks(tree))
    return f"{1000 * text.count(';') / max(1, prose.words(text)):.2f}"


def sentence_lengths(tree: Path) -> str:
    """Median, 95th percentile and maximum of the words in a sentence of the documents."""
    lengths = sorted(prose.words(part) for text in document_blocks(tree) for part in prose.sentences(text))
    return f"{statistics.median(lengths):.0f} / {lengths[int(len(lengths) * 0.95)]} / {lengths[-1]}"


MEASURES: dict[str, Callable[[Path], str]] = {
    **{
        f"entries in the fullest folder of {name}/": lambda tree, name=name: fullest_folder(tree, name)  # type: ignore[misc]
        for name in FOLDERS
    },
    "longest function, lines": longest_function,
    "longest file, lines": longest_file,
    "class names defined more than once": repeated_classes,
    "`as trouble` in Python files": occurrences(r"\bas trouble\b"),
    "exceptions named ...Trouble": occurrences(r"class \w*Trouble\b", CODE),
    "banned words per 1000 words of docstrings and comments": banned_words,
    "banned words per 1000 words of documents": banned_in_documents,
    "semicolons per 1000 words of documents": semicolons,
    "words of a sentence in documents: median / 95 % / longest": sentence_lengths,
}


def main() -> None:
    """Print the table."""
    trees = [Path(name) for name in sys.argv[1:]] or [prose.PROJECT]
    print("| measure | " + " | ".join(tree.resolve().name for tree in trees) + " |")
    print("|---|" + "--:|" * len(trees))
    for name, measure in MEASURES.items():
        print(f"| {name} | " + " | ".join(measure(tree) for tree in trees) + " |")


if __name__ == "__main__":
    main()
