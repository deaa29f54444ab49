"""The brokers that `kiosk centre` names in its options."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from kiosk.config.addresses import split_host_port
from mqtt.connection import BrokerEndpoint


def parse_brokers(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Split each `host:port`. A text may have several, with commas. Raises click.BadParameter."""
    try:
        found = [split_host_port(text) for texts_ in texts for text in texts_.split(",")]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--broker") from error
    if len(set(found)) < len(found):
        raise click.BadParameter("an address stands there twice.", param_hint="--broker")
    return found


def broker_endpoints(options: Mapping[str, Any]) -> list[BrokerEndpoint]:
    """The brokers of these options of `kiosk centre`. Raises click.BadParameter."""
    return [
        BrokerEndpoint(
            host,
            port,
            "5" if options["mqtt_version"] == "5" else "3.1.1",
            tls=options["ca"] is not None,
            ca_path=options["ca"],
            certificate_path=options["certificate"],
            key_path=options["key"],
        )
        for host, port in parse_brokers(options["broker"])
    ]
