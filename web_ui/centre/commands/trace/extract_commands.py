"""`kiosk trace station-key`, `extract` and `load`: questions on a station without a network, where the private keys are."""

from datetime import datetime
from pathlib import Path

import click
import pyrage

from kiosk.system.atomic_files import write_file
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.backup.encrypted_file import open_identity, parse_recipient, read_encrypted, write_encrypted
from mqtt.centre.backup.records import CopyError
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.schema_parts import is_postgres
from mqtt.centre.tracing.cases import cases
from mqtt.centre.tracing.extract.loading import ExtractError, load_extract
from mqtt.centre.tracing.extract.writing import ExtractCounts, extract_lines
from mqtt.printable_text import printable
from web_ui.centre.commands.trace.context import (
    TIME_FORMATS,
    TraceSettings,
    as_utc,
    in_words,
    ledger_source,
    signed_in,
    with_account,
)


@click.command(name="station-key")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def station_key(out: Path) -> None:
    """Make the key of a station, on the station. Give the printed public key to the centre."""
    if out.exists():
        raise click.ClickException(f"{out} exists already. It is not overwritten")
    identity = pyrage.x25519.Identity.generate()
    write_file(out, f"# public key: {identity.to_public()}\n{identity}\n".encode(), mode=0o600)
    click.echo(str(identity.to_public()))


@click.command()
@click.argument("case", type=int)
@click.option("--since", required=True, type=click.DateTime(TIME_FORMATS), help="Time of the city.")
@click.option("--until", required=True, type=click.DateTime(TIME_FORMATS), help="Time of the city.")
@click.option("--station", required=True, metavar="age1…", help="Public key of the station.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to carry over.")
@with_account
@click.pass_obj
def extract(
    settings: TraceSettings,
    case: int,
    *,
    since: datetime,
    until: datetime,
    station: str,
    out: Path,
    account: str,
    password_file: Path | None,
) -> None:
    """Write the sealed passages of an open case for a station, encrypted to its key."""
    try:
        recipient = parse_recipient(station)
        with signed_in(settings, account, password_file) as by:
            found = cases.find_case(by.query, case)
            cases.check_use(found, by.officer, by.area_of(found), by.now)
            period = f"{as_utc(since):%Y-%m-%d %H:%M} to {as_utc(until):%Y-%m-%d %H:%M} UTC"
            what = f"{cases.about(found)}: {period}, for {station.strip()[:80]}"
            append_audit(by.query, CentreAuditEntry(account, "extract", what, found.why, found.area), by.now)
        counts = ExtractCounts()
        with in_words():
            source = ledger_source(settings, case)
            write_encrypted(extract_lines(source, found, as_utc(since), as_utc(until), counts), out, recipient)
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: {counts.passages} sealed passages of case {case}.")


@click.command()
@click.argument("extract_path", metavar="EXTRACT", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--station-key", "key_path", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def load(settings: TraceSettings, extract_path: Path, *, key_path: Path) -> None:
    """Load an extract into a new file on the station (--database), and work on it with the other commands there."""
    if is_postgres(settings.database):
        raise click.ClickException("a station works on a file: name a new one with --database")
    try:
        identity = open_identity(key_path.read_bytes(), "")
        with read_encrypted(extract_path, identity) as lines:
            case, passages = load_extract(lines, settings.database)
    except (CopyError, ExtractError, LedgerError) as error:
        raise click.ClickException(printable(str(error))) from error
    click.echo(
        f"case {case}: {passages} sealed passages. Ask with: kiosk trace --database {settings.database} place {case} …"
    )
