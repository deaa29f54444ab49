"""`kiosk centre web`: serve the pages of the centre."""

from pathlib import Path
from typing import Any

import click

from kiosk.core.ports import KioskError
from kiosk.system.logs import configure_logging
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.printable_text import printable
from web_ui.centre.commands.case_key_option import CASE_KEYS_OF_POSTGRES, case_keys_folder
from web_ui.centre.commands.oidc_options import read_provider, with_provider
from web_ui.centre.serve import run_centre_server
from web_ui.centre.settings import CentreWebSettings

MIN_TOKEN_LENGTH = 16


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, exists=True),
    help="Certificate of the pages, PEM: switches TLS on.",
)
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="Its private key.")
@click.option("--allowed-host", "allowed_hosts", multiple=True, help="A host name of this server. May be repeated.")
@click.option(
    "--metrics-token-file",
    type=click.Path(path_type=Path, exists=True),
    help="File with a token of 16 characters or more: switches /metrics on.",
)
@click.option("--organisation", default="", help="Letterhead of printed pages.")
@click.option(
    "--case-keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the keys of the cases, as of `kiosk trace`. Default: beside the SQLite file, "
    f"or {CASE_KEYS_OF_POSTGRES}.",
)
@with_provider
@click.pass_obj
def web(
    database: str,
    /,
    *,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    allowed_hosts: tuple[str, ...],
    metrics_token_file: Path | None,
    organisation: str,
    case_keys: Path | None,
    **provider: Any,
) -> None:
    """Serve the pages of city, wards, sites and devices until SIGTERM or Ctrl-C, and print their address."""
    configure_logging()
    settings = CentreWebSettings(
        database,
        host,
        port,
        certificate,
        key,
        allowed_hosts=allowed_hosts,
        metrics_token=_read_token(metrics_token_file),
        organisation=organisation,
        oidc=read_provider(**provider),
        case_keys=case_keys_folder(database, case_keys),
    )
    try:
        prepare_enrolment(database)
        prepare_tracing(database)
        prepare_configuration(database)
    except LedgerError as error:
        raise KioskError(printable(str(error))) from error
    run_centre_server(settings, click.echo)


def _read_token(path: Path | None) -> str:
    """The first line of the file. Raises KioskError."""
    if path is None:
        return ""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KioskError(f"{path}: cannot be read: {error}") from error
    if len(token) < MIN_TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise KioskError(f"{path}: a token has {MIN_TOKEN_LENGTH} or more letters and digits, in one line")
    return token
