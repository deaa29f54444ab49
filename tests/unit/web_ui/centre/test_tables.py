"""Exports: any text survives in CSV and XLSX, and no cell becomes a formula."""

import csv
import io
import zipfile
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from web_ui.centre.data.tables import PageTable, to_csv, to_xlsx

NAMESPACE = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
CELLS = st.text(max_size=40) | st.integers(-(10**9), 10**9) | st.none()
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6)


def sheet(content: bytes) -> ET.Element:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ET.fromstring(archive.read(name))  # noqa: S314 - our own file
        return ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314


def cells(content: bytes) -> list[dict[str, str]]:
    found = []
    for row in sheet(content).findall("s:sheetData/s:row", NAMESPACE):
        values = {}
        for cell in row.findall("s:c", NAMESPACE):
            text, number = cell.find("s:is/s:t", NAMESPACE), cell.find("s:v", NAMESPACE)
            assert cell.find("s:f", NAMESPACE) is None
            values[cell.attrib["r"].rstrip("0123456789")] = (
                (text.text or "") if text is not None else str(number.text if number is not None else "")
            )
        found.append(values)
    return found


@given(st.text(max_size=40), ROWS)
def test_any_table_is_a_sheet_that_can_be_read(title: str, rows: list[tuple[str | int | None, ...]]) -> None:
    found = cells(to_xlsx(PageTable(title, ("a", "b", "c"), tuple(rows))))
    assert found[0] == {"A": "a", "B": "b", "C": "c"}
    assert len(found) == len(rows) + 1
    for row, read in zip(rows, found[1:], strict=True):
        for column, cell in zip("ABC", row, strict=True):
            if isinstance(cell, int):
                assert read[column] == str(cell)
            elif cell is None:
                assert column not in read
            elif cell.isprintable():
                assert read[column] == cell


@given(ROWS)
def test_any_table_is_csv_with_as_many_cells_and_no_formula(rows: list[tuple[str | int | None, ...]]) -> None:
    text = to_csv(PageTable("t", ("a", "b", "c"), tuple(rows))).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in read] == [3] * (len(rows) + 1)
    for row, found in zip(rows, read[1:], strict=True):
        for cell, value in zip(row, found, strict=True):
            if isinstance(cell, str):
                assert not value.startswith(("=", "+", "-", "@"))


def test_columns_beyond_z_have_two_letters() -> None:
    wide = PageTable("wide", tuple(f"c{n}" for n in range(30)), ())
    assert list(cells(to_xlsx(wide))[0])[-1] == "AD"


def test_a_title_that_a_sheet_cannot_have_is_shortened() -> None:
    content = to_xlsx(PageTable("a/b[c]*?:" + "x" * 50, ("a",), ()))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        workbook = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    (name,) = [one.attrib["name"] for one in workbook.findall("s:sheets/s:sheet", NAMESPACE)]
    assert len(name) <= 31
    assert not set("[]:*?/\\") & set(name)
