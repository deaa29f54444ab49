"""Builds the outbox relay and the broker endpoint from `[mqtt]` and `[site]`."""

from importlib.metadata import version

from kiosk import config
from kiosk.core.ports import Clock, Outbox
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.system.systemd import credential_path
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.topics import DeviceTopics


def broker_endpoint(mqtt: config.MqttSettings) -> BrokerEndpoint:
    """Address, version and TLS files of the broker."""
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
    """A relay that is not connected yet. Its thread calls `step` and imports paho at the first connection. Raises StoreError."""
    mqtt, site = settings.mqtt, settings.site
    endpoint = broker_endpoint(mqtt)
    device_topics = DeviceTopics(mqtt.topic_prefix, site.site, site.device)
    outbox.bind_source(device_topics.source)

    def connect(will: OutgoingMessage) -> Connection:
        # paho, ssl and urllib are a tenth of all imports. Imported here, they do not delay the opening of the gate.
        from mqtt.paho.connection import PahoConnection  # noqa: PLC0415

        return PahoConnection(endpoint, f"{mqtt.topic_prefix}-{site.site}-{site.device}", will=will)

    return OutboxRelay(
        outbox,
        device_topics,
        connect,
        clock=clock,
        broker_name=str(endpoint),
        options=DeliveryOptions(
            receipt_timeout_s=mqtt.receipt_timeout_s,
            acknowledge_by=mqtt.acknowledge_by,
            reconnect_max_delay_s=mqtt.reconnect_max_delay_s,
        ),
        software_version=version("entrance-kiosk"),
    )
