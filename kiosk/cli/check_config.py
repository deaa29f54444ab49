"""`kiosk check-config`: is this configuration usable? All mistakes at once."""

from pathlib import Path

import click

from kiosk import config


@click.command("check-config")
@click.argument("path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH)
@click.option("--print", "show", is_flag=True, help="Print every setting as it is in force, defaults included.")
def check_config(path: Path, *, show: bool) -> None:
    """Check the configuration file PATH. Exit status 1, and a sentence for each mistake, when it cannot be used."""
    settings = config.load(path)
    missing = list(config.missing_files(settings))
    if missing:
        raise config.ConfigTrouble(path, missing)
    if show:
        for name, value in config.flattened(settings):
            click.echo(f"{name} = {value}")
    click.echo(f"{path}: good")
