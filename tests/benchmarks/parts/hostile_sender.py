"""`python -m tests.benchmarks.parts.hostile_sender KIND HOST:PORT`: send 14 MB as fast as the broker takes them.

Prints `ready` when they are made, waits for a line on standard input, and prints `sent` when the broker has all of them.
"""

import sys

from kiosk.config.addresses import split_host_port
from mqtt.connection import BrokerEndpoint, Connected, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.benchmarks.parts.hostile_messages import series

MAX_INFLIGHT = 200


def main(kind: str, address: str) -> None:
    """One series."""
    messages = series(kind)
    connection = PahoConnection(BrokerEndpoint(*split_host_port(address)), "hostile")
    connection.open()
    while not any(isinstance(event, Connected) for event in connection.process(0.1)):
        pass
    print(f"ready {len(messages)}", flush=True)
    sys.stdin.readline()
    for topic, payload in messages:
        connection.publish(OutgoingMessage(topic, payload))
        while connection.unacknowledged_count() >= MAX_INFLIGHT:
            connection.process(0.01)
    while connection.unacknowledged_count():
        connection.process(0.01)
    print("sent", flush=True)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
