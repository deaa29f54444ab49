"""The commands of the officers' guide (docs/vi/truy-vet.md), run one after the other as an officer would."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import pytest
from click.testing import CliRunner

from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import PASSWORD, make_city
from tests.fakes.centre.traced_events import BUOI, OI, record_walks, write_key
from tests.integration.tracing.conftest import MORNING, WALKS
from tests.paths import PROJECT
from web_ui.centre.commands.trace.group import trace

GUIDE = PROJECT / "docs/vi/truy-vet.md"
WAITING = "certificate"
"""Ends with status 1 until all devices have forgotten."""


def commands_of_the_guide() -> Iterator[list[str]]:
    """The words of each command in its blocks, without `kiosk trace`."""
    for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line)
            assert words[:2] == ["kiosk", "trace"], line
            yield words[2:]


@pytest.mark.timeout(900)
def test_an_officer_who_follows_the_guide_gets_what_it_promises(tmp_path: Path) -> None:
    make_city(str(tmp_path / "centre.db"), datetime.now(UTC))
    record_walks(str(tmp_path / "centre.db"), write_key(tmp_path / "key.pem"), MORNING, WALKS)
    day, output = f"{MORNING:%Y-%m-%d}", ""
    following = f"{MORNING + timedelta(days=1):%Y-%m-%d}"
    with contextlib.chdir(tmp_path):
        for words in commands_of_the_guide():
            with open_query("centre.db") as query:
                newest = query("SELECT max(seq) AS n FROM sqlite_sequence WHERE name = 'trace_question'")[0]["n"]
            marks = (("DAY", day), ("NEXT", following), ("QUESTION", str(newest)))
            typed = [reduce(lambda text, mark: text.replace(*mark), marks, word) for word in words]
            done = CliRunner().invoke(trace, typed, input=f"{PASSWORD}\n")
            assert done.exit_code == (1 if typed[0] == WAITING else 0), f"{typed}: {done.output}"
            output += done.output
    assert f"{BUOI} | " in output
    assert f"{OI} | " in output
    assert "2 passages are erased at the centre" in output
    assert "dong-ba/gate-1: " in output
    assert (tmp_path / "tiep-xuc.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "xac-nhan.pdf").read_bytes().startswith(b"%PDF")
