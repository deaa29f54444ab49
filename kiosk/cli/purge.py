"""`kiosk purge`: keep the retention promise on a device whose kiosk does not run."""

import time
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.app.components import open_store
from kiosk.storage import Store
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import only_one

WITHIN_S = 5.0
"""A kiosk that starts meanwhile has to wait for the database; the timer comes again."""


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
def purge(path: Path) -> None:
    """Delete delivered passages that are older than [records] retention_days. A running kiosk does so by itself.

    Works for five seconds at most; what is left goes the next time. Nothing goes by age while the clock is not set, and
    an undelivered passage never goes.
    """
    settings = config.load(path)
    with ExitStack() as house:
        only_one(settings.records.path, house)
        store = open_store(settings.records)
        house.callback(store.close)
        gone, all_gone = let_go(store)
    click.echo(f"{gone} passages deleted{'' if all_gone else '; there are more: run it again'}")


def let_go(event_store: Store) -> tuple[int, bool]:
    """Delete what the limits say for five seconds; how many went, and whether that was all. Raises StoreTrouble."""
    clock, gone = SystemClock(), 0
    ends_s = time.monotonic() + WITHIN_S
    while time.monotonic() < ends_s:
        some = event_store.tend(clock.now())
        if not some:
            return gone, True
        gone += some
    return gone, False
