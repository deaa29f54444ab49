"""`kiosk centre revoke`: lock a stolen or retired device out, without a restart of the broker."""

import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kiosk.cli.centre.option_file import apply_table
from kiosk.cli.pki import open_authority
from kiosk.config.addresses import split_host_port
from kiosk.system import atomic_files
from mqtt.broker.certificates import CertificateAuthority, dotted_name
from mqtt.centre.enrolment import device_certificates, invitations
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, BrokerUnreachableError, Connected
from mqtt.paho.connection import PahoConnection
from web_ui.centre.commands.enrolment_transaction import enrolment_query, write_entry
from web_ui.centre.commands.options import with_reason

RELOAD_TIMEOUT_S = 30.0
TAKEOVER_TIMEOUT_S = 20.0


REVOCATION_OPTIONS = ("pki_folder", "crl", "reload_command", "broker")
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a revocation becomes known."""

    pki_folder: Path
    crl: Path | None
    """Copy of the list for the broker."""
    reload_command: str | None
    """Makes the broker read it."""
    broker: str | None
    """`host:port`: the connection that the device has now is ended there."""


def revocation_options(command: Command) -> Command:
    """The options of a command that revokes. Without a default: `configured_revocation` fills them in."""
    pki = click.option("--pki", "pki_folder", type=click.Path(path_type=Path, file_okay=False), help="Default: pki.")
    crl = click.option(
        "--crl", type=click.Path(path_type=Path, dir_okay=False), help="Copy the revocation list there, for the broker."
    )
    reload = click.option(
        "--reload", "reload_command", help='Command that makes the broker read it: "systemctl reload mosquitto".'
    )
    broker = click.option("--broker", help="host:port of the broker: also end the connection that the device has now.")
    return pki(crl(reload(broker(command))))


def configured_revocation(context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """The values that were given, and for the others those of the table `revoke` in the file of the centre."""
    centre: click.Context | None = context
    while centre is not None and centre.command.name != "centre":
        centre = centre.parent
    if centre is not None:
        apply_table(centre, "revoke", revoke)
    table = (centre.default_map or {}).get("revoke", {}) if centre is not None else {}
    types = {option.name: option.type for option in revoke.params}
    found = {
        name: types[name].convert(table[name], None, context) if value is None and name in table else value
        for name, value in given.items()
    }
    return {**found, "pki_folder": found["pki_folder"] or Path("pki")}


@click.command()
@click.argument("name", metavar="SITE/DEVICE")
@revocation_options
@with_reason
@click.pass_obj
def revoke(
    database: str, /, *, name: str, pki_folder: Path | None, requested_by: str, reason: str, **options: Any
) -> None:
    """Revoke all certificates of a device: new connections are refused, and it gets no further certificate."""
    lock_out(database, name, Revocation(pki_folder or Path("pki"), **options), requested_by, reason)


def lock_out(database: str, name: str, revocation: Revocation, requested_by: str, reason: str) -> None:
    """Revoke all certificates of SITE/DEVICE, and make the broker refuse it. Raises ClickException."""
    site, _, device = name.partition("/")
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        write_entry(query, requested_by, "revoke-device", name, reason)
        authority = open_authority(revocation.pki_folder, None)
        device_certificates.revoke_device(query, site, device, by=requested_by, why=reason, now=now)
        invitations.end_invitations(query, site, device)
        serials = [one.serial for one in authority.issued() if one.name == name and one.not_after_at > now]
        revoked = [
            int(one.serial, 16)
            for one in device_certificates.read_certificates(query, site, device)
            if one.revoked_at is not None and one.expires_at > now
        ]
        if not serials and not revoked:
            raise click.ClickException(f"nothing was changed: no certificate of {name} is known here")
        authority.revoke([*serials, *revoked, *device_certificates.revoked_serials(query, now)], now)
    count, path = len({*serials, *revoked}), revocation.pki_folder / "crl.pem"
    click.echo(f"{name}: {count} certificate{'s are' if count > 1 else ' is'} revoked in {path}.")
    _publish(path, revocation.crl, revocation.reload_command)
    if revocation.broker is not None:
        _end_connection(revocation.broker, name, authority, now)


def _publish(path: Path, crl: Path | None, reload_command: str | None) -> None:
    """Copy the list, then make the broker read it. Raises ClickException, with what is still to do."""
    try:
        if crl is not None:
            mode = crl.stat().st_mode & 0o777 if crl.exists() else 0o644
            atomic_files.write_file(crl, path.read_bytes(), mode=mode, owner_of_folder=True)
        if reload_command is not None:
            subprocess.run(shlex.split(reload_command), check=True, timeout=RELOAD_TIMEOUT_S)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise click.ClickException(
            f"the certificates are revoked, but the broker does not know it yet: {error}. "
            f"Copy {path} to its crlfile, and reload it."
        ) from error
    if reload_command is None:
        click.echo("The broker refuses the device once it has read this list: systemctl reload mosquitto")


def _end_connection(broker: str, name: str, authority: CertificateAuthority, now: datetime) -> None:
    """Take the device's client id over, for a moment, with a certificate of a day. Its broker then closes the old connection.

    Raises ClickException.
    """
    try:
        host, port = split_host_port(broker)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--broker") from error
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.sign_client(key.public_key(), name, now, 1)
    with tempfile.TemporaryDirectory() as folder:  # only its owner can read it
        certificate_path, key_path = Path(folder) / "device.pem", Path(folder) / "device.key"
        certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        endpoint = BrokerEndpoint(
            host,
            port,
            tls=True,
            ca_path=authority.folder / "ca.pem",
            certificate_path=certificate_path,
            key_path=key_path,
        )
        link = PahoConnection(endpoint, dotted_name(name))
        try:
            link.open()
            ends_s = time.monotonic() + TAKEOVER_TIMEOUT_S
            while not any(isinstance(event, Connected) for event in link.process(0.1)):
                if time.monotonic() > ends_s:
                    raise BrokerUnreachableError(f"{endpoint}: no answer")
        except BrokerConnectionError as error:
            raise click.ClickException(
                f"the certificates are revoked, but the present connection of {name} stays until it ends: {error}"
            ) from error
        finally:
            link.close()
    click.echo(f"The connection of {name} was ended.")
