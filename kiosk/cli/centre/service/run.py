"""The loop of a running centre: it receives events, stores each once and sends receipts."""

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.cli.centre.service.brokers import broker_endpoints
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.ingest.collector import Collector, share_prefix
from mqtt.centre.ingest.culprit_log import CulpritFilter
from mqtt.centre.ingest.database import open_ledger
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.ingest.session_memory import SubscriptionMemory
from mqtt.centre.remote.dispatcher import CommandDispatcher
from mqtt.centre.tracing.erasure.schedule import ErasureSchedule
from mqtt.connection import BrokerEndpoint, BrokerRefusedError, Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from mqtt.paho.failover import Failover
from mqtt.printable_text import printable
from mqtt.remote.signature import FleetKeyError, load_fleet_private_key


def run_with_options(options: Mapping[str, Any]) -> None:
    """`options`: the parameters of `kiosk centre`. Writes its log to standard error. Raises click.ClickException."""
    endpoints = broker_endpoints(options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s centre %(levelname)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(CulpritFilter())
    signing_key = read_fleet_key(options["fleet_key"])
    try:
        run_centre(
            endpoints,
            options["database"],
            options["topic_prefix"],
            options["name"],
            share_group=options["share_group"],
            retention_days=options["retention_days"],
            backlog_events_per_s=options["backlog_events_per_s"],
            backlog_budget=options["fleet_backlog_events_per_s"],
            fleet_key=signing_key,
            list_url=options["list_url"],
        )
    except (LedgerError, BrokerRefusedError) as error:
        raise click.ClickException(str(error)) from error


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
    list_url: str = "",
) -> None:
    """Receive events until SIGTERM or Ctrl-C. `fleet_key`: signs commands. `list_url`: files of lists. Raises LedgerError."""
    ledger = open_ledger(database)
    prepare_configuration(database)
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
        further=CommandDispatcher(
            database, topic_prefix, fleet_key, share_prefix=share_prefix(share_group), list_url=list_url
        ),
    )
    try:
        _run_until_stopped(collector, ledger, ErasureSchedule(database), retention_days)
    finally:
        collector.close()
        ledger.close()


def _run_until_stopped(
    collector: Collector, ledger: Ledger, erasures: ErasureSchedule, retention_days: int | None
) -> None:
    last_purge: date | None = None
    notifier = SystemdNotifier()
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
