"""`kiosk centre enrol`: invite kiosks, compare their words, approve them, and serve EST (RFC 7030)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kiosk.config.addresses import split_host_port
from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.core.ports import KioskError
from kiosk.enrolment.invitation_code import WifiNetwork
from kiosk.system.logs import configure_logging
from mqtt.broker.pki_error import PkiError
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation, InvitationError, InvitationState
from mqtt.centre.enrolment.key_words import key_words, same_words
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.enrolment.settings import (
    DEFAULT_DAYS,
    CentreEnrolmentSettings,
    authority_fingerprint,
    read_settings,
    write_settings,
)
from mqtt.centre.ingest.database import Query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from mqtt.remote.signature import FleetKeyError, load_fleet_public_keys
from web_ui.centre.commands.enrolment_code import approve_request, code_options, show_code, wait_and_approve
from web_ui.centre.commands.enrolment_transaction import enrolment_query, write_entry
from web_ui.centre.commands.options import with_reason
from web_ui.centre.commands.revoke import (
    REVOCATION_OPTIONS,
    Revocation,
    configured_revocation,
    lock_out,
    revocation_options,
)
from web_ui.centre.enrolment_codes import about_request, invitation_text
from web_ui.centre.est.serve import EstSettings, run_est_server

readable_file = click.Path(path_type=Path, exists=True, dir_okay=False)
MAX_LIST_BYTES = 8 * 1024 * 1024
"""As kiosk.credentials.trust reads them."""


@click.group()
def enrol() -> None:
    """Invite kiosks by a QR code, and approve their certificates."""


@enrol.command(name="set-up")
@click.option("--url", required=True, help="Address of the enrolment service for kiosks: https://HOST:8446.")
@click.option(
    "--broker", "brokers", multiple=True, required=True, help="host:port of the MQTT broker. May be repeated."
)
@click.option("--ca", type=readable_file, required=True, help="CA certificate.")
@click.option("--root", type=readable_file, required=True, help="Public key that signs the lists.")
@click.option("--sealing-key", type=readable_file, required=True, help="Public sealing key of the centre.")
@click.option("--trust-list", type=readable_file, required=True)
@click.option("--denylist", type=readable_file)
@click.option("--fleet-key", type=readable_file, help="Public key that signs commands. Without it, kiosks obey none.")
@click.option("--values", type=readable_file, help="TOML file with configuration values for all kiosks.")
@click.option("--certificate-days", type=click.IntRange(1, 3650), default=DEFAULT_DAYS, show_default=True)
@with_reason
@click.pass_obj
def set_up(
    database: str,
    *,
    url: str,
    brokers: tuple[str, ...],
    ca: Path,
    root: Path,
    sealing_key: Path,
    trust_list: Path,
    denylist: Path | None,
    fleet_key: Path | None,
    values: Path | None,
    certificate_days: int,
    requested_by: str,
    reason: str,
) -> None:
    """Set what a kiosk gets when it enrols. Run it again after a change, for example of a list."""
    settings = CentreEnrolmentSettings(
        url=url.rstrip("/"),
        brokers=_checked_brokers(brokers),
        authority=_read(ca),
        root_public_key=_read(root),
        sealing_public_key=_read(sealing_key),
        trust_list=_read(trust_list),
        denylist=_read(denylist) if denylist else b"",
        fleet_public_key=_read_fleet_key(fleet_key),
        values=_checked_values(values),
        certificate_days=certificate_days,
    )
    try:
        fingerprint = authority_fingerprint(settings.authority).hex()
    except ValueError as error:
        raise click.ClickException(f"{ca}: is not a certificate in PEM form.") from error
    with enrolment_query(database) as query:
        write_entry(query, requested_by, "set-up-enrolment", settings.url, reason)
        write_settings(query, settings)
    click.echo(f"Kiosks enrol at {settings.url}. Fingerprint of the CA: {fingerprint}")


def _read_fleet_key(path: Path | None) -> bytes:
    """Only the public half goes to kiosks. Raises click.ClickException."""
    if path is None:
        return b""
    content = _read(path)
    try:
        load_fleet_public_keys(content)
    except FleetKeyError as error:
        raise click.ClickException(f"{path}: {error}") from error
    return content


def _checked_brokers(texts: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(part.strip() for text in texts for part in text.split(","))
    try:
        for text in found:
            split_host_port(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--broker") from error
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}.") from error
    if len(content) > MAX_LIST_BYTES:
        raise click.ClickException(f"{path}: is larger than {MAX_LIST_BYTES} bytes.")
    return content


def _checked_values(path: Path | None) -> str:
    """The kiosk checks them once more, with its own file, before they are in force."""
    if path is None:
        return ""
    content = _read(path)
    try:
        tree = parse_toml(content)
        text = content.decode("utf-8-sig")
    except (TomlError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}.") from error
    if forbidden := sorted({"keys", "enrolment", "run_dir", "sysfs"} & tree.keys()):
        raise click.ClickException(f"{path}: {', '.join(forbidden)}: each kiosk sets this itself.")
    return text


@enrol.command()
@click.argument("site")
@click.argument("device")
@code_options
@with_reason
@click.pass_obj
def new(database: str, /, *, site: str, device: str, **options: Any) -> None:
    """Invite the kiosk DEVICE at SITE: shows a QR code for its camera, valid for an hour. An earlier code ends."""
    _invite(database, site, device, **options)


@enrol.command()
@click.argument("site")
@click.argument("device")
@code_options
@revocation_options
@with_reason
@click.pass_context
def replace(context: click.Context, /, *, site: str, device: str, **options: Any) -> None:
    """Lock out the kiosk DEVICE at SITE, which is broken or stolen, and invite the new one under the same name.

    The options for the revocation are those of `kiosk centre revoke`, also in the file of the centre.
    """
    database, name = str(context.obj), f"{site}/{device}"
    with enrolment_query(database) as query:
        read_settings(query)  # before the old one is locked out
    revocation = {each: options.pop(each) for each in REVOCATION_OPTIONS}
    requested_by, reason = options["requested_by"], options["reason"]
    lock_out(database, name, Revocation(**configured_revocation(context, revocation)), requested_by, reason)
    _invite(database, site, device, **options)
    click.echo(
        f"When the new kiosk is ready, acknowledge what the old one had not sent: "
        f"kiosk centre acknowledge --site {site} --device {device}"
    )


def _invite(
    database: str,
    site: str,
    device: str,
    *,
    png: Path | None,
    wait: bool,
    ssid: str | None,
    wifi_password_file: Path | None,
    requested_by: str,
    reason: str,
) -> None:
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        settings = read_settings(query)
        write_entry(query, requested_by, "invite-kiosk", f"{site}/{device}", reason)
        made, token = invitations.create_invitation(query, site, device, requested_by, now)
        text = invitation_text(settings, made, token, _wifi(ssid, wifi_password_file))
        show_code(made, text, png)
    if wait:
        wait_and_approve(database, made.number, requested_by, reason)
    else:
        click.echo("When the kiosk has read it, compare its words: kiosk centre enrol list")


def _wifi(ssid: str | None, password_file: Path | None) -> WifiNetwork | None:
    if ssid is None:
        return None
    lines = _read(password_file).decode("utf-8", "replace").splitlines() if password_file else []
    return WifiNetwork(ssid, lines[0].strip() if lines else "")


@enrol.command(name="list")
@click.option("--all", "list_all", is_flag=True, help="Also those that are over.")
@click.pass_obj
def list_(database: str, *, list_all: bool) -> None:
    """Show the invitations, and the words of kiosks that wait for an approval."""
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        found = invitations.read_invitations(query, now)
    over = {InvitationState.ENDED, InvitationState.REFUSED, InvitationState.ISSUED}
    shown = [one for one in found if list_all or one.state_at(now) not in over or one.conflicts]
    for one in shown:
        click.echo("\n".join(_lines(one, now)))
    if not shown:
        click.echo("Nothing waits.")


def _lines(one: Invitation, now: datetime) -> Iterator[str]:
    yield f"{one.number}  {one.wire_name}  {one.state_at(now)}  until {one.expires_at.astimezone():%Y-%m-%d %H:%M}"
    if one.public_key_der:
        for language in ("vi", "en"):
            yield f"    {language}: {' '.join(key_words(one.public_key_der, language))}"
        yield f"    board {one.hardware_serial or 'unknown'}, from {one.address or 'unknown'}"
    if one.conflicts:
        yield f"    ALERT: used with another key {one.conflicts} times, last from {one.conflict_address}. Refuse it."


@enrol.command()
@click.argument("number", type=int)
@click.option("--words", required=True, help="The four words on the page of the kiosk, in any language.")
@with_reason
@click.pass_obj
def approve(database: str, *, number: int, words: str, requested_by: str, reason: str) -> None:
    """Approve request NUMBER. The words must be those that the kiosk shows."""
    with enrolment_query(database) as query:
        found = _waiting(query, number)
    if not same_words(words, found.public_key_der):
        raise click.ClickException(
            "nothing was changed: these are not the words of the request. Refuse it, and look at who holds the code"
        )
    approve_request(database, number, requested_by, reason)
    click.echo(f"{found.wire_name} is approved. The kiosk gets its certificate within seconds.")


@enrol.command()
@click.argument("number", type=int)
@with_reason
@click.pass_obj
def refuse(database: str, *, number: int, requested_by: str, reason: str) -> None:
    """Refuse request NUMBER. Its code is then worth nothing."""
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        found = _waiting(query, number)
        write_entry(query, requested_by, "refuse-enrolment", about_request(found), reason)
        invitations.decide(query, number, approve=False, by=f"cli:{requested_by}", now=now)
    click.echo(f"{found.wire_name} is refused.")


def _waiting(query: Query, number: int) -> Invitation:
    found = invitations.find_invitation(query, number)
    if found is None or not found.public_key_der:
        raise InvitationError(f"no request {number} waits for an approval")
    return found


@enrol.command()
@click.option(
    "--pki", "pki_folder", type=click.Path(path_type=Path, file_okay=False), default=Path("pki"), show_default=True
)
@click.option("--certificate", type=readable_file, required=True, help="Server certificate of this service, PEM.")
@click.option("--key", type=readable_file, help="Its private key.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104  for kiosks
@click.option("--port", type=click.IntRange(0, 65535), default=8446, show_default=True)
@click.pass_obj
def serve(database: str, *, pki_folder: Path, certificate: Path, key: Path | None, host: str, port: int) -> None:
    """Serve enrolment and renewal over TLS until SIGTERM or Ctrl-C. Holds the key of the CA: a user of its own runs it."""
    configure_logging()
    try:
        prepare_enrolment(database)
        run_est_server(EstSettings(database, pki_folder, certificate, key, host, port), click.echo)
    except (LedgerError, PkiError) as error:
        raise KioskError(printable(str(error))) from error
