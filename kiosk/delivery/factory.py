"""From the configuration to a courier: which broker, which branch of the topics, which terms."""

from importlib.metadata import version

from kiosk import config
from kiosk.core.ports import Clock, Outbox
from kiosk.delivery import Courier, Terms
from kiosk.system.handed_keys import handed
from mqtt.connection import Endpoint, Link, Message
from mqtt.topics import Branch


def endpoint_of(mqtt: config.Broker) -> Endpoint:
    """Where the broker is and how to speak with it."""
    return Endpoint(
        host=mqtt.host,
        port=mqtt.port,
        version=mqtt.version,
        keepalive_s=mqtt.keepalive_s,
        tls=mqtt.tls,
        ca=mqtt.ca,
        certificate=mqtt.certificate,
        key=handed(mqtt.key) if mqtt.key else None,
    )


def make_courier(settings: config.Settings, outbox: Outbox, clock: Clock) -> Courier:
    """A courier that is not connected yet; its thread calls `step`, and loads paho when it first connects."""
    broker, site = settings.mqtt, settings.site
    endpoint = endpoint_of(broker)

    def connect(will: Message) -> Link:
        from mqtt.paho.connection import PahoLink  # noqa: PLC0415  with ssl and urllib a tenth of what a start loads: the gate opens first

        return PahoLink(endpoint, f"{broker.topic_prefix}-{site.site}-{site.device}", will=will)

    return Courier(
        outbox,
        Branch(broker.topic_prefix, site.site, site.device),
        connect,
        clock=clock,
        broker_name=str(endpoint),
        options=Terms(
            receipt_timeout_s=broker.receipt_timeout_s,
            acknowledge_by=broker.acknowledge_by,
            reconnect_max_delay_s=broker.reconnect_max_delay_s,
        ),
        software_version=version("entrance-kiosk"),
    )
