"""`kiosk centre init` with PostgreSQL on this machine: where the server is slow or refuses, nothing of ours stays."""

from pathlib import Path

import pytest

from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.cli.centre.setup.database import make_database
from kiosk.cli.centre.setup.places import SetupPlaces
from mqtt.centre.ingest.ledger_error import LedgerError

PSQL = """\
#!/bin/sh
# Stands for psql: notes each statement, and answers as the test wants.
read -r statement
echo "$statement" >> {log}
case "$statement" in
    "CREATE DATABASE"*) {create} ;;
    "SELECT datname"*) echo "{owned}" ;;
esac
"""
REFUSES = "echo 'ERROR: database exists' >&2; exit 1"
ANSWERS = SetupAnswers("A", ("a.example",), "postgresql", "A", Path("keys"), "mot-mat-khau-dai")


@pytest.fixture
def statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the program goes first in PATH. The file that it writes."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "statements"


def psql(statements: Path, create: str, owned: str) -> None:
    program = statements.parent / "runuser"
    program.write_text(PSQL.format(log=statements, create=create, owned=owned), encoding="utf-8")
    program.chmod(0o755)


def asked(statements: Path) -> list[str]:
    """The first two words of each statement."""
    return [" ".join(line.split()[:2]) for line in statements.read_text(encoding="utf-8").splitlines()]


def test_a_database_that_came_too_late_is_dropped_with_its_role(statements: Path, tmp_path: Path) -> None:
    psql(statements, "sleep 1", "entrance")
    with pytest.raises(LedgerError, match=r"did not answer within 0\.1 s"):
        make_database(ANSWERS, SetupPlaces(tmp_path, tmp_path), answer_timeout_s=0.1)
    assert asked(statements) == ["CREATE ROLE", "CREATE DATABASE", "SELECT datname", "DROP DATABASE", "DROP ROLE"]


def test_a_database_of_another_owner_stays(statements: Path, tmp_path: Path) -> None:
    psql(statements, REFUSES, "")
    with pytest.raises(LedgerError, match="database exists"):
        make_database(ANSWERS, SetupPlaces(tmp_path, tmp_path))
    assert asked(statements) == ["CREATE ROLE", "CREATE DATABASE", "SELECT datname", "DROP ROLE"]


def test_the_address_has_a_password_that_the_server_got(statements: Path, tmp_path: Path) -> None:
    psql(statements, "true", "")
    address = make_database(ANSWERS, SetupPlaces(tmp_path, tmp_path))
    password = address.removeprefix("postgresql://entrance-centre:").removesuffix("@localhost/entrance")
    assert f"PASSWORD '{password}'" in statements.read_text(encoding="utf-8")
