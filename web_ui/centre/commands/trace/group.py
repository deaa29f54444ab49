"""`kiosk trace`: trace contacts under a case of two officers, and forget when it ends."""

from pathlib import Path

import click

from mqtt.centre.tracing.cases.case_keys import CaseKeys
from web_ui.centre.commands.case_key_option import CASE_KEYS_OF_POSTGRES, case_keys_folder
from web_ui.centre.commands.trace import (
    case_commands,
    erasure_commands,
    extract_commands,
    key_commands,
    question_commands,
    result_commands,
)
from web_ui.centre.commands.trace.context import TraceSettings


@click.group()
@click.option("--database", default="centre.db", show_default=True, help="A file, or postgresql://user@host/name.")
@click.option(
    "--case-keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the keys of the cases. Never put it into a backup. Default: beside the SQLite file, "
    f"or {CASE_KEYS_OF_POSTGRES}.",
)
@click.pass_context
def trace(context: click.Context, database: str, case_keys: Path | None) -> None:
    """Trace contacts under a case: one officer opens it, another one approves it, and it ends by itself after 28 days."""
    context.obj = TraceSettings(database, CaseKeys(case_keys_folder(database, case_keys)))


for command in (
    case_commands.open_command,
    case_commands.approve,
    case_commands.refuse,
    case_commands.end,
    case_commands.cases_command,
    question_commands.place,
    question_commands.person,
    question_commands.contacts,
    question_commands.answer,
    result_commands.results,
    key_commands.keys,
    erasure_commands.erase,
    erasure_commands.certificate,
    erasure_commands.breach,
    extract_commands.station_key,
    extract_commands.extract,
    extract_commands.load,
):
    trace.add_command(command)
