"""The commands of registry, accounts and audit: what they print, what they refuse, and the audit row of each change."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query

WHO = ("--requested-by", "Lê Văn Tám", "--reason", "decision 12 of the city")
PASSWORD = "nước sông Hương chảy chậm"


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "centre.db")


def run(database: str, *arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(centre, ["--database", database, *arguments], input=answers)


def import_sample(database: str, tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_bytes(run(database, "registry", "sample").stdout_bytes)
    assert run(database, "registry", "import", str(path), *WHO).exit_code == 0


def audited(database: str) -> list[tuple[str, str, str]]:
    with open_query(database) as query:
        return [(row.entry.who, row.entry.what, row.entry.about) for row in reversed(read_audit(query))]


def test_the_sample_is_imported_exported_and_imported_again(database: str, tmp_path: Path) -> None:
    import_sample(database, tmp_path)
    out = tmp_path / "out.csv"
    assert run(database, "registry", "export", "areas", "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith("\ufeff".encode())
    assert "0 added, 0 changed, 41 unchanged" in run(database, "registry", "import", str(out), *WHO).output
    assert audited(database) == [("cli:Lê Văn Tám", "import-registry", name) for name in ("areas.csv", "out.csv")]


def test_a_check_writes_nothing(database: str, tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_bytes(run(database, "registry", "sample").stdout_bytes)
    assert "This was a check" in run(database, "registry", "import", str(path), "--check", *WHO).output
    assert run(database, "registry", "export", "areas").output.count("\n") == 1
    assert audited(database) == []


def test_mistakes_are_listed_and_nothing_is_written_not_even_to_the_audit(database: str, tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("site,title,area,kind,since\na,A,99999,shop,2025-08-01\nB,B,1,shop,x\n", encoding="utf-8")
    result = run(database, "registry", "import", str(path), *WHO)
    assert result.exit_code == 1
    assert "sites.csv: line 2: area: no area 99999 is valid on 2025-08-01" in result.output
    assert "nothing was imported: 3 mistakes" in result.output
    assert audited(database) == []


@pytest.mark.parametrize(
    "wrong", [("--requested-by", " ", "--reason", "long enough here"), ("--requested-by", "An", "--reason", "no")]
)
def test_a_change_needs_a_name_and_a_reason(database: str, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x", encoding="utf-8")
    assert run(database, "registry", "import", str(path), *wrong).exit_code == 2


def test_an_account_is_added_closed_and_reopened_and_each_act_is_in_the_audit(database: str, tmp_path: Path) -> None:
    import_sample(database, tmp_path)
    answers = f"{PASSWORD}\n{PASSWORD}\n"
    assert run(database, "account", "add", "binh", "--role", "viewer:19753", *WHO, answers=answers).exit_code == 0
    assert run(database, "account", "roles", "binh", "--role", "operator:19777", *WHO).exit_code == 0
    assert run(database, "account", "password", "binh", *WHO, answers=answers).exit_code == 0
    assert run(database, "account", "close", "binh", "--until", "2099-01-01", *WHO).exit_code == 0
    listed = run(database, "account", "list").output
    assert "binh (binh, closed from 2099-01-01 on)" in listed
    assert "operator in 19777 Phường Vỹ Dạ" in listed
    assert run(database, "account", "close", "binh", "--reopen", *WHO).exit_code == 0
    assert [what for _, what, _ in audited(database)][1:] == [
        "add-account",
        "set-roles",
        "set-password",
        "close-account",
        "reopen-account",
    ]


@pytest.mark.parametrize(
    ("arguments", "answers", "text"),
    [
        (("add", "Binh"), PASSWORD, "is not a name"),
        (("add", "binh"), "short", "12 to 256"),
        (("add", "binh", "--role", "king:46"), PASSWORD, "is not a role"),
        (("add", "binh", "--role", "viewer:99999"), PASSWORD, "there is no area"),
        (("roles", "missing"), "", "there is no account"),
        (("close", "missing"), "", "there is no account"),
        (("password", "missing"), PASSWORD, "there is no account"),
    ],
)
def test_a_refused_change_leaves_no_account_and_no_audit_row(
    database: str, arguments: tuple[str, ...], answers: str, text: str
) -> None:
    result = run(database, "account", *arguments, *WHO, answers=f"{answers}\n{answers}\n")
    assert result.exit_code == 1
    assert text in result.output
    assert audited(database) == []
    assert "There is no account yet." in run(database, "account", "list").output


def test_verify_prints_a_head_that_finds_a_cut_later(database: str, tmp_path: Path) -> None:
    import_sample(database, tmp_path)
    head = run(database, "audit", "verify").output.split()[-1]
    assert run(database, "audit", "verify", "--expect", head).exit_code == 0
    with open_query(database) as query:
        query("DELETE FROM audit")
        query("UPDATE audit_head SET number = 0, hash = ''")
    assert run(database, "audit", "verify").exit_code == 0
    assert run(database, "audit", "verify", "--expect", head).exit_code == 1


def test_a_role_in_an_area_that_ended_says_that_it_gives_no_rights(database: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("code,kind,name_vi,since\n46,city,Huế,2020-01-01\n", encoding="utf-8")
    run(database, "registry", "import", str(path), *WHO)
    run(database, "account", "add", "an", "--role", "admin:46", *WHO, answers=f"{PASSWORD}\n{PASSWORD}\n")
    path.write_text("code,kind,name_vi,since,until\n46,city,Huế,2020-01-01,2021-01-01\n", encoding="utf-8")
    run(database, "registry", "import", str(path), *WHO)
    assert "which ended on 2021-01-01: no rights" in run(database, "account", "list").output


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(b"not a database" * 100)
    result = run(str(path), "account", "list")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
