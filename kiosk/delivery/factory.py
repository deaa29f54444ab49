"""From the configuration to a courier: which broker, which branch of the topics, which terms."""

from importlib.metadata import version

from kiosk import config
from kiosk.core.ports import Clock, Outbox
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.system.handed_keys import credential_path
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.topics import DeviceTopics


def broker_endpoint(mqtt: config.MqttSettings) -> BrokerEndpoint:
    """Where the broker is and how to speak with it."""
    return BrokerEndpoint(
        host=mqtt.host,
        port=mqtt.port,
        mqtt_version=mqtt.version,
        keepalive_s=mqtt.keepalive_s,
        tls=mqtt.tls,
        ca_path=mqtt.ca,
        certificate_path=mqtt.certificate,
        key_path=credential_path(mqtt.key) if mqtt.key else None,
    )


def build_relay(settings: config.Settings, outbox: Outbox, clock: Clock) -> OutboxRelay:
    """A courier that is not connected yet; its thread calls `step`, and loads paho when it first connects."""
    broker, site = settings.mqtt, settings.site
    endpoint = broker_endpoint(broker)

    def connect(will: OutgoingMessage) -> Connection:
        from mqtt.paho.connection import PahoConnection  # noqa: PLC0415  with ssl and urllib a tenth of what a start loads: the gate opens first

        return PahoConnection(endpoint, f"{broker.topic_prefix}-{site.site}-{site.device}", will=will)

    return OutboxRelay(
        outbox,
        DeviceTopics(broker.topic_prefix, site.site, site.device),
        connect,
        clock=clock,
        broker_name=str(endpoint),
        options=DeliveryOptions(
            receipt_timeout_s=broker.receipt_timeout_s,
            acknowledge_by=broker.acknowledge_by,
            reconnect_max_delay_s=broker.reconnect_max_delay_s,
        ),
        software_version=version("entrance-kiosk"),
    )
