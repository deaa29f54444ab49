"""Files that the documents name exist: targets of links, images, and paths in code."""

import re
from pathlib import Path

import pytest

from docs._generate import prose
from tests.paths import PROJECT

DOCUMENTS = [path for path in prose.documents() if path.name != "CHANGELOG.md"]
TARGET = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:kiosk|mqtt|web_ui|tests|docs|systemd|firmware_config)/[\w./-]*)`")
PLANNED = re.compile(r"planned: `[^`]*`")
"""The glossary names folders of planned parts."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_links_of_a_document_lead_to_files(path: Path) -> None:
    targets = [target for target in TARGET.findall(path.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_paths_in_a_document_exist(path: Path) -> None:
    text = PLANNED.sub("", path.read_text(encoding="utf-8"))
    assert [name for name in PATH.findall(text) if not (PROJECT / name).exists()] == []
