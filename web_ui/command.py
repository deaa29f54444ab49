"""`kiosk web`: the pages, as a process of their own."""

from dataclasses import replace
from pathlib import Path

import click

from kiosk import config
from web_ui.serve import serve
from web_ui.settings import PageSettings


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration file.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory, instead of the file's.")
@click.option("--database", type=click.Path(path_type=Path), help="The database of passages, instead of the file's.")
@click.option("--host", help="Address to listen on, instead of page.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of page.port; 0 takes a free one."
)
def web(path: Path | None, run_dir: Path | None, database: Path | None, host: str | None, port: int | None) -> None:
    """Serve the status page until SIGTERM or Ctrl-C, and say where it is."""
    found = PageSettings(run_dir) if run_dir and not path else PageSettings.of(config.load(path or config.DEFAULT_PATH))
    serve(
        replace(
            found,
            run_dir=found.run_dir if run_dir is None else run_dir,
            database=found.database if database is None else database,
            host=found.host if host is None else host,
            port=found.port if port is None else port,
        ),
        _announce,
    )


def _announce(address: str) -> None:
    click.echo(f"page: {address}")
