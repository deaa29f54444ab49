"""`kiosk pki`: certificates of broker, centre and devices, and the key that signs commands."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.core import file_names
from kiosk.credentials.issuing import key_files
from kiosk.credentials.issuing.output_files import write_output
from kiosk.system import atomic_files
from mqtt.broker.certificates import CertificateAuthority, CertificateUse, dotted_name
from mqtt.broker.key_password import load_authority_key, unlocked_pem
from mqtt.broker.pki_error import LockedAuthorityKeyError, PkiError
from mqtt.broker.rabbitmq.definitions import definitions
from mqtt.topics import DeviceTopics

DEVICE_DAYS = 730
BROKER_NAME = "broker"
WEB_NAME = "web"
CENTRE_NAME = "centre"
"""Common name of the centre in the access list of the broker."""

folder_option = click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("pki"), show_default=True,
    help="Where the authority and its certificates lie.",
)  # fmt: skip
password_option = click.option(
    "--password-file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="First line: the password of ca.key, where it has one. A terminal asks for it.",
)  # fmt: skip
days_option = click.option("--days", type=click.IntRange(1, 3650), default=DEVICE_DAYS, show_default=True)


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Errors that a person can mend end the command with one sentence: a full disk, a wrong name, a damaged file."""
    try:
        yield
    except PkiError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from error
    except ValueError as error:  # of cryptography: a host name or a file that is not what it should be
        raise click.ClickException(f"{error}.") from error


def open_authority(folder: Path, password_file: Path | None) -> CertificateAuthority:
    """The authority. A locked key without a password file is opened with what a person types. Raises PkiError, KeyFileError."""
    password = key_files.read_password(password_file)
    try:
        return CertificateAuthority(folder, password)
    except LockedAuthorityKeyError:
        if not sys.stdin.isatty():
            raise
    return CertificateAuthority(folder, typed_password(folder / "ca.key"))


def typed_password(path: Path) -> bytes:
    """Ask at the terminal."""
    return str(click.prompt(f"Password of {path}", hide_input=True)).encode()


def _issue(
    open_: Callable[[], CertificateAuthority], name: str, use: CertificateUse, days: int, hosts: Sequence[str] = ()
) -> None:
    """Issue a certificate and print where it is."""
    with _one_sentence():
        issued = open_().issue(name, use, _now(), days, hosts)
    key = issued.path.with_suffix(".key")
    click.echo(f"{issued.name}: {issued.path}, {key}; good until {issued.not_after_at:%Y-%m-%d}")


@click.group()
def pki() -> None:
    """Make, renew, list and revoke certificates. Issuing to the same name again renews it."""


@pki.command()
@folder_option
@click.option("--name", default="entrance authority", show_default=True)
def init(folder: Path, name: str) -> None:
    """Make an authority. Keep ca.key off every machine that is on a network."""
    with _one_sentence():
        CertificateAuthority.create(folder, unicodedata.normalize("NFC", name), _now())
    click.echo(f"{folder / 'ca.pem'} goes to broker, centre and devices; {folder / 'crl.pem'} to the broker.")
    click.echo(f"{folder / 'ca.key'} signs certificates: keep it secret and offline.")


@pki.command()
@click.argument("hosts", nargs=-1, required=True)
@folder_option
@password_option
@days_option
def broker(hosts: tuple[str, ...], folder: Path, password_file: Path | None, days: int) -> None:
    """For the broker, reachable at HOSTS (names or addresses)."""
    _issue(lambda: open_authority(folder, password_file), BROKER_NAME, CertificateUse.SERVER, days, hosts)


@pki.command()
@click.argument("hosts", nargs=-1, required=True)
@folder_option
@password_option
@days_option
def web(hosts: tuple[str, ...], folder: Path, password_file: Path | None, days: int) -> None:
    """For the pages of the centre, reachable at HOSTS (names or addresses)."""
    _issue(lambda: open_authority(folder, password_file), WEB_NAME, CertificateUse.SERVER, days, hosts)


@pki.command()
@click.option(
    "--number", type=click.IntRange(2, 4), help="For a further centre of a group: its name is then centre-NUMBER."
)
@folder_option
@password_option
@days_option
def centre(number: int | None, folder: Path, password_file: Path | None, days: int) -> None:
    """For the centre. Each centre needs a certificate of its own: the broker allows one connection for each."""
    _issue(
        lambda: open_authority(folder, password_file),
        f"{CENTRE_NAME}-{number}" if number else CENTRE_NAME,
        CertificateUse.CLIENT,
        days,
    )


@pki.command()
@click.argument("site")
@click.argument("device")
@folder_option
@password_option
@days_option
def device(site: str, device: str, folder: Path, password_file: Path | None, days: int) -> None:
    """For the kiosk DEVICE at SITE, as in its configuration."""
    with _one_sentence():
        branch = DeviceTopics("entrance", site, device)
    _issue(lambda: open_authority(folder, password_file), f"{branch.site}/{branch.device}", CertificateUse.CLIENT, days)


@pki.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@password_option
def unlock(source: Path, target: Path, password_file: Path | None) -> None:
    """Write the locked key SOURCE without its password to TARGET, for the enrolment service, which runs without a person.

    TARGET gets the owner of its folder, and only they can read it. A file that exists is not replaced.
    """
    if target.exists():
        raise click.ClickException(f"{target} exists. A key is never overwritten.")
    with _one_sentence():
        password = key_files.read_password(password_file) or (typed_password(source) if sys.stdin.isatty() else None)
        pem = unlocked_pem(load_authority_key(source, password))
        atomic_files.write_file(target, pem, mode=0o600, owner_of_folder=True)
    click.echo(f"{target}: readable by the owner of its folder alone.")


@pki.command(name="fleet-key")
@folder_option
def fleet_key(folder: Path) -> None:
    """Make the key that signs the commands of the centre to its kiosks. An existing one is never replaced."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / file_names.FLEET_PRIVATE_KEY, folder / file_names.FLEET_PUBLIC_KEY
    with _one_sentence():
        key_files.write_root_key(key, private, None)
        write_output(public, key_files.public_key_pem(key), mode=0o644)
    click.echo(f"{private} goes to the centre: kiosk centre --fleet-key {private}. Keep it secret.")
    click.echo(f"{public} goes to each kiosk: keys.fleet_public_key in its configuration.")


@pki.command(name="list")
@folder_option
@password_option
@click.option(
    "--within-days", type=int, help="Only certificates that expire this soon. Exit status 1 if there are any."
)
def list_(folder: Path, password_file: Path | None, within_days: int | None) -> None:
    """What was issued, and until when it is good."""
    with _one_sentence():
        found = open_authority(folder, password_file).issued()
    if within_days is not None:
        found = [
            certificate
            for certificate in found
            if (certificate.not_after_at - _now()).days < within_days and not certificate.revoked
        ]
    for certificate in found:
        left = (certificate.not_after_at - _now()).days
        state = "revoked" if certificate.revoked else "expired" if left < 0 else f"{left} days left"
        click.echo(f"{certificate.name:40} {certificate.not_after_at:%Y-%m-%d}  {state}")
    if within_days is not None and found:
        raise SystemExit(1)


@pki.command()
@click.argument("certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@folder_option
@password_option
def revoke(certificate: Path, folder: Path, password_file: Path | None) -> None:
    """Shut out the holder of CERTIFICATE: copy crl.pem to the broker afterwards and restart it."""
    with _one_sentence():
        authority = open_authority(folder, password_file)
        known = {issued.path.resolve(): issued for issued in authority.issued()}
    found = known.get(certificate.resolve())
    if found is None:
        raise click.ClickException(f"{certificate}: was not issued here. It must be in {folder}")
    with _one_sentence():
        authority.revoke([found.serial], _now())
    click.echo(f"{found.name} is on {folder / 'crl.pem'}; copy that to the broker and restart it.")


@pki.command()
@folder_option
@password_option
@click.option("--topic-prefix", default="entrance", show_default=True, help="First level of every topic.")
def rabbitmq(folder: Path, password_file: Path | None, topic_prefix: str) -> None:
    """Print the users of a RabbitMQ cluster and their rights: definitions.json. A revoked certificate has no user."""
    with _one_sentence():
        found = open_authority(folder, password_file).issued()
    users = {dotted_name(one.name) for one in found if not one.revoked and one.name not in (BROKER_NAME, WEB_NAME)}
    click.echo(json.dumps(definitions(users, topic_prefix), indent=1))
