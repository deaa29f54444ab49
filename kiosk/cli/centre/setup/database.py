"""Makes the database of a new centre: a file, or a role and a database of PostgreSQL on this machine."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, datetime

from kiosk.cli.centre.setup.answers import POSTGRESQL, SQLITE, SetupAnswers
from kiosk.cli.centre.setup.places import SetupPlaces
from kiosk.core.rules import OpeningHours
from kiosk.system.csv_output import csv_text
from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.alerts.store import prepare_alerts
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.registry.csv_format import COLUMNS
from mqtt.centre.registry.store import import_files, read_rows
from mqtt.printable_text import printable

ROLE, DATABASE = "entrance-centre", "entrance"
FIRST_DAY = date(2000, 1, 1)
"""The first area is valid from here: sites may have been there before the centre."""
_SELECT_NAMES = (
    "SELECT rolname FROM pg_roles WHERE rolname = 'entrance-centre' UNION "
    "SELECT datname FROM pg_database WHERE datname = 'entrance'"
)
_SELECT_OURS = (
    "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba "
    "WHERE datname = 'entrance' AND rolname = 'entrance-centre'"
)
ANSWER_TIMEOUT_S = 300.0
"""CREATE DATABASE copies a template and writes it to the disk: on a loaded server it took more than 20 s."""


def database_mistakes(answers: SetupAnswers) -> Iterator[str]:
    """What keeps the database from being made. Asks PostgreSQL, and changes nothing."""
    if answers.database == SQLITE:
        return
    if answers.database != POSTGRESQL:
        try:
            with open_query(answers.database) as query:
                found = query(
                    "SELECT count(*) AS n FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
                )
                if found[0]["n"]:
                    yield "--database: this database has tables already. A new centre needs an empty one."
        except LedgerError as error:
            yield f"--database: {printable(str(error))}."
        return
    if shutil.which("psql") is None:
        yield "--database postgresql: there is no PostgreSQL here. Type: apt install postgresql"
        return
    try:
        done = _psql(_SELECT_NAMES)
    except LedgerError as error:
        yield f"--database postgresql: {error}."
        return
    if done.returncode:
        yield f"--database postgresql: the server does not answer: {done.stderr.strip()}."
    elif found_names := ", ".join(done.stdout.split()):
        yield f"--database postgresql: {found_names} exists already in PostgreSQL. Name its address instead."


def make_database(answers: SetupAnswers, places: SetupPlaces, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> str:
    """Make the role and the database, where PostgreSQL on this machine was chosen. Returns the address or the file.

    Raises LedgerError, and then nothing of it stays.
    """
    if answers.database == SQLITE:
        return str(places.state / "centre.db")
    if answers.database != POSTGRESQL:
        return answers.database
    password = secrets.token_urlsafe(24)
    _require(_psql(f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD '{password}'"))
    try:
        statement = f'CREATE DATABASE "{DATABASE}" OWNER "{ROLE}" ENCODING \'UTF8\' TEMPLATE template0'
        _require(_psql(statement, answer_timeout_s))
    except LedgerError:
        if _psql(_SELECT_OURS).stdout.strip():  # it was made all the same. One of another owner is not ours
            _psql(f'DROP DATABASE "{DATABASE}"')
        _psql(f'DROP ROLE "{ROLE}"')
        raise
    return f"postgresql://{ROLE}:{password}@localhost/{DATABASE}"


def _require(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise LedgerError(f"PostgreSQL refused: {done.stderr.strip()}")


def drop_database() -> None:
    """Take back what `make_database` made in PostgreSQL on this machine."""
    _psql(f'DROP DATABASE IF EXISTS "{DATABASE}"')
    _psql(f'DROP ROLE IF EXISTS "{ROLE}"')


def _psql(statement: str, timeout_s: float = ANSWER_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """As the administrator of PostgreSQL. The statement goes over standard input: other users see command lines.

    Raises LedgerError where the answer takes longer. The statement may have been done.
    """
    command = ["runuser", "-u", "postgres", "--", "psql", "-qAt", "-v", "ON_ERROR_STOP=1"]
    try:
        return subprocess.run(
            command, input=statement, capture_output=True, text=True, check=False, timeout=timeout_s, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise LedgerError(f"PostgreSQL did not answer within {timeout_s:g} s") from error


def make_first_rows(database: str, answers: SetupAnswers, password: str, now: datetime) -> None:
    """Make the tables, the first area, and an account that may do everything in it. Raises LedgerError, AccountChangeError."""
    prepare_alerts(database)
    row = {
        "code": answers.area_code,
        "kind": answers.area_kind,
        "name_vi": answers.organisation,
        "since": FIRST_DAY.isoformat(),
    }
    content = csv_text([COLUMNS["areas"], [row.get(column, "") for column in COLUMNS["areas"]]])
    with open_query(database) as query:
        about = f"area {answers.area_code} {answers.organisation}, account {answers.login}"
        append_audit(query, CentreAuditEntry(f"cli:{answers.administrator}", "init", about, "centre set up"), now)
        import_files(query, [("areas.csv", content.encode())], OpeningHours.parse)
        (area,) = read_rows(query).areas
        accounts.add_account(query, answers.login, answers.administrator, password, now)
        accounts.set_roles(query, answers.login, [Grant(OfficerRole.ADMIN, area.number)])
