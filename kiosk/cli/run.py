"""`kiosk run`: run the daemon from a shell (systemd starts kiosk/app/start.py)."""

import logging
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.app import start
from kiosk.system.logs import configure_logging


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help=f"Configuration file [{config.DEFAULT_PATH}].")
@click.option(
    "--camera", "source", metavar="SOURCE", help="Instead of the configured one: picamera2, webcam:0, replay:FOLDER."
)
def run(path: Path | None, source: str | None) -> None:
    """Run the kiosk until SIGTERM or Ctrl-C.

    Without a configuration it runs in development mode: keys of its own in a scratch folder, mock pins, no broker.
    """
    configure_logging()
    with ExitStack() as scratch:
        found = path or (config.DEFAULT_PATH if config.DEFAULT_PATH.exists() else _development_config(scratch))
        while start.run_from_config(found, source):
            """It was enrolled, or forgot its enrolment."""


def _development_config(scratch: ExitStack) -> Path:
    from kiosk.simulation.sandbox import temporary_sandbox  # noqa: PLC0415  only needed without a configuration

    sandbox = scratch.enter_context(temporary_sandbox())
    logging.getLogger(__name__).warning(
        "no configuration at %s: development mode. Its keys and events in %s are deleted when it stops",
        config.DEFAULT_PATH,
        sandbox.folder,
    )
    return sandbox.config_file
