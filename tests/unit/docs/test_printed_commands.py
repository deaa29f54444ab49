"""Every `kiosk` command that the manual prints is one that the program has, with these options."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kiosk.cli import group
from kiosk.installer.__main__ import make_parser
from tests.paths import PROJECT

PAGES = sorted([*(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("README*.md")])
OF_THE_PACKAGE = ("release", "setup", "firmware")
"""Commands of the package entrance-kiosk. All others are of the release."""
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^    (?:sudo )?kiosk .*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\[[A-Z]|\.\.\.|COMMAND|\|")


def printed(page: Path) -> Iterator[list[str]]:
    """The words of each command."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *_INDENTED.findall(text)]:
        command = line.strip().removeprefix("sudo ").removeprefix("-u entrance-kiosk ")
        if command.startswith("kiosk ") and not _PLACEHOLDER.search(command):
            yield shlex.split(command, comments=True)[1:]


def all_printed() -> list[tuple[str, list[str]]]:
    return [(page.name, words) for page in PAGES for words in printed(page)]


def missing_of_the_release(words: list[str]) -> list[str]:
    """Words and options of a command line that click does not know."""
    command: click.Command | None = group
    context = click.Context(group, info_name="kiosk")
    rest = list(words)
    options: set[str] = set()
    while isinstance(command, click.Group):
        options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        while rest and rest[0].startswith("-"):
            rest.pop(0)
            if rest and not rest[0].startswith("-") and command.get_command(context, rest[0]) is None:
                rest.pop(0)  # the value of an option of the group
        if not rest:
            break
        found = command.get_command(context, rest[0])
        if found is None:
            return [rest[0]]
        context = click.Context(found, info_name=rest.pop(0), parent=context)
        command = found
    assert command is not None
    options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    return sorted(used - options - {"--help", "--version"})


@pytest.mark.parametrize(
    ("page", "words"), all_printed(), ids=lambda one: one if isinstance(one, str) else " ".join(one)[:60]
)
def test_a_printed_command_is_one_that_the_program_has(page: str, words: list[str]) -> None:
    if words[0] in OF_THE_PACKAGE:
        parsed = make_parser().parse_args(words)
        assert isinstance(parsed, argparse.Namespace), page
    else:
        assert missing_of_the_release(words) == [], page


def test_a_command_that_is_missing_would_be_found() -> None:
    assert missing_of_the_release(["status", "--nothing"]) == ["--nothing"]
    assert missing_of_the_release(["nothing"]) == ["nothing"]
    assert missing_of_the_release(["centre", "--database", "x", "nothing"]) == ["nothing"]
    assert len(all_printed()) > 30
