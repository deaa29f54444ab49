"""`kiosk purge`: delete expired events on a device whose kiosk does not run."""

import time
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.app.builders.gate import open_event_store
from kiosk.core.model import ClockQuality
from kiosk.core.ports import Clock
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import acquire_instance_lock
from kiosk.system.status_file import read_fresh_status

SYSTEM_CLOCK = SystemClock()
MAX_DURATION_S = 5.0
"""A kiosk that starts meanwhile must wait for the database. The timer runs again later."""


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--unless-running", is_flag=True, help="Do nothing while the kiosk runs. For the timer.")
def purge(path: Path, *, unless_running: bool) -> None:
    """Delete delivered events that are older than `storage.retention_days`. A running kiosk does so by itself.

    Works for five seconds at most. The rest is deleted the next time. Nothing is deleted by age while the clock is not
    synchronised. An undelivered event is never deleted.
    """
    settings = config.load_settings(path)
    if unless_running and read_fresh_status(settings.run_dir) is not None:
        click.echo("The kiosk runs, and deletes expired events itself.")
        return
    with ExitStack() as exit_stack:
        acquire_instance_lock(settings.storage.path, exit_stack)
        store = open_event_store(settings.storage)
        exit_stack.callback(store.close)
        deleted, complete = purge_expired(store, SYSTEM_CLOCK)
    if SYSTEM_CLOCK.now().quality is not ClockQuality.SYNCHRONISED:
        click.echo("The clock is not synchronised, so nothing is deleted by age.", err=True)
    click.echo(f"{deleted} events deleted{'' if complete else '. There are more: run it again'}")


def purge_expired(event_store: SqliteEventStore, clock: Clock) -> tuple[int, bool]:
    """Delete expired events for five seconds. Returns their number, and True if none is left. Raises StoreError."""
    deleted = 0
    ends_s = time.monotonic() + MAX_DURATION_S
    while time.monotonic() < ends_s:
        count = event_store.run_maintenance(clock.now())
        if not count:
            return deleted, True
        deleted += count
    return deleted, False
