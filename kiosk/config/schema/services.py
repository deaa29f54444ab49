"""What a device stores, sends and serves: database, broker, keys, pages and enrolment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from kiosk.config.addresses import host_error, split_host_port
from kiosk.config.schema.section import Port, Section, TopicName
from kiosk.core import file_names


def _valid_host(host: str) -> str:
    """The host as it is. Raises ValueError with a sentence."""
    error = host_error(host)
    if error:
        raise ValueError(f"{host!r} {error}")
    return host


class StorageSettings(Section):
    """The database of access events."""

    path: Path = Path("/var/lib/entrance-kiosk/events.db")
    """The database file. Its folder must exist and be writable."""
    retention_days: int = Field(default=21, ge=1, le=365)
    """Delivered events older than this are deleted, and a notice counts them."""
    max_rows: int = Field(default=2_000_000, ge=100)
    """Maximum number of events. Delivered events are deleted first, undelivered ones never."""
    max_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    """Maximum size of the database, bytes."""
    low_space_bytes: int = Field(default=64_000_000, ge=0)
    """Free space on the disk below which delivered events are deleted early, bytes."""
    min_free_bytes: int = Field(default=8_000_000, ge=0)
    """Free space on the disk below which nothing is recorded, bytes. It is needed to store acknowledgements."""


class MqttSettings(Section):
    """The connection to the broker and the centre."""

    topic_prefix: TopicName = "entrance"
    """First level of every MQTT topic."""
    brokers: tuple[str, ...] = Field(default=("localhost:8883",), min_length=1, max_length=8)
    """Addresses of the MQTT broker, `host:port`, tried in this order. Port 8883 with TLS, 1883 without."""
    version: Literal["5", "3.1.1"] = "5"
    """MQTT version."""
    keepalive_s: int = Field(default=20, ge=2, le=600)
    """The broker reports `offline` to the centre after one and a half times this, seconds."""
    tls: bool = True
    """False only on loopback and in development."""
    ca: Path | None = None
    """CA certificate of the broker, PEM."""
    certificate: Path | None = None
    """Certificate of this device, PEM. Its common name is SITE/DEVICE."""
    key: Path | None = None
    """Private key of that certificate, PEM."""
    receipt_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """An event without a receipt of the centre is sent again after this time, seconds."""
    reconnect_max_delay_s: float = Field(default=60.0, ge=0.1, le=600)
    """Maximum delay between two connection attempts, seconds. It is random, so that not all kiosks reconnect at once."""
    acknowledge_by: Literal["centre", "broker"] = "centre"
    """What removes an event from the outbox: the receipt of the centre, or the PUBACK of the broker, which may still lose it."""
    home_assistant: bool = False
    """Announce this gate to a Home Assistant that reads the same broker: state, backlog, quarantine, and no event."""

    @field_validator("brokers")
    @classmethod
    def _check_brokers(cls, brokers: tuple[str, ...]) -> tuple[str, ...]:
        addresses = [split_host_port(text) for text in brokers]
        for address in addresses:
            if addresses.count(address) > 1:
                raise ValueError(f"{address[0]}:{address[1]} stands there twice. Leave one of them out")
        return brokers


class KeySettings(Section):
    """Files with keys and lists. Private ones belong to root or the service user, mode 0600."""

    sealing_public_key: Path
    """The centre's public sealing key, PEM (X25519)."""
    sealing_keys: Path | None = None
    """Signed list of sealing keys, one for each week. With it, `sealing_public_key` seals nothing."""
    pseudonym_key: Path
    """32 random bytes: the key of this device's pseudonyms."""
    trust_list: Path
    """Trust list: the keys that passes are verified with."""
    denylist: Path | None = None
    """Denylist: withdrawn passes."""
    root_public_key: Path
    """Public key that signs the lists, PEM (Ed25519)."""
    fleet_public_key: Path | None = None
    """Public key that signs the commands of the centre, PEM (Ed25519). Without it this device obeys none."""


class WebServerSettings(Section):
    """The web server of the device."""

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` serves the whole LAN over IPv4, `::` over IPv4 and IPv6."""
    port: Port = 8080
    """TCP port. 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names of this server besides its own. Requests for other names are refused."""
    state_dir: Path = Path("/var/lib/entrance-kiosk-web")
    """Folder of accounts and audit log. If it does not exist, there is no login."""
    certificate: Path | None = None
    """Certificate and chain, PEM. With it the server uses TLS. `kiosk web certificate` makes one."""
    key: Path | None = None
    """Private key, PEM. Not needed if it is in the file of the certificate."""

    _check_host = field_validator("host")(_valid_host)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, allowed_hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_valid_host(host) for host in allowed_hosts)


class EnrolmentSettings(Section):
    """How this device gets its name, certificate and keys from the centre, in a file without site, device and keys."""

    folder: Path = Path(file_names.ENROLMENT_FOLDER)
    """Where certificate, keys and lists of an enrolled device lie. The daemon writes it."""
    join_wifi: bool = True
    """Join the Wi-Fi network that an enrolment code names, through NetworkManager."""
    reset_hold_s: float = Field(default=10.0, ge=0, le=60)
    """Both buttons held this long make the device forget its enrolment, seconds. 0: never."""
