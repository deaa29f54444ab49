"""`kiosk enrol`: the enrolment of this device, and its reset."""

from pathlib import Path

import click

from kiosk import config
from kiosk.core import file_names
from kiosk.enrolment.certificate_check import CheckError, validity_of
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.renewal import renewal_due_at
from kiosk.enrolment.reset import count_undelivered, kept_databases

config_option = click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, show_default=True
)


@click.group()
def enrol() -> None:
    """Show or forget the enrolment of this device. A code of the centre enrols it: see `kiosk centre enrol`."""


@enrol.command()
@config_option
def status(path: Path) -> None:
    """Show name and certificate of this device, and events that are kept from an earlier name."""
    settings = config.load_settings(path)
    if not settings.is_enrolled:
        click.echo("This device is not enrolled. Show it an enrolment code of the centre.")
    elif not settings.uses_enrolment:
        click.echo(f"{settings.site.site}/{settings.site.device}: named by {path}, not by a code.")
    else:
        click.echo(f"{settings.site.site}/{settings.site.device}: enrolled by a code.")
        click.echo(_certificate_line(settings.enrolment.folder))
    for name, paths in kept_databases(settings.storage.path).items():
        for each in paths:
            click.echo(f"Events of {name} are kept in {each}: {count_undelivered(each)} not delivered. {_remedy(name)}")


def _remedy(name: str) -> str:
    return f"Enrol this device as {name} again, and they are delivered."


def _certificate_line(folder: Path) -> str:
    try:
        pem = (EnrolmentFolder(folder).current / file_names.ENROLLED_CERTIFICATE).read_bytes()
        life = validity_of(pem)
    except (OSError, CheckError) as error:
        return f"Its certificate cannot be read: {error}"
    return f"Certificate until {life.ends_at:%Y-%m-%d}, renewed from {renewal_due_at(life):%Y-%m-%d} on."


@enrol.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(path: Path, *, yes: bool) -> None:
    """Forget name, certificate, keys and lists. The daemon does it within seconds, or at its next start.

    Events are kept: under the old name, in a file of their own. Revoke the device at the centre if another owner gets it.
    """
    settings = config.load_settings(path)
    if not settings.uses_enrolment:
        raise click.ClickException(f"this device was not enrolled by a code. {path} names it.")
    name = f"{settings.site.site}/{settings.site.device}"
    if not yes:
        click.confirm(f"Forget the enrolment as {name}? The gate is closed until it is enrolled again.", abort=True)
    try:
        EnrolmentFolder(settings.enrolment.folder).request_reset()
    except OSError as error:
        raise click.ClickException(f"{settings.enrolment.folder}: {error.strerror}. Use sudo.") from error
    click.echo(f"{name} is forgotten within seconds. If the kiosk does not run, at its next start.")
    click.echo(f"Revoke it at the centre: kiosk centre revoke {name}")
