"""`kiosk centre revoke`: lock a stolen or retired device out, without a restart of the broker."""

import shlex
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kiosk.config.addresses import split_host_port
from kiosk.system import atomic_files
from mqtt.broker.certificates import CertificateAuthority, dotted_name
from mqtt.centre.enrolment import device_certificates, invitations
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, BrokerUnreachableError, Connected
from mqtt.paho.connection import PahoConnection
from web_ui.centre.commands.enrol import enrolment_query, write_entry
from web_ui.centre.commands.options import with_reason

RELOAD_TIMEOUT_S = 30.0
TAKEOVER_TIMEOUT_S = 20.0


@click.command()
@click.argument("name", metavar="SITE/DEVICE")
@click.option(
    "--pki", "pki_folder", type=click.Path(path_type=Path, file_okay=False), default=Path("pki"), show_default=True
)
@click.option(
    "--crl", type=click.Path(path_type=Path, dir_okay=False), help="Copy the revocation list there, for the broker."
)
@click.option("--reload", "reload_command", help='Command that makes the broker read it: "systemctl reload mosquitto".')
@click.option("--broker", help="host:port of the broker: also end the connection that the device has now.")
@with_reason
@click.pass_obj
def revoke(
    database: str,
    *,
    name: str,
    pki_folder: Path,
    crl: Path | None,
    reload_command: str | None,
    broker: str | None,
    requested_by: str,
    reason: str,
) -> None:
    """Revoke all certificates of a device: new connections are refused, and it gets no further certificate."""
    site, _, device = name.partition("/")
    now = datetime.now(UTC)
    with enrolment_query(database) as query:
        write_entry(query, requested_by, "revoke-device", name, reason)
        authority = CertificateAuthority(pki_folder)
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
    click.echo(f"{name}: {len({*serials, *revoked})} certificates are revoked in {pki_folder / 'crl.pem'}.")
    _publish(pki_folder / "crl.pem", crl, reload_command)
    if broker is not None:
        _end_connection(broker, name, authority, now)


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
