"""`kiosk check-config`: check a configuration file and report all mistakes."""

import time
from pathlib import Path

import click

from kiosk import config
from kiosk.config.effective import toml_lines
from kiosk.core.ports import KioskError

CONNECT_WITHIN_S = 10.0


@click.command("check-config")
@click.argument("path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH)
@click.option("--print", "show", is_flag=True, help="Print every setting as it is in force, defaults included.")
@click.option("--connect", is_flag=True, help="Also try whether the broker lets this device in.")
def check_config(path: Path, *, show: bool, connect: bool) -> None:
    """Check the configuration file PATH. Exit status 1, and a sentence for each mistake, when it cannot be used."""
    settings = config.load_settings(path)
    missing = list(config.missing_file_errors(settings))
    if missing:
        raise config.ConfigError(path, missing)
    if connect:
        _try_broker(settings)
    if show:
        for line in toml_lines(settings):
            click.echo(line)
    click.echo(f"{path}: good")


def _try_broker(settings: config.Settings) -> None:
    """Connect once with another client id, because the broker would disconnect a running kiosk. Raises KioskError."""
    from kiosk.app.builders.delivery import broker_endpoint  # noqa: PLC0415  only this function needs paho
    from mqtt.connection import BrokerConnectionError, Connected  # noqa: PLC0415
    from mqtt.paho.connection import PahoConnection  # noqa: PLC0415

    endpoint = broker_endpoint(settings.mqtt)
    connection = PahoConnection(
        endpoint, f"{settings.mqtt.topic_prefix}-{settings.site.site}-{settings.site.device}-check"
    )
    try:
        connection.open()
        ends_s = time.monotonic() + CONNECT_WITHIN_S
        while time.monotonic() < ends_s:
            if any(isinstance(event, Connected) for event in connection.process(0.1)):
                return
        raise KioskError(f"{endpoint}: the broker does not answer.")
    except BrokerConnectionError as error:
        raise KioskError(f"The broker: {error}. See [mqtt] in the configuration.") from error
    finally:
        connection.close()
