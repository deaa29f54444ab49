"""`kiosk centre command`: give one kiosk a command, wait for its reply, and say in words what came of it."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from kiosk.credentials.issuing.output_files import write_output
from kiosk.system.translations import Translator, translator
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.remote import store
from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.remote.store import CommandNotTakenError, CommandRow, NewCommand
from mqtt.printable_text import printable
from mqtt.remote.commands import MAX_LIFETIME, CommandName, ReplyState

POLL_S = 0.3
_NEVER = threading.Event()
GRACE = timedelta(seconds=5)
"""How long after its end a running centre has time to write that a command expired."""
MIN_REASON_LENGTH = 10
SUFFIXES = {CommandName.SEND_LOG: "log.txt", CommandName.SUPPORT_BUNDLE: "support.zip"}


@click.command(name="command")
@click.argument("device", metavar="SITE/DEVICE")
@click.argument("name", metavar="COMMAND", type=click.Choice([each.value for each in CommandName]))
@click.option("--minutes", type=click.IntRange(1, 24 * 60), help="pause: how long. The gate resumes by itself.")
@click.option("--lines", type=click.IntRange(1, 1000), help="send-log: how many, the newest.")
@click.option("--level", type=click.Choice(["info", "warning", "error"]), help="send-log: this level and higher.")
@click.option("--id", "ids", multiple=True, help="forget: id of an access event. May be repeated.")
@click.option("--requested-by", required=True, help="The name of the person who asks.")
@click.option("--reason", required=True, help="Why, for the audit of centre and kiosk.")
@click.option(
    "--expires-s",
    type=click.IntRange(10, int(MAX_LIFETIME.total_seconds())),
    default=int(store.DEFAULT_LIFETIME.total_seconds()),
    show_default=True,
    help="After this time the kiosk does not obey any more, seconds.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File for the log or the support bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_obj
def command(
    database: str,
    /,
    *,
    device: str,
    name: str,
    requested_by: str,
    reason: str,
    expires_s: int,
    output: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Give a kiosk a command and wait for its reply. Exit status 1 where it was not done.

    COMMAND: pause (with --minutes), resume, restart, lamp-test, send-log, support-bundle, release-quarantine, forget. A running
    `kiosk centre --fleet-key` sends it. The audit says who asked for it, before it is sent.
    """
    if len(reason.strip()) < MIN_REASON_LENGTH:
        raise click.BadParameter(f"an auditor needs at least {MIN_REASON_LENGTH} characters.", param_hint="--reason")
    wanted = CommandName(name)
    new = NewCommand(
        device, wanted, _arguments(given), f"cli:{requested_by.strip()}", reason.strip(), timedelta(seconds=expires_s)
    )
    with _database_errors():
        prepare_remote(database)
        with open_query(database) as query:
            order_id = store.add_command(query, new, datetime.now(UTC))
    t = translator("en")
    row = wait_for_reply(database, order_id, lambda text: click.echo(text, err=True), t)
    if as_json:
        click.echo(json.dumps({"id": row.id, "state": row.state, "code": row.code, "count": row.count}))
    else:
        click.echo(f"{row.device} {row.name}: {printable(result_sentence(row, t))}")
    if row.state != ReplyState.DONE:
        raise SystemExit(1)
    if wanted in SUFFIXES:
        with _database_errors(), open_query(database) as query:
            _save_content(query, row, output or Path(f"{device.replace('/', '.')}-{SUFFIXES[wanted]}"))


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """Only what was given: a command refuses none, and the defaults are those of the command."""
    found = {key: value for key, value in given.items() if value not in (None, ())}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def wait_for_reply(
    database: str,
    order_id: str,
    tell: Callable[[str], None],
    t: Translator,
    *,
    wait: Callable[[float], object] = _NEVER.wait,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CommandRow:
    """Wait until the command has its last state, or until its time is over. `tell` gets each step. Raises ClickException."""
    told = ""
    while True:
        with _database_errors(), open_query(database) as query:
            row = store.find_command(query, order_id)
        assert row is not None
        if not row.is_open or now() > row.expires_at + GRACE:
            return row
        if row.state != told:
            told = row.state
            tell(t(f"centre.command.state.{told}"))
        wait(POLL_S)


def result_sentence(row: CommandRow, t: Translator) -> str:
    """What came of a command, in words."""
    if row.state == ReplyState.DONE:
        text = t("centre.command.state.done")
        return f"{text} ({row.count})" if row.count is not None else text
    if row.is_open or row.state == store.EXPIRED:
        return t.code("centre.command.unanswered", row.code or row.state)
    why = t.code("centre.command.code", row.code)
    return f"{t(f'centre.command.state.{row.state}')}: {why}{f' ({row.detail})' if row.detail else ''}"


def _save_content(query: Query, row: CommandRow, path: Path) -> None:
    content = store.read_content(query, row.id)
    if content is None:
        raise click.ClickException("the parts of the file did not all arrive. Ask for it again")
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    write_output(path, content, mode=0o600)
    click.echo(f"{path}: {len(content)} bytes", err=True)


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except CommandNotTakenError as error:
        raise click.ClickException(f"nothing was sent: {printable(str(error))}") from error
    except LedgerError as error:
        raise click.ClickException(printable(str(error))) from error
