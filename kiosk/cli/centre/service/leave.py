"""`kiosk centre leave`: end the session of a centre at its brokers."""

import click

from kiosk.cli.centre.service.brokers import broker_endpoints
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.ingest.session_memory import SubscriptionMemory
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, Connected
from mqtt.paho.connection import PahoConnection


@click.command()
@click.pass_context
def leave(context: click.Context) -> None:
    """End this centre's session at each broker: its subscriptions and what waits there for it. Stop the centre first.

    For a centre that is retired or gets another --name. What no centre has confirmed, the devices send again.
    """
    assert context.parent is not None
    options = context.parent.params
    failed = False
    for endpoint in broker_endpoints(options):
        try:
            _end_session(endpoint, options["name"])
        except BrokerConnectionError as error:
            failed = True
            click.echo(str(error), err=True)
        else:
            click.echo(f"{endpoint}: the session of {options['name']} has ended.")
    if failed:
        raise SystemExit(1)
    try:
        SubscriptionMemory(options["database"], options["name"]).forget()
    except LedgerError as error:
        raise click.ClickException(str(error)) from error


def _end_session(endpoint: BrokerEndpoint, name: str) -> None:
    """A connection with a clean start ends the old session, and its own when it closes. Raises BrokerConnectionError."""
    connection = PahoConnection(endpoint, name)
    try:
        connection.open()
        while not any(isinstance(event, Connected) for event in connection.process(0.1)):
            pass
    finally:
        connection.close()
