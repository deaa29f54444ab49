"""`kiosk centre`: the reference centre as a process."""

import logging
import sys
from pathlib import Path

import click

from kiosk.doorbell import Doorbell
from mqtt.centre.collector import Collector
from mqtt.centre.ledger import LedgerTrouble, SqliteLedger
from mqtt.client import PahoLink
from mqtt.link import Endpoint, LinkRefused


def endpoint_of(text: str) -> tuple[str, int]:
    """`host:port` in two. Raises click.BadParameter."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.BadParameter(f"{text!r} is not host:port", param_hint="--broker")
    return host, int(port)


@click.group(invoke_without_command=True)
@click.option("--broker", default="localhost:1883", show_default=True, help="host:port of the MQTT broker.")
@click.option("--mqtt-version", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@click.option("--database", type=click.Path(path_type=Path), default=Path("centre.db"), show_default=True)
@click.option("--site-root", default="entrance", show_default=True, help="First word of every topic.")
@click.option("--name", default="centre-1", show_default=True, help="This centre's client id at the broker.")
@click.option("--ca", type=click.Path(path_type=Path), help="CA of the broker's certificate: switches TLS on.")
@click.option("--certificate", type=click.Path(path_type=Path), help="This centre's certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key.")
@click.pass_context
def centre(  # noqa: PLR0917  click passes by name
    context: click.Context,
    broker: str,
    mqtt_version: str,
    database: Path,
    site_root: str,
    name: str,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Collect passages, keep each once, send receipts. Ends on SIGTERM or Ctrl-C."""
    context.obj = database
    if context.invoked_subcommand is not None:
        return
    host, port = endpoint_of(broker)
    where = Endpoint(
        host,
        port,
        "5" if mqtt_version == "5" else "3.1.1",
        tls=ca is not None,
        ca=ca,
        certificate=certificate,
        key=key,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s centre %(levelname)s %(message)s", stream=sys.stderr)
    try:
        run(where, database, site_root, name)
    except (LedgerTrouble, LinkRefused) as trouble:
        raise click.ClickException(str(trouble)) from trouble


def run(where: Endpoint, database: Path, root: str, name: str) -> None:
    """Collect until SIGTERM or Ctrl-C. Raises LedgerTrouble."""
    ledger = SqliteLedger(database)
    collector = Collector(root, ledger, lambda will: PahoLink(where, name, will=will, keep_session=True))
    try:
        with Doorbell() as bell:
            while not bell.stop_asked:
                bell.wait(collector.step())
    finally:
        collector.close()
        ledger.close()
