"""`kiosk status`: what the running daemon says of itself, in a terminal."""

import json
import sys
from pathlib import Path

import click

from kiosk import config
from kiosk.system.status_file import read_status


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--json", "as_json", is_flag=True, help="The whole snapshot as JSON.")
def status(path: Path, *, as_json: bool) -> None:
    """Show state, facts and outbox of the running kiosk. Exit status 1 when it does not run or is out of order."""
    settings = config.load_settings(path)
    found = read_status(settings.run_dir)
    if found is None:
        click.echo("The kiosk does not run here. Start it:  systemctl start kiosk", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        language = settings.site.language
        click.echo(f"{found['site']}/{found['device']}: {found['state']}  (since {found['started_at']})")
        for fact in found["facts"]:
            click.echo(f"  {fact['grade']:<6} {fact[language]}  {fact['value']}")
        click.echo(f"  outbox {found['outbox']['depth']}, last receipt {found['uplink']['last_receipt_at'] or 'never'}")
    sys.exit(1 if found["state"] == "out-of-order" else 0)
