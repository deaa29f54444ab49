"""Lists of people as Vietnamese offices have them: Excel workbooks, and headings in Vietnamese."""

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from kiosk.credentials.issuing.people_list import xlsx_import
from kiosk.credentials.issuing.people_list.column_names import COLUMNS, SKIPPED, column_name
from kiosk.credentials.issuing.people_list.csv_import import CsvImportError, PassRequest, read_pass_requests

DEFAULT = PassRequest("", 30, 1, 48)


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(folder: Path, content: bytes) -> list[PassRequest]:
    path = folder / "danh sách.xlsx"
    path.write_bytes(content)
    return read_pass_requests(path, DEFAULT)


def mistakes(folder: Path, content: bytes) -> str:
    with pytest.raises(CsvImportError) as caught:
        read(folder, content)
    return str(caught.value)


def test_a_workbook_with_vietnamese_headings_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        workbook(
            ("STT", "Họ và tên", "Mã nhân viên", "Số ngày"),
            (1, "Nguyễn Thị Ánh", "NV-17", 14),
            (None, None, None, None),
            (2, "Trần Văn Bình", 905123456, None),
        ),
    )
    assert [(one.name, one.reference, one.days, one.line) for one in found] == [
        ("Nguyễn Thị Ánh", "NV-17", 14, 2),
        ("Trần Văn Bình", "905123456", 30, 4),
    ]


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Họ tên", "name"), ("HỌ VÀ TÊN:", "name"), ("Ho va ten", "name"), ("Tên", "name"), ("Họ  và  tên *", "name"),
        ("Số điện thoại", "reference"), ("SĐT", "reference"), ("Mã NV", "reference"), ("Mã số (nếu có)", "reference"),
        ("Số ngày hiệu lực", "days"), ("Nhóm", "status_class"), ("Số giờ khai báo", "declaration_hours"),
        ("STT", SKIPPED), ("Số thứ tự", SKIPPED), ("Status Class", "status_class"), ("Địa chỉ", "địa_chỉ"),
    ],
)  # fmt: skip
def test_headings_are_known_without_marks_and_in_any_case(heading: str, column: str) -> None:
    assert column_name(heading) == column


@given(st.text(max_size=40))
def test_any_heading_has_a_name_that_stays_the_same(heading: str) -> None:
    assert column_name(heading) in {*COLUMNS, SKIPPED} or column_name(column_name(heading)) is not None


def test_every_mistake_is_named_with_its_row(tmp_path: Path) -> None:
    text = mistakes(tmp_path, workbook(("Họ tên", "Số ngày", "Địa chỉ"), ("A1", 14, "x"), ("Lê Thị Huệ", 9999, "y")))
    assert "the column `Địa chỉ` is not known" in text
    assert "line 2:" in text
    assert "line 3: days `9999` is not a whole number from 1 to 366" in text


def test_two_columns_for_one_thing_are_a_mistake(tmp_path: Path) -> None:
    text = mistakes(tmp_path, workbook(("Họ tên", "Mã số", "Số điện thoại"), ("Lê Thị Huệ", "1", "2")))
    assert "2 columns are named `Số điện thoại`" in text


def test_dates_and_numbers_are_texts_as_people_see_them(tmp_path: Path) -> None:
    (found,) = read(tmp_path, workbook(("name", "reference", "days"), ("Lê Thị Huệ", date(2026, 11, 28), 14.0)))
    assert (found.reference, found.days) == ("2026-11-28T00:00:00", 14)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_damaged_workbook_gets_a_sentence(tmp_path: Path, part: float) -> None:
    whole = workbook(("name",), *((f"Lê Thị {letter}",) for letter in "ABCDEFGH"))
    assert "is not an Excel workbook that can be read" in mistakes(tmp_path, whole[: int(len(whole) * part)])


def test_a_zip_file_that_is_no_workbook_and_one_that_unpacks_too_large_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("other.txt", "x")
    assert "is not an Excel workbook" in mistakes(tmp_path, out.getvalue())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed, packed.open("big", "w") as entry:
        for _ in range(xlsx_import.MAX_UNPACKED_BYTES // 2**20 + 1):
            entry.write(bytes(2**20))
    assert "too large" in mistakes(tmp_path, out.getvalue())
