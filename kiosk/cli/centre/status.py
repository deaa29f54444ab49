"""`kiosk centre status`: show the devices of the fleet."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from mqtt.centre.fleet import report
from mqtt.centre.fleet import status as fleet_status
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable


@click.command()
@click.option("--site", help="Only the devices of this site.")
@click.option("--area", help="Only the devices in this area of the registry, and in all areas below it.")
@click.option("--silent", is_flag=True, help="List the devices that are offline or were not heard for 5 minutes.")
@click.option("--gaps", is_flag=True, help="List the devices of which events are missing.")
@click.option("--behind", is_flag=True, help="List the devices in which events wait.")
@click.option("--all", "list_all", is_flag=True, help="List every device, also of a large fleet.")
@click.option("--summary", "summary_only", is_flag=True, help="Only the summary.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per device, or for the summary alone.")
@click.pass_obj
def status(
    database: str,
    /,
    *,
    site: str | None,
    area: str | None,
    list_all: bool,
    summary_only: bool,
    as_json: bool,
    **wanted: bool,
) -> None:
    """Show a summary of the fleet, then the devices: last seen, what is missing, who is silent.

    Of more than 100 devices, only those with something wrong are listed. Exit status 1 where anything is missing or silent.
    """
    try:
        found = fleet_status.read_fleet_status(database, datetime.now(UTC), site=site, area=area)
    except (LedgerError, fleet_status.UnknownAreaError) as error:
        raise click.ClickException(printable(str(error))) from error
    summary = report.summarise(found)
    listed = [] if summary_only else report.select_devices(found, report.DeviceFilter(**wanted), list_all=list_all)
    if not found:
        click.echo("No device has ever connected." if site is area is None else "No device was found.", err=True)
    elif as_json:
        for one in [summary] if summary_only else listed:
            click.echo(json.dumps(asdict(one), default=str))
    else:
        click.echo(
            "\n".join([report.format_summary(summary), *(line for one in listed for line in report.format_device(one))])
        )
    if summary.needs_attention:
        raise SystemExit(1)
