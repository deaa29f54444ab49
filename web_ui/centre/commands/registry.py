"""`kiosk centre registry`: import and export areas, sites and devices as CSV."""

from importlib.resources import files
from pathlib import Path

import click

from kiosk.core.rules import OpeningHours
from kiosk.system.csv_output import csv_text
from mqtt.centre.registry.csv_format import COLUMNS, file_rows
from mqtt.centre.registry.store import RegistryFileError, check_files, import_files, read_rows
from mqtt.printable_text import printable
from web_ui.centre.commands.options import audited, reading, with_reason

SAMPLE = "data/hue-areas-2025.csv"
BYTE_ORDER_MARK = "\ufeff"
"""Excel reads a CSV file as UTF-8 only with it."""


@click.group()
def registry() -> None:
    """Areas, sites and devices: who is where, since when."""


@registry.command(name="import")
@click.argument("paths", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Only check the files: nothing is changed.")
@with_reason
@click.pass_obj
def import_command(database: str, paths: tuple[Path, ...], *, check: bool, requested_by: str, reason: str) -> None:
    """Import CSV files: all of them, or nothing and every mistake. The header of a file says what it contains.

    A row with the key of a stored row replaces it. Rows that are not in the files stay. To merge wards, list the old ones with
    `until` and `merged_into`, and the new ones.
    """
    contents = [(path.name, path.read_bytes()) for path in paths]
    about = ", ".join(name for name, _ in contents)
    try:
        if check:
            with reading(database) as query:
                result = check_files(query, contents, OpeningHours.parse)
        else:
            with audited(database, requested_by, "import-registry", about, reason) as query:
                result = import_files(query, contents, OpeningHours.parse)
    except RegistryFileError as error:
        for mistake in error.mistakes:
            click.echo(printable(str(mistake)), err=True)
        raise click.ClickException(f"nothing was imported: {len(error.mistakes)} mistakes") from error
    click.echo(f"{result.added} added, {result.changed} changed, {result.unchanged} unchanged")
    if check:
        click.echo("This was a check: nothing was written.")


@registry.command()
@click.argument("kind", type=click.Choice(tuple(COLUMNS)))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write. Default: standard output.")
@click.pass_obj
def export(database: str, kind: str, out: Path | None) -> None:
    """Write all rows of one kind as CSV, with their periods. `import` reads it back."""
    with reading(database) as query:
        text = csv_text(file_rows(kind, read_rows(query)))
    if out:
        out.write_text(BYTE_ORDER_MARK + text, encoding="utf-8", newline="")
    else:
        click.echo(text.encode(), nl=False)


@registry.command()
def sample() -> None:
    """Write the areas of Huế since July 2025 as CSV: 21 wards and 19 communes."""
    click.echo(files("mqtt.centre.registry").joinpath(SAMPLE).read_bytes(), nl=False)
