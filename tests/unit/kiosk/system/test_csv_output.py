"""Texts in CSV files never become formulas of a spreadsheet."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.system.csv_output import csv_text, neutralised
from tests.paths import PROJECT

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "\u2212"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u200b", "An;", "An,", 'An"', "An\n", "An|  "])
def test_a_text_that_begins_a_formula_gets_an_apostrophe(start: str, before: str) -> None:
    found = str(neutralised(f"{before}{start}HYPERLINK(A:A)"))
    assert not re.search(r"(^|[;,|\t\r\n\"])[\s\u200b]*[=+\-@＝＋－＠]", found), found


@pytest.mark.parametrize("text", ["Nguyễn Thị Ánh", "Lê-Na", "O'Brien", "2026-11-27T10:00:00+07:00", "0a1b", ""])
def test_other_texts_are_not_changed(text: str) -> None:
    assert neutralised(text) == text


def test_numbers_stay_numbers() -> None:
    assert csv_text([[-5, 2.5, None]]) == "-5,2.5,\r\n"


@given(st.text(alphabet=st.sampled_from([*STARTS, *"aÁ ;,|'\"\u200b"]), max_size=12))
def test_an_apostrophe_is_added_once_and_no_character_is_lost(text: str) -> None:
    once = neutralised(text)
    assert neutralised(once) == once
    assert str(once).replace("'", "") == text.replace("'", "")
    (row,) = csv.reader(io.StringIO(csv_text([[text, "end"]]), newline=""))
    assert row == [once, "end"]


def test_every_csv_writer_of_the_project_goes_through_this_module() -> None:
    sources = [path for folder in ("kiosk", "web_ui", "mqtt") for path in (PROJECT / folder).rglob("*.py")]
    writers = [
        path.name for path in sources if re.search(r"csv\.(writer|DictWriter)", path.read_text(encoding="utf-8"))
    ]
    assert writers == ["csv_output.py"]
