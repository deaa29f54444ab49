"""`kiosk purge`: keep the retention promise on a device whose kiosk does not run."""

import time
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.app.builders.gate import open_event_store
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import acquire_instance_lock

MAX_DURATION_S = 5.0
"""A kiosk that starts meanwhile has to wait for the database; the timer comes again."""


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
def purge(path: Path) -> None:
    """Delete delivered events that are older than `storage.retention_days`. A running kiosk does so by itself.

    Works for five seconds at most. The rest is deleted the next time. Nothing is deleted by age while the clock is not set.
    An undelivered event is never deleted.
    """
    settings = config.load_settings(path)
    with ExitStack() as house:
        acquire_instance_lock(settings.storage.path, house)
        store = open_event_store(settings.storage)
        house.callback(store.close)
        gone, all_gone = purge_expired(store)
    click.echo(f"{gone} passages deleted{'' if all_gone else '; there are more: run it again'}")


def purge_expired(event_store: SqliteEventStore) -> tuple[int, bool]:
    """Delete what the limits say for five seconds; how many went, and whether that was all. Raises StoreTrouble."""
    clock, gone = SystemClock(), 0
    ends_s = time.monotonic() + MAX_DURATION_S
    while time.monotonic() < ends_s:
        some = event_store.run_maintenance(clock.now())
        if not some:
            return gone, True
        gone += some
    return gone, False
