"""Questions: who was at a site, where a person was, whom they met. What counts, what does not, and words instead of silence."""

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it has no types; texts of pages are read
import pytest

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.traced_events import BUOI, MIT, OI, TRACER, Station, Step, city_time, record_walks
from tests.integration.tracing.conftest import MORNING, sealing_key

LONG = ("--since", city_time(MORNING - timedelta(days=1)), "--until", city_time(MORNING + timedelta(days=1)))


def period(first_minute: int, last_minute: int) -> tuple[str, ...]:
    begin, end = (city_time(MORNING + timedelta(minutes=minute)) for minute in (first_minute, last_minute))
    return "--since", begin, "--until", end


def ask(station: Station, *words: str, area: str = "46") -> list[str]:
    """The lines of the result, in English."""
    case = station.open_case(tracer="tracer-46", approver="approver-46", area=area)
    kind, *options = words
    done = station.run(kind, str(case), *options, account="tracer-46", key=station.folder / "key.pem")
    assert done.exit_code == 0, done.output
    number = done.output.rsplit(maxsplit=1)[-1]
    shown = station.run("results", number, "--language", "en", account="tracer-46")
    assert shown.exit_code == 0, shown.output
    return shown.output.splitlines()


def rows_of(lines: Iterable[str], title: str) -> list[list[str]]:
    """Cells of a table of the result, without its header."""
    found = list(lines)
    begin = found.index(title)
    end = found.index("", begin) if "" in found[begin:] else len(found)
    return [line.split(" | ") for line in found[begin + 2 : end]]


def test_who_was_at_a_site_also_those_who_came_before_and_left_later(station: Station) -> None:
    lines = ask(station, "place", "--site", "Chợ Đông Ba", *period(30, 50))
    stays = {row[0]: (row[4][:5], row[5][:5], row[6]) for row in rows_of(lines, "Stays")}
    assert stays == {
        BUOI: ("09:00", "10:30", "Recorded in and out"),
        OI: ("09:10", "10:00", "Recorded in and out"),
    }


def test_refused_and_cancelled_passages_are_shown_as_such_and_are_no_stay(station: Station) -> None:
    lines = ask(station, "place", "--site", "dong-ba", *period(-10, 100))
    passages = [(row[0][:5], row[4], row[5]) for row in rows_of(lines, "Passages")]
    assert ("09:20", "Refused", MIT) in passages
    assert ("09:25", "Cancelled", MIT) in passages
    assert MIT not in {row[0] for row in rows_of(lines, "Stays")}
    assert len(passages) == 6


@pytest.mark.parametrize("text", ["Chợ Đông Ba", "cho dong ba", "CHỢ ĐÔNG BA", "dong-ba", "Đông Ba"])
def test_a_site_is_found_by_its_title_with_or_without_marks(station: Station, text: str) -> None:
    assert rows_of(ask(station, "place", "--site", text, *period(0, 60)), "Stays")


def test_a_misspelt_site_gets_a_suggestion_and_opens_nothing(station: Station) -> None:
    case = station.open_case()
    done = station.run(
        "place", str(case), "--site", "Chợ Đông Bà Triệu", *LONG, account=TRACER, key=station.folder / "key.pem"
    )
    assert done.exit_code == 1
    assert "Chợ Đông Ba" in done.output


def test_an_empty_period_says_how_many_passages_the_day_had(station: Station) -> None:
    lines = ask(station, "place", "--site", "dong-ba", *period(600, 660))
    assert "0 found in this period: 6 passages at that site on these days" in lines


def test_where_a_person_was_is_found_under_all_their_codes(station: Station) -> None:
    extra = [Step(BUOI, 700, wire_name="ca-phe/gate-1", qid="162979388586171100")]
    record_walks(station.database, sealing_key(station), MORNING, extra, first=500)
    lines = ask(station, "person", "--identifier", "qid=162979388586171100", *LONG)
    sites = {(row[3], row[6]) for row in rows_of(lines, "Stays")}
    assert sites == {("Chợ Đông Ba", "Recorded in and out"), ("Cà phê Vỹ Dạ", "Assumed")}
    assert any(line.startswith("Assumed: the way in or out is missing") for line in lines)


def test_a_gate_that_is_not_registered_is_searched_in_a_case_of_the_whole_city(station: Station) -> None:
    record_walks(
        station.database, sealing_key(station), MORNING, [Step(MIT, 400, wire_name="new-site/gate-1")], first=700
    )
    lines = ask(station, "person", "--document", "046190000003", *LONG)
    assert "new-site" in {row[3] for row in rows_of(lines, "Stays")}
    assert rows_of(ask(station, "place", "--site", "new-site", *period(390, 410)), "Passages")
    lines = ask(station, "person", "--document", "046190000003", *LONG, area="19753")
    assert "new-site" not in {row[1] for row in rows_of(lines, "Passages")}


def test_contacts_of_a_person_with_minutes_and_grade(station: Station) -> None:
    lines = ask(station, "contacts", "--document", "046190000001", *LONG)
    assert [(row[0], row[6], row[7], row[8]) for row in rows_of(lines, "Contacts")] == [
        (OI, "50", "Recorded in and out", "1")
    ]
    lines = ask(station, "contacts", "--document", "046190000001", *LONG, "--min-overlap", "51")
    assert "Contacts" not in lines


def test_the_second_degree_is_asked_for(station: Station) -> None:
    later = [
        Step(OI, 200, wire_name="ca-phe/gate-1"),
        Step(MIT, 210, wire_name="ca-phe/gate-1"),
        Step(OI, 260, "out", wire_name="ca-phe/gate-1"),
        Step(MIT, 270, "out", wire_name="ca-phe/gate-1"),
    ]
    record_walks(station.database, sealing_key(station), MORNING, later, first=600)
    lines = ask(station, "contacts", "--document", "046190000001", *LONG, "--degree", "2")
    assert [(row[0], row[8]) for row in rows_of(lines, "Contacts")] == [(OI, "1"), (MIT, "2")]


def test_a_result_as_csv_and_pdf_bears_the_case_on_each_sheet(station: Station, tmp_path: Path) -> None:
    case = station.open_case()
    words = ("place", str(case), "--site", "dong-ba", *period(-10, 100))
    number = station.run(*words, account=TRACER, key=station.folder / "key.pem").output.rsplit(maxsplit=1)[-1]
    for name in ("result.csv", "result.pdf"):
        assert station.run("results", number, "--out", str(tmp_path / name), account=TRACER).exit_code == 0
    rows = list(csv.reader(io.StringIO((tmp_path / "result.csv").read_text(encoding="utf-8-sig"))))
    assert rows[0][0].startswith(f"Hồ sơ {case} · 17/QĐ-UBND")
    assert any(BUOI in row for row in rows)
    pdf = pypdfium2.PdfDocument(tmp_path / "result.pdf")
    texts = [page.get_textpage().get_text_bounded() for page in pdf]
    pdf.close()
    assert all("17/QĐ-UBND" in text for text in texts)
    assert BUOI in "".join(texts)
    with open_query(station.database) as query:
        looks = [row.entry.about for row in read_audit(query) if row.entry.what == "view-answer"]
    assert [look.rsplit(maxsplit=1)[-1] for look in looks] == ["pdf", "csv"]


def test_a_holder_of_an_entry_pass_gets_a_name_from_the_register_of_its_issuer(
    station: Station, tmp_path: Path
) -> None:
    register = tmp_path / "register.csv"
    register.write_text(
        "serial,name,reference,issued_at,days,key,card\r\n0a0b,NGÔ THỊ CAM,1,2026-11-01,30,k,1\r\n", encoding="utf-8"
    )
    case = station.open_case()
    words = ("place", str(case), "--site", "dong-ba", *period(-10, 100))
    number = station.run(*words, account=TRACER, key=station.folder / "key.pem").output.rsplit(maxsplit=1)[-1]
    done = station.run("results", number, "--register", str(register), account=TRACER)
    assert done.exit_code == 0
    assert "NGÔ THỊ CAM" not in done.output, "only holders who passed"
