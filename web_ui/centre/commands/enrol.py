"""`kiosk centre enrol`: invite kiosks, compare their words, approve them, and serve EST (RFC 7030)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import segno

from kiosk.config.addresses import split_host_port
from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.core.ports import KioskError
from kiosk.credentials.issuing.qr_images import make_qr_code, write_png
from kiosk.enrolment.invitation_code import InvitationCodeError, WifiNetwork
from kiosk.system.logs import configure_logging
from mqtt.broker.certificates import PkiError
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation, InvitationError, InvitationState
from mqtt.centre.enrolment.key_words import key_words, same_words
from mqtt.centre.enrolment.schema import prepare_enrolment, wait_for_writers
from mqtt.centre.enrolment.settings import (
    DEFAULT_DAYS,
    EnrolmentSettings,
    NotSetUpError,
    authority_fingerprint,
    read_settings,
    write_settings,
)
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from mqtt.remote.signature import FleetKeyError, load_fleet_public_keys
from web_ui.centre.commands.options import with_reason
from web_ui.centre.enrolment_codes import about_request, invitation_text
from web_ui.centre.est.serve import EstSettings, run_est_server

readable_file = click.Path(path_type=Path, exists=True, dir_okay=False)
MAX_LIST_BYTES = 8 * 1024 * 1024
"""As kiosk.credentials.trust reads them."""


@contextmanager
def enrolment_query(database: str) -> Iterator[Query]:
    """One transaction, with the tables of enrolment. Expected errors become ClickException."""
    try:
        prepare_enrolment(database)
        with open_query(database) as query:
            wait_for_writers(query)
            yield query
    except (LedgerError, InvitationError, InvitationCodeError, NotSetUpError, PkiError) as error:
        raise click.ClickException(printable(f"nothing was changed: {error}")) from error


def write_entry(query: Query, requested_by: str, what: str, about: str, reason: str) -> None:
    """The audit row, before the act and in its transaction."""
    append_audit(query, CentreAuditEntry(f"cli:{requested_by}", what, about, reason), datetime.now(UTC))


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
    settings = EnrolmentSettings(
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
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), help="Write the code as a picture. Delete it later."
)
@click.option("--wifi", "ssid", help="Name of a Wi-Fi network that the kiosk joins.")
@click.option("--wifi-password-file", type=readable_file, help="File with its password in the first line.")
@with_reason
@click.pass_obj
def new(
    database: str,
    *,
    site: str,
    device: str,
    png: Path | None,
    ssid: str | None,
    wifi_password_file: Path | None,
    requested_by: str,
    reason: str,
) -> None:
    """Invite the kiosk DEVICE at SITE: shows a QR code for its camera, valid for an hour. An earlier code ends."""
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        settings = read_settings(query)
        write_entry(query, requested_by, "invite-kiosk", f"{site}/{device}", reason)
        made, token = invitations.create_invitation(query, site, device, requested_by, now)
        text = invitation_text(settings, made, token, _wifi(ssid, wifi_password_file))
        if png is not None:
            write_png(make_qr_code(text), png)
    if png is None:
        click.echo(terminal_code(text))
    else:
        click.echo(f"{png}: show it to the camera of the kiosk, then delete it.")
    click.echo(f"{made.wire_name}: request {made.number}, valid until {made.expires_at.astimezone():%H:%M}.")
    click.echo("When the kiosk has read it, compare its words: kiosk centre enrol list")


def _wifi(ssid: str | None, password_file: Path | None) -> WifiNetwork | None:
    if ssid is None:
        return None
    lines = _read(password_file).decode("utf-8", "replace").splitlines() if password_file else []
    return WifiNetwork(ssid, lines[0].strip() if lines else "")


def terminal_code(text: str) -> str:
    """The code in half blocks: two rows of modules in a line. Dark on light also on a dark terminal."""
    modules = [list(row) for row in segno.make_qr(text, error="l", boost_error=False).matrix_iter(border=3)]
    if len(modules) % 2:
        modules.append([0] * len(modules[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    lines = [
        "".join(blocks[bool(upper), bool(lower)] for upper, lower in zip(top, bottom, strict=True))
        for top, bottom in zip(modules[::2], modules[1::2], strict=True)
    ]
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in lines)


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
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        found = _waiting(query, number)
        if not same_words(words, found.public_key_der):
            raise InvitationError("these are not the words of the request. Refuse it, and look at who holds the code")
        write_entry(query, requested_by, "approve-enrolment", about_request(found), reason)
        invitations.decide(query, number, approve=True, by=f"cli:{requested_by}", now=now)
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
