"""`kiosk run`: the daemon, for people (systemd starts kiosk/app/start.py)."""

import logging
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.app import start
from kiosk.system.journal import log_to_stderr


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help=f"Configuration file [{config.DEFAULT_PATH}].")
@click.option(
    "--camera", "source", metavar="SOURCE", help="Instead of the configured one: picamera2, webcam:0, replay:FOLDER."
)
def run(path: Path | None, source: str | None) -> None:
    """Run the kiosk until SIGTERM or Ctrl-C.

    Without a configuration it runs as a laboratory kiosk: keys of its own in a scratch folder, mock pins, no broker.
    """
    log_to_stderr()
    with ExitStack() as scratch:
        start.start(path or (config.DEFAULT_PATH if config.DEFAULT_PATH.exists() else _laboratory(scratch)), source)


def _laboratory(scratch: ExitStack) -> Path:
    from kiosk.simulation.sandbox import scratch_premises  # noqa: PLC0415  makes keys; only where there is no configuration

    premises = scratch.enter_context(scratch_premises())
    logging.getLogger(__name__).warning(
        "no configuration at %s: this is a laboratory kiosk, its keys and records in %s are gone when it stops",
        config.DEFAULT_PATH,
        premises.folder,
    )
    return premises.config
