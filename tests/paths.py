"""Folders that tests, benchmarks and generators use."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DATA = PROJECT / "tests" / "data"
SHARED = PROJECT.parent / "shared"
"""Public test data beside the project: test vectors, QR images, generators."""


def shell_blocks(page: str, heading: str) -> list[str]:
    """The blocks ```sh of a section of a Markdown page, up to the next heading of the same level."""
    section = re.split(rf"^## {re.escape(heading)}$", page, maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^ *```sh\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
