"""Files of the registry: any bytes give rows or mistakes, rows survive a round trip, and every mistake is found at once."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.rules import OpeningHours
from kiosk.system.csv_output import csv_text
from mqtt.centre.registry.csv_format import COLUMNS, MAX_FILE_BYTES, ParsedFile, file_rows, parse_file
from mqtt.centre.registry.model import AREA_KINDS, SITE_KINDS, Area, RegisteredDevice, RegistryRows, Site

DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))
SLUGS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
CODES = st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Sm", "Zs"]), max_size=60).map(str.strip)


def parsed(text: str | bytes, name: str = "file.csv") -> ParsedFile:
    return parse_file(name, text.encode() if isinstance(text, str) else text, OpeningHours.parse)


def mistakes(text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in parsed(text).mistakes]


@st.composite
def periods(draw: st.DrawFn) -> tuple[date, date | None]:
    since = draw(DAYS)
    return since, draw(st.none() | st.dates(since, date(2300, 1, 1)).filter(lambda day: day > since))


@st.composite
def areas(draw: st.DrawFn) -> Area:
    since, until = draw(periods())
    merged_into = draw(CODES) if until and draw(st.booleans()) else ""
    kind = draw(st.sampled_from(AREA_KINDS))
    return Area(draw(CODES), draw(CODES | st.just("")), kind, draw(TEXTS), draw(TEXTS), since, until, merged_into)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    since, until = draw(periods())
    hours = tuple(
        draw(st.lists(st.sampled_from(["mon-fri 07:30-17:00", "sat 08:00-12:00", "mon-sun 22:00-04:00"]), max_size=3))
    )
    capacity = draw(st.none() | st.integers(1, 9_999_999))
    kind = draw(st.sampled_from(SITE_KINDS))
    return Site(draw(SLUGS), draw(TEXTS), draw(CODES), kind, hours, capacity, draw(TEXTS), since, until)


@st.composite
def devices(draw: st.DrawFn) -> RegisteredDevice:
    since, until = draw(periods())
    return RegisteredDevice(f"{draw(SLUGS)}/{draw(SLUGS)}", draw(SLUGS), draw(TEXTS), since, until)


@given(st.binary(max_size=400))
def test_any_bytes_give_rows_or_mistakes_and_never_an_error(content: bytes) -> None:
    found = parsed(content)
    assert found.mistakes or not list(found.rows)


@given(st.sampled_from(sorted(COLUMNS)), st.text(max_size=300), st.sampled_from(",;\t"))
def test_any_text_below_a_header_gives_rows_or_mistakes(kind: str, text: str, delimiter: str) -> None:
    found = parsed((delimiter.join(COLUMNS[kind]) + "\n" + text).encode("utf-8", "replace"))
    for row in found.rows:
        assert row.until is None or row.since < row.until
    assert len(list(found.rows)) == len(found.lines)


@given(st.lists(areas() | sites() | devices(), max_size=8, unique_by=lambda row: (type(row), row.key)))
def test_rows_that_a_file_can_hold_survive_a_round_trip(rows: list[Area | Site | RegisteredDevice]) -> None:
    by_kind = {
        "areas": tuple(row for row in rows if isinstance(row, Area)),
        "sites": tuple(row for row in rows if isinstance(row, Site)),
        "devices": tuple(row for row in rows if isinstance(row, RegisteredDevice)),
    }
    everything = RegistryRows(**by_kind)  # type: ignore[arg-type]
    for kind in COLUMNS:
        first = parsed(csv_text(file_rows(kind, everything)))
        again = parsed(csv_text(file_rows(kind, first.rows)))
        assert again.rows == first.rows
        if not first.mistakes:
            assert len(list(first.rows)) == len(by_kind[kind])


@given(st.sampled_from("=+-@"), st.text("abc=+-@; ", max_size=10))
def test_no_cell_of_an_export_begins_a_formula(sign: str, rest: str) -> None:
    site = Site("a", sign + rest, "46", "office", (), None, f"x; {sign}{rest}", date(2025, 7, 1))
    line = csv_text(file_rows("sites", RegistryRows(sites=(site,)))).splitlines()[1]
    for piece in line.replace('"', "").replace(",", ";").split(";"):
        assert not piece.strip().startswith(("=", "+", "-", "@"))


def test_every_mistake_of_a_file_is_found_at_once_with_its_line_and_column() -> None:
    text = (
        "site;title;area;kind;opening_hours;capacity;since;until\n"
        "Đông Ba;;19753;bazaar;mon;0;31/02/2025;\n"
        "ok;Good;19753;office;;;2025-07-01;2025-07-01\n"
    )
    assert mistakes(text) == [
        "file.csv: line 2: capacity: '0' is not a number of people",
        (
            "file.csv: line 2: kind: 'bazaar' is not one of office, market, shop, restaurant, hotel, station, school, hospital, "
            "worship, other"
        ),
        "file.csv: line 2: opening_hours: 'mon' is not like 'mon-fri 07:30-17:00'",
        "file.csv: line 2: since: '31/02/2025' is not a day like 2025-07-01 or 01/07/2025",
        "file.csv: line 2: site: 'Đông Ba' is not allowed: lower-case letters, digits and hyphens",
        "file.csv: line 2: title: is empty",
        "file.csv: line 3: until: is not later than since",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_any_spreadsheet_are_read(delimiter: str, mark: str, end: str) -> None:
    lines = (["site", "title", "area", "kind", "since"], ["dong-ba", "Chợ Đông Ba", "19753", "market", "01/08/2025"])
    found = parsed(mark + end.join(delimiter.join(cells) for cells in lines) + end)
    assert found.mistakes == ()
    assert found.rows.sites[0].since == date(2025, 8, 1)


def test_the_two_ways_to_write_a_vietnamese_letter_give_one_title() -> None:
    decomposed = "site,title,area,kind,since\na,Cho\u031b\u0323,46,market,2025-07-01\n"
    assert parsed(decomposed).rows.sites[0].title == "Chợ"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "header is not that of a registry file"),
        (b"a,b,c\n1,2,3\n", "header is not that of a registry file"),
        ("code,kind\n".encode("utf-16"), "not UTF-8"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than 8 MB"),
        (b"code,kind,name_vi,since,colour\n", "is not a column"),
        (b"code,code,kind,name_vi,since\n", "stands in the header twice"),
        (b"code,kind,since\n", "this column is missing"),
        (b"code,kind,name_vi,since\n1,ward,x\n", "has 3 cells, the header has 4"),
        (b'code,kind,name_vi,since\n1,ward,"x,2025-01-01\n', "quotation mark"),
        (b"code,kind,name_vi,since,merged_into\n1,ward,x,2025-01-01,2\n", "needs until"),
        ("code,kind,name_vi,since\n1,ward,a\u202eb,2025-01-01\n".encode(), "control character"),
        (b"code,kind,name_vi,since\n1,ward,x,2025-01-01\n1,ward,x,2025-01-01\n", "the same row stands in line 2"),
        (b"device,site,title,since\ndong-ba,dong-ba,x,2025-01-01\n", "is not like dong-ba/gate-1"),
    ],
)
def test_each_kind_of_wrong_file_is_named(content: bytes, part: str) -> None:
    assert any(part in text for text in mistakes(content))


def test_a_file_of_rubbish_stops_at_a_number_of_mistakes() -> None:
    text = "code,kind,name_vi,since\n" + "?,?,?,?\n" * 5000
    assert 200 <= len(mistakes(text)) <= 201
