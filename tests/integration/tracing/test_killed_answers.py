"""A process that is killed while it answers: the audit row is on disk before it unseals, and there is no answer without one."""

import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.schema_parts import is_postgres
from tests.fakes.centre.traced_events import BUOI, TRACER, Station, city_time
from tests.integration.tracing.conftest import MORNING
from tests.paths import PROJECT

STEPS = 8
PERIOD = ("--since", city_time(MORNING - timedelta(hours=1)), "--until", city_time(MORNING + timedelta(hours=3)))
QUESTIONS = {"place": ("--site", "dong-ba"), "contacts": ("--document", "046190000001")}


def run_killed(station: Station, question: int, call: int, mark: Path) -> subprocess.CompletedProcess[str]:
    words = (
        station.database,
        str(station.case_keys),
        str(station.folder / "key.pem"),
        str(question),
        str(call),
        str(mark),
    )
    command = [sys.executable, "-m", "tests.fakes.processes.killed_answer", *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", list(QUESTIONS))
def test_killed_at_any_step_the_audit_row_is_there_before_anything_is_unsealed(
    station: Station, kind: str, tmp_path: Path
) -> None:
    case = station.open_case()
    for _ in range(STEPS + 1):
        assert station.run(kind, str(case), *QUESTIONS[kind], *PERIOD, account=TRACER).exit_code == 0
    whole = run_killed(station, 1, 0, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    last = int(whole.stdout)
    rng = random.Random(1)
    killed_at = [1, last, *(rng.randint(2, last - 1) for _ in range(STEPS - 2))]
    unsealed = answered = 0
    for question, call in enumerate(killed_at, 2):
        mark = tmp_path / f"mark-{question}"
        assert run_killed(station, question, call, mark).returncode == -9
        with open_query(station.database) as query:
            if is_postgres(station.database):  # the server may still commit for a process that is gone
                query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            row = query("SELECT state, answer FROM trace_question WHERE number = ?", [question])[0]
            acts = [one.entry.what for one in read_audit(query) if f"question {question} of" in one.entry.about]
            assert list(verify_audit(query)) == []
        if mark.exists():
            unsealed += 1
            assert "unseal" in acts
        if row["answer"]:
            answered += 1
            assert {"unseal", "answer"} <= set(acts)
            assert row["state"] == "answered"
        else:
            assert "answer" not in acts
    assert unsealed > answered, "some were killed after they unsealed, and have no answer"


def test_a_question_that_was_interrupted_is_answered_later(station: Station, tmp_path: Path) -> None:
    case = station.open_case()
    for _ in range(2):
        done = station.run("contacts", str(case), "--document", "046190000001", *PERIOD, account=TRACER)
        assert done.exit_code == 0, done.output
    whole = run_killed(station, 1, 0, tmp_path / "whole")
    assert run_killed(station, 2, int(whole.stdout) * 3 // 4, tmp_path / "mark").returncode == -9
    assert station.run("answer", str(case), key=station.folder / "key.pem").exit_code == 0
    assert BUOI in station.run("results", "2", account=TRACER).output
