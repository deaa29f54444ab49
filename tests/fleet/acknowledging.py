"""`python -m tests.fleet.acknowledging HOST:PORT`: a subscriber that stores nothing, and answers each event with a receipt.

The reference of the fleet benchmark: what the broker and the fleet alone take.
"""

import logging
import re
import sys
from collections import defaultdict

from kiosk.config.addresses import split_host_port
from mqtt.connection import BrokerEndpoint, Connected, IncomingMessage, OutgoingMessage, Subscribed
from mqtt.events import digest_of_ids, receipt_payload
from mqtt.paho.connection import PahoConnection
from mqtt.topics import TopicKind, parse_topic, topic_filter

log = logging.getLogger(__name__)

_EVENT = re.compile(rb'"id":"([0-9a-f-]{36})".*?"epoch":"([0-9a-f]{16})","seq":([0-9]+)')


def receipt(payload: bytes, up_to: dict[str, int]) -> bytes:
    """The receipt for the events of one message, which are all of one epoch. `up_to`: the largest seq of each epoch so far."""
    ids: dict[int, bytes] = {}
    epoch = ""
    for id_, its_epoch, seq in _EVENT.findall(payload):
        ids[int(seq)] = bytes.fromhex(id_.decode().replace("-", ""))
        epoch = its_epoch.decode()
    up_to[epoch] = max(up_to[epoch], *ids)
    runs: list[tuple[int, int]] = []
    for seq in sorted(ids):
        if runs and runs[-1][1] + 1 == seq:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    confirmed = [
        (first, last, digest_of_ids(ids[seq] for seq in range(first, last + 1))) for first, last in runs
    ]  # fmt: skip
    return receipt_payload(epoch, up_to[epoch], confirmed=confirmed)


def main(address: str, prefix: str = "entrance") -> None:
    """Answer until the process is ended."""
    logging.basicConfig(level=logging.INFO)
    host, port = split_host_port(address)
    connection = PahoConnection(BrokerEndpoint(host, port), "acknowledging")
    connection.open()
    up_to: dict[str, int] = defaultdict(int)
    while True:
        for event in connection.process(0.2):
            if isinstance(event, Connected):
                connection.subscribe([topic_filter(prefix, TopicKind.EVENT)])
            elif isinstance(event, Subscribed):
                log.info("subscribed")
            elif isinstance(event, IncomingMessage):
                connection.acknowledge(event)
                parsed = parse_topic(event.topic)
                if parsed is not None:
                    topic = parsed[0].topic(TopicKind.RECEIPT)
                    connection.publish(OutgoingMessage(topic, receipt(event.payload, up_to)))


if __name__ == "__main__":
    main(sys.argv[1])
