"""One simulated kiosk: the product's outbox relay on an outbox in memory and a connection of the simulator."""

import random
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.app.builders.delivery import FIRST_BACKLOG_EVENTS_PER_S
from kiosk.core.model import DeviceState
from kiosk.core.ports import Clock
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.delivery.device_reporter import HEALTH_INTERVAL_S
from kiosk.delivery.relay import IDLE_WAIT_S
from mqtt.connection import IncomingMessage, OutgoingMessage
from mqtt.topics import DeviceTopics, TopicKind
from tests.fleet.counts import Counts
from tests.fleet.kiosk.codec import Login
from tests.fleet.kiosk.connection import FleetConnection, Poller
from tests.fleet.kiosk.outbox import FleetOutbox
from tests.fleet.kiosk.receipt_check import ReceiptCheck

NEVER_S = float("inf")
ACTIVE_WAIT_S = 0.3
"""While answers come: the product would ask the socket at once, here the event loop calls."""
WAITING_WAIT_S = 1.0
"""While events wait for a receipt."""
STEP_EVENTS = 10.0
"""While events wait for the backlog rate: in the time for so many of them. Ten thousand kiosks that look each second would keep
the simulator from everything else."""
IDLE_STEP_S = 20.0
CHECKS = (
    HealthCheck("camera", CheckStatus.PASS, 0.0, "s"),
    HealthCheck("disk", CheckStatus.PASS, 12000.0, "MB"),
    HealthCheck("clock", CheckStatus.PASS),
    HealthCheck("temperature", CheckStatus.PASS, 48.0, "°C"),
    HealthCheck("power", CheckStatus.PASS),
    HealthCheck("lists", CheckStatus.PASS),
)
"""As many as a healthy kiosk reports."""
DELIVERY = DeliveryOptions(first_backlog_events_per_s=FIRST_BACKLOG_EVENTS_PER_S)
"""As a kiosk has it by default."""
_SEQS = re.compile(rb'"seq":([0-9]+)')


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all kiosks of a fleet share."""

    addresses: tuple[tuple[str, int], ...]
    """Brokers, host and port. Kiosks are spread over them, and go to the next one after each lost connection."""
    poller: Poller
    clock: Clock
    monotonic_s: Callable[[], float]
    counts: Counts
    jitter: random.Random
    is_mqtt5: bool = True
    topic_prefix: str = "entrance"
    keepalive_s: int = 20
    certificates: Path | None = None
    """A folder of `kiosk pki` with ca.pem, and SITE.DEVICE.pem and SITE.DEVICE.key of each kiosk. None: without TLS."""


class FleetKiosk:
    """One thread. After each call, `due_s` says when to call `step` at the latest (monotonic seconds)."""

    __slots__ = (
        "_attempt", "_health_due_s", "_receipt_topic", "_relay", "_topics", "check", "connection", "due_s", "index",
        "is_cut", "is_ready", "outbox", "shared",
    )  # fmt: skip

    def __init__(self, index: int, outbox: FleetOutbox, shared: Surroundings, *, starts_s: float) -> None:
        """`starts_s`: when it connects for the first time."""
        self.index = index
        self.outbox = outbox
        self.shared = shared
        self.check = ReceiptCheck(outbox, shared.counts)
        self.connection: FleetConnection | None = None
        self.is_ready = False
        """Connected and subscribed."""
        self.is_cut = False
        """Its network is gone."""
        self.due_s = starts_s
        self._attempt = index
        self._health_due_s = NEVER_S
        self._topics = device_topics(shared.topic_prefix, index)
        self._receipt_topic = self._topics.topic(TopicKind.RECEIPT)
        self._relay = OutboxRelay(
            outbox,
            self._topics,
            self._connect,
            clock=shared.clock,
            options=DELIVERY,
            software_version="fleet-simulator",
            jitter=shared.jitter,
        )
        self._relay.set_state(DeviceState.READY)
        self._relay.set_health(CHECKS)

    def _connect(self, will: OutgoingMessage) -> FleetConnection:
        addresses = self.shared.addresses
        self._attempt += 1
        name = f"{self._topics.site}.{self._topics.device}"
        self.connection = FleetConnection(
            addresses[self._attempt % len(addresses)],
            Login(name, maximum_packet_bytes=512 * 1024),
            will,
            owner=self,
            poller=self.shared.poller,
            clock=self.shared.monotonic_s,
            number=self.index,
            keepalive_s=self.shared.keepalive_s,
            is_mqtt5=self.shared.is_mqtt5,
            tls=tls_context(self.shared.certificates, name) if self.shared.certificates else None,
        )
        return self.connection

    def record(self, occurred_ms: int) -> None:
        """A passage. The product's delivery thread looks for new events every IDLE_WAIT_S, so it is sent up to that later."""
        self.outbox.record(occurred_ms)
        self.shared.counts.recorded += 1
        if self.is_ready:
            self.due_s = min(self.due_s, self.shared.monotonic_s() + self.shared.jitter.uniform(0.0, IDLE_WAIT_S))

    def step(self) -> None:
        """Do what is due. Sets `due_s`."""
        if self.is_cut:
            self.due_s = NEVER_S
            return
        wait_s = self._relay.step()
        now_s = self.shared.monotonic_s()
        self._follow_connection()
        if self.connection is None:
            self.due_s = now_s + max(wait_s, 0.001)
            return
        self.connection.flush()
        due_s = min(self.connection.ping_due_s, self._health_due_s, now_s + IDLE_STEP_S)
        if self.outbox.backlog_size():
            due_s = min(due_s, now_s + (ACTIVE_WAIT_S if wait_s == 0.0 else self._backlog_wait_s()))
        self.due_s = due_s

    def _backlog_wait_s(self) -> float:
        sender = self._relay._sender
        if len(sender.window) or sender.backlog_events_per_s is None:
            return WAITING_WAIT_S
        return min(IDLE_STEP_S, max(ACTIVE_WAIT_S, STEP_EVENTS / sender.backlog_events_per_s))

    def _follow_connection(self) -> None:
        """The relay closes a connection that failed, and makes another one later."""
        connection, counts = self.connection, self.shared.counts
        if connection is not None and connection.socket is None:
            counts.lost_connections += self.is_ready
            counts.connected -= self.is_ready
            self.connection, self.is_ready, self._health_due_s = None, False, NEVER_S

    def cut(self) -> None:
        """The network is gone until `restore`."""
        self.is_cut = True
        self.shared.counts.outages += 1
        if self.connection is not None:
            self.connection.cut()
            self._relay.step()
            self._follow_connection()
        self.due_s = NEVER_S

    def restore(self) -> None:
        """The network is back. The relay's own delay before the next attempt still counts."""
        self.is_cut = False
        self.due_s = self.shared.monotonic_s()

    def close(self) -> None:
        """End the connection at once, without a state message: the relay would wait for its acknowledgement."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def on_message(self, message: IncomingMessage) -> None:
        """See Owner."""
        if message.topic == self._receipt_topic:
            self.check.on_receipt(message.payload, self.shared.clock.now().utc_at.timestamp() * 1000)

    def on_publish(self, message: OutgoingMessage) -> None:
        """See Owner."""
        counts, kind = self.shared.counts, message.topic.rpartition("/")[2]
        if kind == TopicKind.EVENT:
            self.check.on_sent([int(seq) for seq in _SEQS.findall(message.payload)])
        elif kind == TopicKind.HEALTH:
            counts.healths += 1
            self._health_due_s = self.shared.monotonic_s() + HEALTH_INTERVAL_S
        elif kind == TopicKind.STATE:
            counts.states += 1

    def on_subscribed(self) -> None:
        """See Owner. The relay begins to deliver."""
        self.is_ready = True
        self.shared.counts.connects += 1
        self.shared.counts.connected += 1
        self.check.on_connected()


def device_topics(prefix: str, index: int) -> DeviceTopics:
    """Two gates at each site."""
    return DeviceTopics(prefix, f"site-{index // 2 + 1:05d}", f"gate-{index % 2 + 1}")


def tls_context(folder: Path, name: str) -> ssl.SSLContext:
    """For one connection of a kiosk. Ten thousand of them at once would take a gigabyte."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context
