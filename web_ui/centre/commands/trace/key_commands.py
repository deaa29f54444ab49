"""`kiosk trace keys`: make the sealing keys of many weeks, show them, destroy those of a week. On a station without a network."""

from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.cli.issuing import root_keys
from kiosk.core.subject_sealing import WeeklyKey
from kiosk.credentials.trust.files import ListError, read_list_file
from kiosk.credentials.trust.sealing_keys import (
    MAX_WEEKS,
    SealingKeyList,
    parse_sealing_keys,
    sign_sealing_keys,
    week_start,
)
from kiosk.credentials.trust.trust_list import ROOT_PUBLIC_KEY_FILE
from kiosk.system.atomic_files import write_file
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.keys import weekly_keys
from mqtt.centre.tracing.keys.shares import HOLDERS
from web_ui.centre.commands.options import with_reason
from web_ui.centre.commands.trace.context import TraceSettings, in_words
from web_ui.centre.data.calendar import utc_now

LIST_FILE = "sealing-keys.cose"
FOLDERS = click.argument(
    "folders", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1, required=True
)


@click.group(name="keys")
def keys() -> None:
    """The sealing keys of each week. Kiosks take the public ones from a signed list."""


@keys.command(name="make")
@click.option("--weeks", type=click.IntRange(1, MAX_WEEKS), default=26, show_default=True)
@click.option("--first", metavar="YEAR-Wnn", help="The first week. Default: the one after the list, or this week.")
@click.option(
    "--holder",
    "holders",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help=f"The folder of a holder, for example on a stick. Name {HOLDERS}: any two of them open a week, one alone nothing.",
)
@click.option("--whole", type=click.Path(path_type=Path, file_okay=False), help="One folder for whole keys instead.")
@click.option("--list", "list_path", type=click.Path(path_type=Path), default=Path(LIST_FILE), show_default=True)
@root_keys.private_option
@root_keys.password_option
def make(
    weeks: int,
    *,
    first: str | None,
    holders: tuple[Path, ...],
    whole: Path | None,
    list_path: Path,
    root_key: Path | None,
    password_file: Path | None,
) -> None:
    """Make keys for many weeks, and sign the list of their public halves. Run it again to make the list longer."""
    if bool(whole) == bool(holders) or len(set(holders)) not in {0, HOLDERS}:
        raise click.UsageError(f"name {HOLDERS} different folders with --holder, or one with --whole")
    root = root_keys.open_root_key(root_key, password_file, beside=list_path)
    before = _read_list(list_path)
    made = weekly_keys.make_week_keys(_first_week(first, before), weeks)
    with in_words():
        if whole:
            weekly_keys.write_whole(made, whole)
        else:
            weekly_keys.write_shares(made, list(holders))
    public = [WeeklyKey(one.since_at, one.key.public_key().public_bytes_raw()) for one in made]
    number = before.number + 1 if before else 1
    signed = SealingKeyList(number, utc_now().replace(microsecond=0), (*(before.keys if before else ()), *public))
    try:
        write_file(list_path, sign_sealing_keys(root, signed))
    except ListError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{list_path}: list {number}, {len(signed.keys)} weeks, {made[0].week} to {made[-1].week} are new.")


@keys.command(name="show")
@FOLDERS
def show(folders: tuple[Path, ...]) -> None:
    """The weeks of which these folders have a key or a share."""
    for week in weekly_keys.weeks_in(folders):
        click.echo(week)


@keys.command(name="destroy")
@click.argument("week", metavar="YEAR-Wnn")
@FOLDERS
@with_reason
@click.pass_obj
def destroy(settings: TraceSettings, week: str, folders: tuple[Path, ...], *, requested_by: str, reason: str) -> None:
    """Destroy the key of a week in these folders. What was sealed in that week can then never be opened again.

    Two of three holders are enough: the share that is left opens nothing.
    """
    _check_week(week)
    with in_words():
        prepare_tracing(settings.database)
        with open_query(settings.database) as query:
            entry = CentreAuditEntry(f"cli:{requested_by}", "destroy-key", week, reason)
            append_audit(query, entry, utc_now())
        deleted = weekly_keys.destroy_week(week, folders)
    if not deleted:
        raise click.ClickException(f"these folders have nothing of the key of {week}")
    for path in deleted:
        click.echo(f"destroyed: {path}")


def _read_list(path: Path) -> SealingKeyList | None:
    if not path.exists():
        return None
    try:
        return parse_sealing_keys(read_list_file(path), read_list_file(path.with_name(ROOT_PUBLIC_KEY_FILE)))
    except ListError as error:
        raise click.ClickException(str(error)) from error


def _first_week(text: str | None, before: SealingKeyList | None) -> datetime:
    if text is not None:
        return _check_week(text)
    return before.keys[-1].since_at + weekly_keys.WEEK if before else week_start(datetime.now(UTC))


def _check_week(text: str) -> datetime:
    try:
        return weekly_keys.parse_week(text)
    except ValueError as error:
        raise click.BadParameter("a week looks like 2026-W48.") from error
