"""CSV files of people: what Excel writes is read, and every mistake is reported with its line."""

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.credentials.issuing.people_list.csv_import import CsvImportError, PassRequest, read_pass_requests

DEFAULT = PassRequest("", 30, 1, 48)
PEOPLE = [
    "Nguyễn Thị Ánh Tuyết",
    "Đặng Hữu Lượng",
    "Y Blôk Êban",
    "Ksor H'Bía",
    "Lê Thị Huệ",
    "Hồ Quỳnh Phượng",
    "Trần, Văn",
]


def read(folder: Path, content: bytes) -> list[PassRequest]:
    path = folder / "people.csv"
    path.write_bytes(content)
    return read_pass_requests(path, DEFAULT)


def mistakes(folder: Path, content: bytes) -> list[str]:
    with pytest.raises(CsvImportError) as caught:
        read(folder, content)
    first, *rest = str(caught.value).splitlines()
    assert first.endswith(": nothing was made.")
    return rest


rows = st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 366)), min_size=1, max_size=8)


ways = st.tuples(
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.booleans(),
    st.sampled_from(["", "sep", "blank lines", "more separators", "all quoted", "capitals"]),
)


@settings(deadline=None)
@given(rows, ways)
def test_what_a_spreadsheet_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, int]], way: tuple[str, str, str, bool, str]
) -> None:
    separator, line_end, encoding, decomposed, habit = way
    buffer = io.StringIO(newline="")
    writer = csv.writer(
        buffer,
        delimiter=separator,
        lineterminator=line_end,
        quoting=csv.QUOTE_ALL if habit == "all quoted" else csv.QUOTE_MINIMAL,
    )
    more = [""] * 2 if habit == "more separators" else []
    writer.writerow([*(("Name ", " DAYS") if habit == "capitals" else ("name", "days")), *more])
    for name, days in people:
        writer.writerow([name, days, *more])
    if habit == "blank lines":
        writer.writerows([[], ["", ""]])
    text = (f"sep={separator}{line_end}" if habit == "sep" else "") + buffer.getvalue()
    found = read(
        tmp_path_factory.mktemp("csv"), unicodedata.normalize("NFD" if decomposed else "NFC", text).encode(encoding)
    )
    assert [(each.name, each.days) for each in found] == people
    first = 3 if habit == "sep" else 2
    assert [each.line for each in found] == list(range(first, first + len(people)))


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: ("name,days\n" + text).encode(errors="ignore")))
def test_any_bytes_give_requests_or_the_one_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        found = read(tmp_path_factory.mktemp("csv"), content)
    except CsvImportError as error:
        assert all(character.isprintable() or character == "\n" for character in str(error))  # noqa: PT017  nothing else is allowed
    else:
        assert all(request.name for request in found)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["An", "5", "x", "", "A B"]), max_size=5), min_size=1, max_size=6))
def test_no_cell_is_left_out_silently(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]) -> None:
    text = "name,days,\n" + "".join(",".join(row) + "\n" for row in table)
    try:
        found = read(tmp_path_factory.mktemp("csv"), text.encode())
    except CsvImportError:
        return
    kept = [[request.name, str(request.days)] for request in found]
    for row in table:
        cells = [cell for cell in row if cell]
        assert not cells or any(set(cells) <= set(each) for each in kept)
    assert len(kept) == sum(any(row) for row in table)


def test_all_mistakes_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        'name,days,name,,ages\nAn,5\n,5\nBình,0,,x\n"C\nD",1\nLê 龍,999999999999999999999\n' + "A" * 101 + ",1,,,,y\n"
    )
    found = mistakes(tmp_path, text.encode())
    for line, part in [
        (1, "the column `ages` is not known"),
        (1, "2 columns are named `name`"),
        (3, "the name is empty"),
        (4, "days `0` is not a whole number"),
        (4, "the cell `x` has no column"),
        (5, "U+000A"),
        (7, "龍 (U+9F8D)"),
        (7, "is not a whole number"),
        (8, "101 characters"),
        (8, "the cell `y` has no column"),
    ]:
        assert any(each.startswith(f"line {line}: ") and part in each for each in found), (line, part, found)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name\nNguyễn Văn A, Jr.\n", "line 2: the cell `Jr.` has no column"),
        ("Địa chỉ;days\nAn;3\n", "line 1: the column `Địa chỉ` is not known"),
        ("mã\tdays\nAn\t3\n", "line 1: there is no column `name`"),
        ("days,days,name\n1,2,An\n", "line 1: 2 columns are named `days`"),
        ('name,days\n"An,3\nBình,4\n', "line 2: a quotation mark is wrong"),
        ('name,days\n"An"x,3\n', "line 2: a quotation mark is wrong"),
        ("name\n" + "A" * 140_000 + "\n", "line 2: a cell has more than 131072 characters"),
        ("name,reference\nAn," + "1" * 41 + "\n", "line 2: the reference has 41 characters"),
        ("name\nA\u200bn\n", "line 2: the name has the invisible character U+200B"),
        ("name\nAn;3\n", "line 2: the name"),
        ("name\nNiê H'O\u031b\u0306\n", "line 2: the name has the mark U+0306"),
        ("name,days\n", "at least one person"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, part: str) -> None:
    assert any(part in each for each in mistakes(tmp_path, text.encode())), mistakes(tmp_path, text.encode())


def test_a_file_in_an_old_code_page_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for encoding in ("cp1258", "latin-1", "utf-32"):
        with pytest.raises(CsvImportError, match="Save it again as `CSV UTF-8`"):
            read(tmp_path, "name\nNguyên Van Á\n".encode(encoding))


def test_a_very_large_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CsvImportError, match="larger than 16 MB"):
        read(tmp_path, b"name\n" + b"A" * (16 * 1024 * 1024))
