"""`kiosk run`: the daemon."""

import logging
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk import config
from kiosk.cli.journal import log_to_stderr


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
    from kiosk import app  # noqa: PLC0415  the engines take a while to load; a mistake in the options should not wait for them

    with ExitStack() as scratch:
        if path is None and not config.DEFAULT_PATH.exists():
            settings = _laboratory(scratch)
        else:
            settings = config.load(path or config.DEFAULT_PATH)
        if source is not None:
            camera = config.parsed_camera(source, settings.camera)
            settings = settings.model_copy(update={"camera": camera})
        app.run(settings, () if source is None else ("camera.source",))


def _laboratory(scratch: ExitStack) -> config.Settings:
    from kiosk.demo.premises import scratch_premises  # noqa: PLC0415  makes keys; only where there is no configuration

    premises = scratch.enter_context(scratch_premises())
    logging.getLogger(__name__).warning(
        "no configuration at %s: this is a laboratory kiosk, its keys and records in %s are gone when it stops",
        config.DEFAULT_PATH,
        premises.folder,
    )
    return config.load(premises.config)
