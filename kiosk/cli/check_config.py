"""`kiosk check-config`: check a configuration file and report all mistakes."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk import config
from kiosk.app.builders.preflight import Severity, check_settings, finding_message
from kiosk.config.effective import toml_lines
from kiosk.core.ports import KioskError
from kiosk.system.messages import broker_error_message
from kiosk.system.translations import translator

if TYPE_CHECKING:
    from mqtt.connection import BrokerEndpoint

CONNECT_WITHIN_S = 10.0


@click.command("check-config")
@click.argument("path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH)
@click.option("--print", "show", is_flag=True, help="Print every setting as it is in force, defaults included.")
@click.option("--connect", is_flag=True, help="Also try whether each broker lets this device in.")
@click.option("--startup", is_flag=True, help="Exit status 1 only for what would keep the kiosk from starting.")
def check_config(path: Path, *, show: bool, connect: bool, startup: bool) -> None:
    """Check the configuration file PATH and all files that it names, as the kiosk will use them.

    Prints a sentence for each mistake. Exit status 1 if there is any. Notices do not count.
    """
    if not startup:
        config.load_settings(path, with_overlay=False)  # a mistake of the file that a change over it hides
    settings = config.load_settings(path)
    t = translator(settings.site.language)
    findings = list(check_settings(settings))
    fatal = Severity.STOPS if startup else Severity.WRONG
    for finding in findings:
        if finding.severity < fatal:
            click.echo(f"{path}: {finding_message(t, finding)}", err=True)
    mistakes = [finding_message(t, finding) for finding in findings if finding.severity >= fatal]
    if mistakes:
        raise config.ConfigError(path, mistakes)
    if connect and settings.is_enrolled:
        _try_brokers(settings)
    if show:
        for line in toml_lines(settings):
            click.echo(line)
    if not settings.is_enrolled:
        click.echo(f"{path}: {t('check.enrolment.not-enrolled')}", err=True)
    click.echo(f"{path}: good")


def _try_brokers(settings: config.Settings) -> None:
    """Connect once to each broker with another client id, because it would disconnect a running kiosk. Raises KioskError."""
    from kiosk.app.builders.delivery import broker_endpoints  # noqa: PLC0415  only this function needs paho

    errors = [error for endpoint in broker_endpoints(settings.mqtt) if (error := _broker_error(settings, endpoint))]
    if errors:
        raise KioskError("\n".join(errors))


def _broker_error(settings: config.Settings, endpoint: "BrokerEndpoint") -> str:
    """Why this broker does not let the device in. Empty where it does."""
    from mqtt.connection import BrokerConnectionError, Connected  # noqa: PLC0415
    from mqtt.paho.connection import PahoConnection  # noqa: PLC0415

    t = translator(settings.site.language)
    connection = PahoConnection(endpoint, f"{settings.site.site}.{settings.site.device}")
    try:
        connection.open()
        ends_s = time.monotonic() + CONNECT_WITHIN_S
        while time.monotonic() < ends_s:
            if any(isinstance(event, Connected) for event in connection.process(0.1)):
                return ""
    except BrokerConnectionError as error:
        return f"[mqtt] {endpoint}: {broker_error_message(t, error)}"
    finally:
        connection.close()
    return f"[mqtt] {endpoint}: the broker does not answer."
