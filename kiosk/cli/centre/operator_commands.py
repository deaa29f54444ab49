"""`kiosk centre acknowledge` and `forget`: what an operator decides about missing events and retired devices."""

from datetime import UTC, datetime

import click

from mqtt.centre.fleet import operator_actions
from mqtt.centre.fleet.status import format_ranges
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable


@click.command(name="acknowledge")
@click.option("--site", required=True)
@click.option("--device", required=True)
@click.option("--epoch", help="One epoch of the device. Default: all.")
@click.option("--requested-by", required=True, help="The name of the person who decides.")
@click.option("--reason", default="", help="Why the missing events will not come.")
@click.pass_obj
def acknowledge(database: str, *, site: str, device: str, epoch: str | None, requested_by: str, reason: str) -> None:
    """Acknowledge the missing events of a device as lost. The decision is written to the audit table."""
    try:
        request = operator_actions.OperatorRequest(site, device, requested_by, reason)
        found = operator_actions.acknowledge_gaps(database, request, datetime.now(UTC), epoch=epoch)
    except (ValueError, LedgerError) as error:
        raise click.ClickException(f"nothing was acknowledged: {printable(str(error))}") from error
    for name, ranges in found.items():
        click.echo(f"epoch {name}: acknowledged {format_ranges(ranges)}")
    if not found:
        click.echo("Nothing is missing.")


@click.command(name="forget")
@click.option("--site", required=True)
@click.option("--device", required=True)
@click.option("--requested-by", required=True, help="The name of the person who decides.")
@click.option("--reason", default="", help="Why the device is retired.")
@click.pass_obj
def forget(database: str, *, site: str, device: str, requested_by: str, reason: str) -> None:
    """Leave a retired device out of the status until it sends again. The decision is written to the audit table."""
    try:
        request = operator_actions.OperatorRequest(site, device, requested_by, reason)
        operator_actions.forget_device(database, request, datetime.now(UTC))
    except (ValueError, LedgerError) as error:
        raise click.ClickException(f"nothing was changed: {printable(str(error))}") from error
    click.echo(f"{site}/{device} is retired. Its events are kept.")
