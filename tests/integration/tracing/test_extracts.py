"""An offline station: the private key is there alone, and an extract gives the same answers as the centre would."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.extract.loading import ExtractError, load_extract
from tests.fakes.centre.traced_events import BUOI, OI, TRACER, Station, city_time
from tests.integration.tracing.conftest import MORNING

PERIOD = ("--since", city_time(MORNING - timedelta(days=1)), "--until", city_time(MORNING + timedelta(days=1)))


@pytest.fixture
def offline(tmp_path: Path) -> Station:
    """A station without a network and without accounts."""
    folder = tmp_path / "station"
    folder.mkdir()
    return Station(str(folder / "station.db"), folder)


def carry_over(station: Station, offline: Station) -> int:
    """An extract of a new case, loaded on the station. Returns the number of the case."""
    case = station.open_case()
    public = offline.run("station-key", str(offline.folder / "station.key")).output.strip()
    out = station.folder / "case.extract"
    done = station.run("extract", str(case), *PERIOD, "--station", public, "--out", str(out), account=TRACER)
    assert done.exit_code == 0, done.output
    assert "8 sealed passages" in done.output or "7 sealed passages" in done.output
    loaded = offline.run("load", str(out), "--station-key", str(offline.folder / "station.key"))
    assert loaded.exit_code == 0, loaded.output
    return case


def answer(where: Station, case: int, key: Path) -> list[str]:
    words = ("contacts", str(case), "--document", "046190000001", *PERIOD)
    done = where.run(*words, account=TRACER, key=key)
    assert done.exit_code == 0, done.output
    shown = where.run("results", done.output.rsplit(maxsplit=1)[-1], account=TRACER)
    return shown.output.splitlines()[1:]


def test_the_station_gives_the_answers_of_the_centre(station: Station, offline: Station) -> None:
    case = carry_over(station, offline)
    key = station.folder / "key.pem"
    there = answer(offline, case, key)
    assert any(BUOI in line for line in there)
    assert any(OI in line for line in there)
    assert there == answer(station, case, key)


def test_the_case_is_what_it_was_at_the_centre_and_others_cannot_work_on_the_station(
    station: Station, offline: Station
) -> None:
    case = carry_over(station, offline)
    key = station.folder / "key.pem"
    assert offline.run("place", str(case), "--site", "dong-ba", *PERIOD, account="tracer-46", key=key).exit_code == 1
    with open_query(offline.database) as query:
        query("UPDATE trace_case SET until = '2020-01-01T00:00:00.000+00:00'")
    done = offline.run("place", str(case), "--site", "dong-ba", *PERIOD, account=TRACER, key=key)
    assert "ended" in done.output


def test_an_extract_needs_an_open_case_and_is_in_the_audit(station: Station, offline: Station) -> None:
    carry_over(station, offline)
    with open_query(station.database) as query:
        assert "extract" in {row.entry.what for row in read_audit(query)}
    assert station.run("end", "1", account=TRACER).exit_code == 0
    public = (offline.folder / "station.key").read_text(encoding="utf-8").split()[3]
    words = ("extract", "1", *PERIOD, "--station", public, "--out", str(station.folder / "again"))
    done = station.run(*words, account=TRACER)
    assert (done.exit_code, (station.folder / "again").exists()) == (1, False)


def test_without_the_key_of_the_station_an_extract_shows_nothing(station: Station, offline: Station) -> None:
    carry_over(station, offline)
    content = (station.folder / "case.extract").read_bytes()
    for text in ("dong-ba", "Chợ Đông Ba", BUOI, "tracer-19753", "17/QĐ-UBND"):
        assert text.encode() not in content
    thief = Station(str(offline.folder / "thief.db"), offline.folder)
    thief.run("station-key", str(offline.folder / "thief.key"))
    done = thief.run("load", str(station.folder / "case.extract"), "--station-key", str(offline.folder / "thief.key"))
    assert (done.exit_code, "cannot be opened" in done.output) == (1, True)


def test_no_private_key_and_no_name_is_in_the_extract_that_was_loaded(station: Station, offline: Station) -> None:
    carry_over(station, offline)
    files = b"".join(path.read_bytes() for path in offline.folder.glob("station.db*"))
    assert BUOI.encode() not in files
    assert b"046190000001" not in files
    assert b"PRIVATE KEY" not in files


def test_an_extract_is_not_loaded_over_another_one(station: Station, offline: Station) -> None:
    carry_over(station, offline)
    words = ("load", str(station.folder / "case.extract"), "--station-key", str(offline.folder / "station.key"))
    again = offline.run(*words)
    assert (again.exit_code, "is not empty" in again.output) == (1, True)


HEADER = b'["header",{"format":"entrance-kiosk tracing extract","version":1,"case":1}]\n'
GOOD = (
    b'["passage","dong-ba/gate-1","%032x",null,"2026-11-23T00:00:00.000+00:00","in","pass","ok",false,true,"id-card",""]\n'
    % 7
)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"garbage\n"],
        [HEADER],
        [HEADER, GOOD],
        [HEADER, GOOD, b'["end",2]\n'],
        [HEADER, b'["end",0]\n', GOOD],
        [HEADER.replace(b'"version":1', b'"version":2'), b'["end",0]\n'],
        [HEADER, b'["row","audit",{}]\n', b'["end",0]\n'],
        [HEADER, b'["row","site",{"site) --":1}]\n', b'["end",0]\n'],
        [HEADER, b'["passage"]\n', b'["end",1]\n'],
        [HEADER, GOOD.replace(b'""]', b'"?"]'), b'["end",1]\n'],
    ],
)
def test_a_file_that_is_no_whole_extract_is_refused_in_words(lines: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(ExtractError):
        load_extract(lines, str(tmp_path / "station.db"))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    line=st.one_of(
        st.binary(max_size=40),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda one: repr(one).encode()),
    )
)
def test_any_line_is_refused_or_loaded_and_never_another_error(
    line: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = str(tmp_path_factory.mktemp("any") / "station.db")
    refused: Callable[[], object] = lambda: load_extract([HEADER, line, b'["end",0]\n'], database)  # noqa: E731
    with pytest.raises(ExtractError):
        refused()
