"""`kiosk centre init`: five questions, then all keys, certificates and files of a new centre, and the sheet of its keys."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kiosk.cli.centre.setup import answers as setup_answers
from kiosk.cli.centre.setup import database, release_key
from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.cli.centre.setup.config_text import WEB_PORT
from kiosk.cli.centre.setup.places import BROKER_GROUP, CENTRE_GROUP, SetupPlaces
from kiosk.cli.centre.setup.run import CentreExistsError, SetupError, SetupResult, plan, set_up
from kiosk.cli.centre.setup.writing import is_known
from kiosk.core.ports import KioskError
from kiosk.credentials.issuing import key_files

UNITS = (
    "entrance-broker.service",
    "entrance-centre.service",
    "entrance-centre-web.service",
    "entrance-centre-alerts.service",
    "entrance-centre-backup.timer",
)
ENROLMENT_UNIT = "entrance-centre-enrolment.service"
"""Runs where the key of the authority is on this machine."""
QUESTIONS = {
    "organisation": "Name of the city or ward",
    "hosts": "Names and addresses of this machine, with blanks between them",
    "database": "Database (sqlite, postgresql, or an address)",
    "administrator": "Name of the person who administers",
    "offline_dir": "Folder for the offline keys, for example on a stick",
}
OPTIONS = {
    "organisation": "--organisation",
    "hosts": "--host",
    "administrator": "--administrator",
    "offline_dir": "--offline",
}
"""Without a default: a script must give them."""


@click.command()
@click.option("--organisation", help="Name of the city or ward.")
@click.option("--host", "hosts", multiple=True, help="Name or address of this machine for kiosks. May be repeated.")
@click.option("--database", help="sqlite, postgresql (on this machine), or postgresql://USER@HOST/NAME. [sqlite]")
@click.option("--administrator", help="Name of the person who administers. They get the first account.")
@click.option("--offline", "offline_dir", type=click.Path(path_type=Path), help="New folder for the offline keys.")
@click.option("--password-file", type=click.Path(path_type=Path), help="First line: the password of the offline keys.")
@click.option("--area-code", default="1", show_default=True, help="Official code of the city or ward, such as 19753.")
@click.option("--holders", "has_holders", is_flag=True, help="Divide the sealing key: two of three holders are needed.")
@click.option("--authority-offline", "is_authority_offline", is_flag=True, help="Keep ca.key off this machine.")
@click.option("--release-key/--no-release-key", default=True, help="Make the key that signs packages (needs gpg).")
@click.option("--check", is_flag=True, help="Only say what would be made.")
@click.option("--no-start", is_flag=True, help="Do not start the services.")
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)
def init(
    *, password_file: Path | None, release_key: bool, check: bool, no_start: bool, root: Path, **given: Any
) -> None:
    """Set up a new centre with its broker on this machine.

    Asks five questions. Options answer them for scripts. All mistakes are reported at once, and nothing is ever overwritten.
    """
    asked = _ask(given)
    answers = SetupAnswers(password=_password(password_file), **asked)
    places = SetupPlaces(root, answers.offline_dir)
    _refuse(list(_mistakes(answers, root, wants_release_key=release_key)))
    now = datetime.now(UTC)
    try:
        if check:
            _show_plan(answers, places, now)
            return
        account_password = "-".join(secrets.token_hex(2) for _ in range(4))
        done = set_up(answers, places, account_password, now, wants_release_key=release_key)
    except CentreExistsError as error:
        _refuse([f"{path} exists." for path in error.paths])
    except SetupError as error:
        raise KioskError(f"nothing was made: {error}") from error
    else:
        _report(answers, places, done, account_password)
        if root == Path("/") and not no_start:
            _start_units((*UNITS, *(() if answers.is_authority_offline else (ENROLMENT_UNIT,))))


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    """The questions that no option has answered, where a person sits at the terminal."""
    if sys.stdin.isatty():
        for name, question in QUESTIONS.items():
            if not given[name]:
                answer = click.prompt(question, default="sqlite" if name == "database" else None)
                given[name] = answer.split() if name == "hosts" else answer
    given["hosts"] = tuple(given["hosts"])
    given["database"] = given["database"] or setup_answers.SQLITE
    given["offline_dir"] = Path(given["offline_dir"] or "")
    return {name: "" if value is None else value for name, value in given.items()}


def _password(path: Path | None) -> str:
    if path is None and sys.stdin.isatty():
        return str(click.prompt("Password of the offline keys", hide_input=True, confirmation_prompt=True))
    return (key_files.read_password(path) or b"").decode("utf-8", "replace")


def _mistakes(answers: SetupAnswers, root: Path, *, wants_release_key: bool) -> Iterator[str]:
    yield from setup_answers.find_mistakes(answers)
    if root == Path("/"):
        if os.geteuid() != 0:
            yield "this needs root: type sudo kiosk centre init"
        for account, package in ((CENTRE_GROUP, "entrance-centre"), (BROKER_GROUP, "entrance-broker")):
            if not is_known(account, account):
                yield f"there is no user {account}: install the package {package} first."
        if os.geteuid() == 0:
            yield from database.database_mistakes(answers)
    if wants_release_key and not release_key.is_possible():
        yield "gpg is missing, which makes the release key: apt install gpg, or add --no-release-key."


def _refuse(mistakes: list[str]) -> None:
    """Print all mistakes and end, if there are any."""
    if not mistakes:
        return
    for mistake in mistakes:
        click.echo(mistake, err=True)
    raise click.ClickException(f"nothing was made: {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}.")


def _show_plan(answers: SetupAnswers, places: SetupPlaces, now: datetime) -> None:
    for file in plan(answers, places, now):
        click.echo(f"{file.mode:04o} {file.user}:{file.group} {places.shown(file.path)}")
    click.echo("This was a check: nothing was written.")


def _report(answers: SetupAnswers, places: SetupPlaces, done: SetupResult, account_password: str) -> None:
    click.echo(done.sheet_text)
    click.echo(f"Print this sheet: {done.sheet_path}")
    click.echo(f"Pages of the centre: https://{answers.hosts[0]}:{WEB_PORT}/")
    click.echo(f"First account: {answers.login}, password {account_password}  (it is shown this once)")
    click.echo(f"Every kiosk needs the files of {places.shown(places.for_kiosks)}.")
    click.echo(f"Now take {answers.offline_dir} off this machine.")


def _start_units(units: tuple[str, ...]) -> None:
    """Start all services. Raises KioskError where one does not run."""
    if not Path("/run/systemd/system").exists():
        click.echo(f"There is no systemd here. Start: {' '.join(units)}")
        return
    subprocess.run(["systemctl", "enable", "--quiet", *units], check=True)
    subprocess.run(["systemctl", "restart", *units], check=False)
    states = {unit: _state(unit) for unit in units}
    for unit, state in states.items():
        click.echo(f"{unit}: {state}")
    failed = [unit for unit, state in states.items() if state != "active"]
    if failed:
        raise KioskError(f"not running: {', '.join(failed)}. Look at: journalctl -u {failed[0]} -n 20")


def _state(unit: str) -> str:
    done = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False)
    return done.stdout.strip()
