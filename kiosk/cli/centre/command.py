"""`kiosk centre`: its options. Without a subcommand the centre runs."""

from pathlib import Path

import click

from kiosk.cli import CentreGroup
from kiosk.cli.centre.option_file import load_option_defaults


@click.group(cls=CentreGroup, invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=load_option_defaults,
    is_eager=True,
    expose_value=False,
    help="TOML file with any of these options, and a table for the options of a command. "
    "Default: /etc/entrance-centre/centre.toml where it exists.",
)
@click.option(
    "--broker",
    multiple=True,
    default=("localhost:1883",),
    show_default=True,
    help="host:port of the MQTT broker. Several addresses, with commas or as several options, are tried in this order.",
)
@click.option("--mqtt-version", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@click.option("--database", default="centre.db", show_default=True, help="A file, or postgresql://user@host/name.")
@click.option(
    "--retention-days",
    type=click.IntRange(1, 3650),
    help="Delete events that arrived earlier. Without it, events are kept for ever.",
)
@click.option(
    "--share-group",
    help="Several centres on one PostgreSQL share the work: each event goes to one centre of the group.",
)
@click.option(
    "--backlog-events-per-s",
    type=click.FloatRange(1, 1e6),
    help="How fast each device may send its backlog, in events per second.",
)
@click.option(
    "--fleet-backlog-events-per-s",
    type=click.FloatRange(1, 1e6),
    default=5000.0,
    show_default=True,
    help="How fast all devices together may send their backlogs. The centre divides it among those that have one.",
)
@click.option("--topic-prefix", default="entrance", show_default=True, help="First level of every topic.")
@click.option("--name", default="centre-1", show_default=True, help="This centre's client id at the broker.")
@click.option("--ca", type=click.Path(path_type=Path), help="CA of the broker's certificate: switches TLS on.")
@click.option("--certificate", type=click.Path(path_type=Path), help="This centre's certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key.")
@click.option(
    "--fleet-key",
    type=click.Path(path_type=Path),
    help="Private key that signs commands to kiosks. Without it, this centre sends none.",
)
@click.option(
    "--list-url",
    default="",
    help="https://HOST:8446/lists: where kiosks download lists that fit no message. The enrolment service has them.",
)
@click.pass_context
def centre(context: click.Context, /, database: str, **_: object) -> None:
    """Receive events, store each once, send receipts. Ends on SIGTERM or Ctrl-C."""
    context.obj = database
    if context.invoked_subcommand is not None:
        return
    from kiosk.cli.centre.service.run import run_with_options  # noqa: PLC0415  a subcommand would load it for nothing

    run_with_options(context.params)
