"""A byte search of everything that tracing leaves: databases, case keys, audit, logs, extracts. No person is in any of it."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from mqtt.centre.ingest.database import open_query
from mqtt.centre.schema_parts import is_postgres
from tests.fakes.centre.traced_events import DOCUMENTS, TRACER, Station, city_time
from tests.fakes.data.people import encodings
from tests.integration.tracing.conftest import MORNING

PERIOD = ("--since", city_time(MORNING - timedelta(days=1)), "--until", city_time(MORNING + timedelta(days=1)))
QID = "162979388586171100"
TABLES = ("audit", "trace_case", "trace_question", "trace_part", "trace_erasure", "event", "hourly", "account")


NEEDLES = {each for text in (*DOCUMENTS, *DOCUMENTS.values(), QID, "1990-01-01") for each in encodings(text.encode())}
"""Names and numbers of every person, in each form in which programs write them."""


def found_in(content: bytes) -> list[bytes]:
    return sorted(needle for needle in NEEDLES if needle in content)


def everything(station: Station) -> dict[str, bytes]:
    """All files but the private key and the password, and all rows."""
    left = {
        str(path): path.read_bytes()
        for path in station.folder.rglob("*")
        if path.is_file() and path.name not in {"key.pem", "password"}
    }
    if is_postgres(station.database):
        with open_query(station.database) as query:
            for table in TABLES:
                rows = query(f"SELECT * FROM {table}")  # noqa: S608 - constants
                left[table] = "\n".join(repr(row) for row in rows).encode()
    return left


def test_no_person_is_left_in_any_file_row_or_log_line(
    station: Station, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    key = station.folder / "key.pem"
    case = station.open_case()
    shown = []
    for words in (
        ("place", str(case), "--site", "dong-ba"),
        *(("person", str(case), "--document", number) for number in DOCUMENTS.values()),
        ("contacts", str(case), "--identifier", f"qid={QID}", "--degree", "2"),
    ):
        done = station.run(*words, *PERIOD, account=TRACER, key=key)
        assert done.exit_code == 0, done.output
        assert found_in(done.output.encode()) == [], "only results show people"
        shown.append(station.run("results", done.output.rsplit(maxsplit=1)[-1], account=TRACER).output)
    assert found_in("".join(shown).encode()), "the officer sees people"
    assert {name: found_in(content) for name, content in everything(station).items() if found_in(content)} == {}
    assert station.run("end", str(case), account=TRACER).exit_code == 0
    assert {name: found_in(content) for name, content in everything(station).items() if found_in(content)} == {}
    assert found_in(caplog.text.encode()) == []
