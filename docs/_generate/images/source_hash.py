"""Writes and checks a hash of everything that the screenshots show, so that a test can tell when they are out of date."""

import hashlib
from pathlib import Path

from docs._generate.blocks import DOCS, IMAGES

PROJECT = DOCS.parent
TARGET = IMAGES / "screenshots.sha256"
SHOWN = (
    "web_ui/templates/**/*.html",
    "web_ui/static/*",
    "kiosk/locale/**/*.po",
    "web_ui/kiosk/pages/**/*.py",
    "docs/_generate/images/*screenshots.py",
    "tests/fakes/data/status_snapshots.py",
)
"""Files that decide how a page looks, and which data the screenshots show."""


def source_hash() -> str:
    """SHA-256 over the names and contents of these files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SHOWN for path in PROJECT.glob(pattern) if path.is_file()}):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    """Comments of catalogues name source lines, which no reader sees."""
    lines = path.read_bytes().splitlines()
    return b"\n".join(
        line for line in lines if not (path.suffix == ".po" and line.startswith((b"#", b'"POT', b'"PO-')))
    )


def main() -> None:
    """Write the hash. It runs after the screenshots."""
    TARGET.write_text(source_hash() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
