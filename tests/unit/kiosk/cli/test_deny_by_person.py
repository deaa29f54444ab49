"""`kiosk deny add --name` and `--reference`: a pass is withdrawn by its holder, with a question where several match."""

import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.issuing.deny import deny
from kiosk.credentials.issuing.register import COLUMNS, REGISTER_FILE
from kiosk.credentials.trust import denylist
from kiosk.system.csv_output import csv_text

ROWS = [
    (f"{1:020x}", "Nguyễn Thị Ánh", "NV-17", "2026-11-20", "30", "k", "cards.pdf 1"),
    (f"{2:020x}", "Trần Văn Bình", "0905 123 456", "2026-11-20", "30", "k", "cards.pdf 2"),
    (f"{3:020x}", "Nguyễn Thị Ánh", "NV-99", "2026-11-21", "30", "k", "cards.pdf 3"),
    (f"{4:020x}", "Trần Văn Bình", "", "2026-11-21", "30", "k", "cards.pdf 4"),
    (f"{5:020x}", "=A1", "NV-5", "2026-11-21", "30", "k", "cards.pdf 5"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / REGISTER_FILE).write_text(csv_text([COLUMNS, *ROWS]), encoding="utf-8", newline="")
    return tmp_path


def add(folder: Path, *arguments: str, answer: str = "") -> Result:
    where = ("--register", str(folder / REGISTER_FILE), "-o", str(folder / "deny.cose"))
    return CliRunner().invoke(deny, ["add", *arguments, *where], input=answer)


def withdrawn(folder: Path) -> list[int]:
    path = folder / "deny.cose"
    return sorted(int.from_bytes(one) for one in denylist.load_denylist(path).entries) if path.exists() else []


@pytest.mark.parametrize(
    ("arguments", "serial"),
    [
        (("--reference", "NV-17"), 1),
        (("--reference", " nv-17 "), 1),
        (("--reference", "0905  123 456"), 2),
        (("--name", "Nguyễn Thị Ánh", "--reference", "NV-99"), 3),
        (("--name", "trần văn bình", "--reference", ""), 4),
        (("--name", "=A1"), 5),
    ],
)
def test_the_one_pass_that_matches_is_withdrawn_without_a_question(
    folder: Path, arguments: tuple[str, ...], serial: int
) -> None:
    done = add(folder, *arguments)
    assert done.exit_code == 0, done.output
    assert withdrawn(folder) == [serial]
    assert f"{serial:020x}" in done.output, "the row that was found is shown"


@pytest.mark.parametrize(
    ("answer", "serials"), [("2\n", [3]), ("1,2\n", [1, 3]), ("2 1 2\n", [1, 3]), ("all\n", [1, 3])]
)
def test_where_several_passes_match_the_person_chooses(folder: Path, answer: str, serials: list[int]) -> None:
    name = unicodedata.normalize("NFD", "NGUYỄN thị  ánh")
    done = add(folder, "--name", name, answer=answer)
    assert done.exit_code == 0, done.output
    assert "NV-17" in done.output
    assert "NV-99" in done.output
    assert withdrawn(folder) == serials


@pytest.mark.parametrize("answer", ["", "\n", "3\n", "0\n", "1,x\n", "-1\n", "no\n", "²\n"])
def test_without_a_clear_choice_nothing_is_withdrawn(folder: Path, answer: str) -> None:
    done = add(folder, "--name", "Trần Văn Bình", answer=answer)
    assert done.exit_code == 1
    assert "Nothing was withdrawn" in done.output
    assert withdrawn(folder) == []


@pytest.mark.parametrize(
    "arguments", [("--name", "Nguyễn"), ("--reference", "NV"), ("--name", "=A1", "--reference", "x")]
)
def test_a_part_of_a_name_matches_no_one(folder: Path, arguments: tuple[str, ...]) -> None:
    done = add(folder, *arguments)
    assert done.exit_code == 1
    assert "the register has no such pass" in done.output


def test_a_register_that_cannot_be_read_is_named(folder: Path) -> None:
    register = folder / REGISTER_FILE
    register.write_text("a;b\n1;2\n", encoding="utf-8")
    assert str(register) in str(add(folder, "--reference", "NV-17").exception)
    register.unlink()
    assert "--register" in str(add(folder, "--reference", "NV-17").exception)
