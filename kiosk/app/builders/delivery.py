"""Builds the outbox relay and the addresses of the broker from `[mqtt]` and `[site]`."""

from collections.abc import Callable, Sequence
from importlib.metadata import version

from kiosk import config
from kiosk.app.builders.home_assistant import discovery_message
from kiosk.config.addresses import split_host_port
from kiosk.core.ports import Clock, Outbox
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.delivery.device_reporter import ConnectionFactory
from kiosk.delivery.remote import OrderChannel
from kiosk.enrolment.credential_trial import CredentialSlot
from kiosk.system.machine_identity import read_board_id
from kiosk.system.systemd import credential_path
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, Connection, OutgoingMessage
from mqtt.topics import DeviceTopics

FIRST_BACKLOG_EVENTS_PER_S = 0.1
"""Until the centre has named a rate, which it does as soon as a device connects. After a power cut all devices of a city start
at once, perhaps before the centre: what they send would wait at the broker, and all that happens afterwards behind it."""
RATE_WITHOUT_CENTRE = 50.0
"""Events per second where only the broker acknowledges, so that no centre names a rate."""


def broker_endpoints(mqtt: config.MqttSettings) -> list[BrokerEndpoint]:
    """Every address of the broker with version and TLS files, in the order in which they are tried."""
    return [
        BrokerEndpoint(
            *split_host_port(text),
            mqtt_version=mqtt.version,
            keepalive_s=mqtt.keepalive_s,
            tls=mqtt.tls,
            ca_path=mqtt.ca,
            certificate_path=mqtt.certificate,
            key_path=credential_path(mqtt.key) if mqtt.key else None,
        )
        for text in mqtt.brokers
    ]


def build_connect(
    settings: config.Settings, endpoints: Sequence[BrokerEndpoint], slot: CredentialSlot | None = None
) -> ConnectionFactory:
    """Makes the connections of the relay. Imports paho. `slot`: which certificate they use. None: that of the configuration."""
    from mqtt.paho.connection import PahoConnection  # noqa: PLC0415
    from mqtt.paho.failover import Failover  # noqa: PLC0415

    mqtt, site = settings.mqtt, settings.site
    client_id = f"{site.site}.{site.device}"  # as in the certificate (mqtt.broker.certificates.dotted_name)

    def open_connection(endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        return PahoConnection(endpoint, client_id, will=will, failures=failures)

    def open_with_slot(endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        assert slot is not None
        return slot.open(open_connection, endpoint, will, failures)

    return Failover(endpoints, open_with_slot if slot else open_connection, max_delay_s=mqtt.reconnect_max_delay_s)


def connect_late(load: Callable[[], ConnectionFactory]) -> ConnectionFactory:
    """Calls `load` at the first connection. Where it fails, BrokerConnectionError is raised, and the next call tries again.

    paho, ssl and urllib are a tenth of all imports. Imported then, they do not delay the opening of the gate.
    """
    factory: list[ConnectionFactory] = []

    def connect(will: OutgoingMessage) -> Connection:
        if not factory:
            try:
                factory.append(load())
            except (OSError, ImportError) as error:  # no free file descriptor, or a disk that does not respond
                raise BrokerConnectionError(f"the MQTT client cannot be loaded: {error}") from error
        return factory[0](will)

    return connect


def build_relay(
    settings: config.Settings,
    outbox: Outbox,
    clock: Clock,
    orders: OrderChannel | None = None,
    slot: CredentialSlot | None = None,
) -> OutboxRelay:
    """A relay that is not connected yet. Its thread calls `step` and imports paho at the first connection. Raises StoreError.

    `orders`: takes the commands of the centre. None: there are none. `slot`: see `build_connect`.
    """
    mqtt, site = settings.mqtt, settings.site
    endpoints = broker_endpoints(mqtt)
    device_topics = DeviceTopics(mqtt.topic_prefix, site.site, site.device)
    outbox.bind_source(device_topics.source, read_board_id(settings.sysfs))

    return OutboxRelay(
        outbox,
        device_topics,
        connect_late(lambda: build_connect(settings, endpoints, slot)),
        clock=clock,
        brokers=[str(each) for each in endpoints],
        options=DeliveryOptions(
            receipt_timeout_s=mqtt.receipt_timeout_s,
            acknowledge_by=mqtt.acknowledge_by,
            reconnect_max_delay_s=mqtt.reconnect_max_delay_s,
            first_backlog_events_per_s=(
                FIRST_BACKLOG_EVENTS_PER_S if mqtt.acknowledge_by == "centre" else RATE_WITHOUT_CENTRE
            ),
            announcement=_announcement(settings, device_topics) if mqtt.home_assistant else None,
        ),
        software_version=version("entrance-kiosk"),
        orders=orders,
    )


def _announcement(settings: config.Settings, topics: DeviceTopics) -> OutgoingMessage:
    """For Home Assistant."""
    site = settings.site
    title = " · ".join(filter(None, (site.title or site.site, site.gate_title or site.device)))
    return discovery_message(topics, title, version("entrance-kiosk"))
