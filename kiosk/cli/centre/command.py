"""`kiosk centre`: run the reference centre, and show its devices."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.cli import CentreGroup
from kiosk.cli.centre.option_file import load_option_defaults
from kiosk.config.addresses import split_host_port
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe
from mqtt.centre.fleet import operator_actions, report
from mqtt.centre.fleet import status as fleet_status
from mqtt.centre.ingest.collector import Collector, share_prefix
from mqtt.centre.ingest.culprit_log import CulpritFilter
from mqtt.centre.ingest.database import open_ledger
from mqtt.centre.ingest.ledger import Ledger, LedgerError
from mqtt.centre.ingest.session_memory import SubscriptionMemory
from mqtt.centre.remote.dispatcher import CommandDispatcher
from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.tracing.erasure.schedule import ErasureSchedule
from mqtt.connection import (
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    Connected,
    Connection,
    OutgoingMessage,
)
from mqtt.message_model import printable
from mqtt.paho.connection import PahoConnection
from mqtt.paho.failover import Failover
from mqtt.remote.signature import FleetKeyError, load_fleet_private_key


def parse_brokers(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Split each `host:port`. A text may have several, with commas. Raises click.BadParameter."""
    try:
        found = [split_host_port(text) for texts_ in texts for text in texts_.split(",")]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--broker") from error
    if len(set(found)) < len(found):
        raise click.BadParameter("an address stands there twice.", param_hint="--broker")
    return found


@click.group(cls=CentreGroup, invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=load_option_defaults,
    is_eager=True,
    expose_value=False,
    help="TOML file with any of these options, and a table for the options of a command. "
    "Default: /etc/entrance-centre/centre.toml where it exists.",
)
@click.option(
    "--broker",
    multiple=True,
    default=("localhost:1883",),
    show_default=True,
    help="host:port of the MQTT broker. Several addresses, with commas or as several options, are tried in this order.",
)
@click.option("--mqtt-version", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@click.option("--database", default="centre.db", show_default=True, help="A file, or postgresql://user@host/name.")
@click.option(
    "--retention-days",
    type=click.IntRange(1, 3650),
    help="Delete events that arrived earlier. Without it, events are kept for ever.",
)
@click.option(
    "--share-group",
    help="Several centres on one PostgreSQL share the work: each event goes to one centre of the group.",
)
@click.option(
    "--backlog-events-per-s",
    type=click.FloatRange(1, 1e6),
    help="How fast each device may send its backlog, in events per second.",
)
@click.option(
    "--fleet-backlog-events-per-s",
    type=click.FloatRange(1, 1e6),
    default=5000.0,
    show_default=True,
    help="How fast all devices together may send their backlogs. The centre divides it among those that have one.",
)
@click.option("--topic-prefix", default="entrance", show_default=True, help="First level of every topic.")
@click.option("--name", default="centre-1", show_default=True, help="This centre's client id at the broker.")
@click.option("--ca", type=click.Path(path_type=Path), help="CA of the broker's certificate: switches TLS on.")
@click.option("--certificate", type=click.Path(path_type=Path), help="This centre's certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key.")
@click.option(
    "--fleet-key",
    type=click.Path(path_type=Path),
    help="Private key that signs commands to kiosks. Without it, this centre sends none.",
)
@click.pass_context
def centre(  # noqa: PLR0917  click passes by name. `_endpoints` reads the other options
    context: click.Context,
    /,
    database: str,
    retention_days: int | None,
    share_group: str | None,
    backlog_events_per_s: float | None,
    fleet_backlog_events_per_s: float,
    topic_prefix: str,
    name: str,
    fleet_key: Path | None,
    **_: object,
) -> None:
    """Receive events, store each once, send receipts. Ends on SIGTERM or Ctrl-C."""
    context.obj = database
    if context.invoked_subcommand is not None:
        return
    endpoints = _endpoints(context.params)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s centre %(levelname)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(CulpritFilter())
    signing_key = read_fleet_key(fleet_key)
    try:
        run_centre(
            endpoints,
            database,
            topic_prefix,
            name,
            share_group=share_group,
            retention_days=retention_days,
            backlog_events_per_s=backlog_events_per_s,
            backlog_budget=fleet_backlog_events_per_s,
            fleet_key=signing_key,
        )
    except (LedgerError, BrokerRefusedError) as error:
        raise click.ClickException(str(error)) from error


def _endpoints(options: Mapping[str, Any]) -> list[BrokerEndpoint]:
    """The brokers of these options of `kiosk centre`. Raises click.BadParameter."""
    return [
        BrokerEndpoint(
            host,
            port,
            "5" if options["mqtt_version"] == "5" else "3.1.1",
            tls=options["ca"] is not None,
            ca_path=options["ca"],
            certificate_path=options["certificate"],
            key_path=options["key"],
        )
        for host, port in parse_brokers(options["broker"])
    ]


@centre.command()
@click.pass_context
def leave(context: click.Context) -> None:
    """End this centre's session at each broker: its subscriptions and what waits there for it. Stop the centre first.

    For a centre that is retired or gets another --name. What no centre has confirmed, the devices send again.
    """
    assert context.parent is not None
    options = context.parent.params
    failed = False
    for endpoint in _endpoints(options):
        try:
            _end_session(endpoint, options["name"])
        except BrokerConnectionError as error:
            failed = True
            click.echo(str(error), err=True)
        else:
            click.echo(f"{endpoint}: the session of {options['name']} has ended.")
    if failed:
        raise SystemExit(1)
    try:
        SubscriptionMemory(options["database"], options["name"]).forget()
    except LedgerError as error:
        raise click.ClickException(str(error)) from error


def _end_session(endpoint: BrokerEndpoint, name: str) -> None:
    """A connection with a clean start ends the old session, and its own when it closes. Raises BrokerConnectionError."""
    connection = PahoConnection(endpoint, name)
    try:
        connection.open()
        while not any(isinstance(event, Connected) for event in connection.process(0.1)):
            pass
    finally:
        connection.close()


@centre.command()
@click.option("--site", help="Only the devices of this site.")
@click.option("--area", help="Only the devices in this area of the registry, and in all areas below it.")
@click.option("--silent", is_flag=True, help="List the devices that are offline or were not heard for 5 minutes.")
@click.option("--gaps", is_flag=True, help="List the devices of which events are missing.")
@click.option("--behind", is_flag=True, help="List the devices in which events wait.")
@click.option("--all", "list_all", is_flag=True, help="List every device, also of a large fleet.")
@click.option("--summary", "summary_only", is_flag=True, help="Only the summary.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per device, or for the summary alone.")
@click.pass_obj
def status(
    database: str,
    /,
    *,
    site: str | None,
    area: str | None,
    list_all: bool,
    summary_only: bool,
    as_json: bool,
    **wanted: bool,
) -> None:
    """Show a summary of the fleet, then the devices: last seen, what is missing, who is silent.

    Of more than 100 devices, only those with something wrong are listed. Exit status 1 where anything is missing or silent.
    """
    try:
        found = fleet_status.read_fleet_status(database, datetime.now(UTC), site=site, area=area)
    except (LedgerError, fleet_status.UnknownAreaError) as error:
        raise click.ClickException(printable(str(error))) from error
    summary = report.summarise(found)
    listed = [] if summary_only else report.select_devices(found, report.DeviceFilter(**wanted), list_all=list_all)
    if not found:
        click.echo("No device has ever connected." if site is area is None else "No device was found.", err=True)
    elif as_json:
        for one in [summary] if summary_only else listed:
            click.echo(json.dumps(asdict(one), default=str))
    else:
        click.echo(
            "\n".join([report.format_summary(summary), *(line for one in listed for line in report.format_device(one))])
        )
    if summary.needs_attention:
        raise SystemExit(1)


@centre.command(name="acknowledge")
@click.option("--site", required=True)
@click.option("--device", required=True)
@click.option("--epoch", help="One epoch of the device. Default: all.")
@click.option("--requested-by", required=True, help="The name of the person who decides.")
@click.option("--reason", default="", help="Why the missing events will not come.")
@click.pass_obj
def acknowledge(database: str, *, site: str, device: str, epoch: str | None, requested_by: str, reason: str) -> None:
    """Acknowledge the missing events of a device as lost. The decision is written to the audit table."""
    try:
        request = operator_actions.OperatorRequest(site, device, requested_by, reason)
        found = operator_actions.acknowledge_gaps(database, request, datetime.now(UTC), epoch=epoch)
    except (ValueError, LedgerError) as error:
        raise click.ClickException(f"nothing was acknowledged: {printable(str(error))}") from error
    for name, ranges in found.items():
        click.echo(f"epoch {name}: acknowledged {fleet_status.format_ranges(ranges)}")
    if not found:
        click.echo("Nothing is missing.")


@centre.command(name="forget")
@click.option("--site", required=True)
@click.option("--device", required=True)
@click.option("--requested-by", required=True, help="The name of the person who decides.")
@click.option("--reason", default="", help="Why the device is retired.")
@click.pass_obj
def forget(database: str, *, site: str, device: str, requested_by: str, reason: str) -> None:
    """Leave a retired device out of the status until it sends again. The decision is written to the audit table."""
    try:
        request = operator_actions.OperatorRequest(site, device, requested_by, reason)
        operator_actions.forget_device(database, request, datetime.now(UTC))
    except (ValueError, LedgerError) as error:
        raise click.ClickException(f"nothing was changed: {printable(str(error))}") from error
    click.echo(f"{site}/{device} is retired. Its events are kept.")


def read_fleet_key(path: Path | None) -> Ed25519PrivateKey | None:
    """The key that signs commands. None: none is named. Raises click.ClickException."""
    if path is None:
        return None
    try:
        return load_fleet_private_key(path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}.") from error
    except FleetKeyError as error:
        raise click.ClickException(f"{path}: {error}") from error


def _delete_old_events(ledger: Ledger, day: date) -> None:
    """Where the database cannot be written now, the next day deletes more."""
    log = logging.getLogger(__name__)
    try:
        for deleted in ledger.delete_before(day):
            log.info("retention: deleted %s", deleted)
    except LedgerError as error:
        log.error("retention: nothing was deleted: %s", printable(str(error)))


def run_centre(
    endpoints: Sequence[BrokerEndpoint],
    database: str,
    topic_prefix: str,
    name: str,
    *,
    share_group: str | None = None,
    retention_days: int | None = None,
    backlog_events_per_s: float | None = None,
    backlog_budget: float | None = None,
    fleet_key: Ed25519PrivateKey | None = None,
) -> None:
    """Receive events until SIGTERM or Ctrl-C. `fleet_key`: signs commands. Raises LedgerError."""
    ledger = open_ledger(database)
    prepare_remote(database)
    erasures = ErasureSchedule(database)
    memory = SubscriptionMemory(database, name)

    def open_connection(endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        return PahoConnection(
            endpoint, name, will=will, keep_session=True, failures=failures, stale_filters=memory.stale_filters
        )

    connect = Failover(endpoints, open_connection)
    collector = Collector(
        topic_prefix,
        ledger,
        connect,
        name=name,
        share_group=share_group,
        backlog_events_per_s=backlog_events_per_s,
        backlog_budget=backlog_budget,
        further=CommandDispatcher(database, topic_prefix, fleet_key, share_prefix=share_prefix(share_group)),
    )
    last_purge: date | None = None
    notifier = SystemdNotifier()
    try:
        with WakeupPipe() as wakeup:
            notifier.notify_ready("receives events")
            while not wakeup.stop_requested:
                wakeup.wait(collector.step())
                notifier.ping_watchdog()
                erasures.run_if_due()
                today = datetime.now(UTC).date()
                if retention_days is not None and today != last_purge:
                    last_purge = today
                    _delete_old_events(ledger, today - timedelta(days=retention_days))
    finally:
        collector.close()
        ledger.close()
