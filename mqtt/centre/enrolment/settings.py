"""What the centre gives to a kiosk that enrols: addresses, authority, keys, lists and configuration values. In the database."""

import base64
import binascii
import json
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE
from mqtt.centre.ingest.database import Query

DEFAULT_DAYS = 730


class NotSetUpError(Exception):
    """Enrolment was not set up: `kiosk centre enrol set-up`."""


@dataclass(frozen=True, slots=True)
class CentreEnrolmentSettings:
    """All of them. Files are their content."""

    url: str
    """Address of the enrolment service, `https://HOST:PORT`."""
    brokers: tuple[str, ...]
    """`host:port` of the MQTT broker."""
    authority: bytes = field(repr=False)
    """CA certificate, PEM."""
    root_public_key: bytes = field(repr=False)
    """Public key that signs the lists, PEM."""
    sealing_public_key: bytes = field(repr=False)
    trust_list: bytes = field(repr=False)
    denylist: bytes = field(default=b"", repr=False)
    """Empty: there is none."""
    fleet_public_key: bytes = field(default=b"", repr=False)
    """Public key that signs commands, PEM. Empty: the kiosks obey none."""
    values: str = ""
    """Configuration values for all kiosks, TOML."""
    certificate_days: int = DEFAULT_DAYS

    @property
    def authority_fingerprint(self) -> bytes:
        """SHA-256 of the CA certificate, 32 bytes."""
        return authority_fingerprint(self.authority)


_FILES = ("authority", "root_public_key", "sealing_public_key", "trust_list", "denylist", "fleet_public_key")
_ADDED_FILES = frozenset({"fleet_public_key"})
"""Not there where an earlier release wrote the settings."""


def authority_fingerprint(pem: bytes) -> bytes:
    """SHA-256 of a certificate. Raises ValueError."""
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    except UNREADABLE_CERTIFICATE as error:
        raise ValueError("this is not a certificate in PEM form") from error


def write_settings(query: Query, settings: CentreEnrolmentSettings) -> None:
    """Replace all settings."""
    values = {
        "url": settings.url,
        "brokers": json.dumps(settings.brokers),
        "values": settings.values,
        "certificate_days": str(settings.certificate_days),
    } | {name: base64.b64encode(getattr(settings, name)).decode() for name in _FILES}
    for name, value in values.items():
        query(
            "INSERT INTO enrolment_setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [name, value],
        )


def read_settings(query: Query) -> CentreEnrolmentSettings:
    """The settings. Raises NotSetUpError."""
    found = {row["name"]: row["value"] for row in query("SELECT name, value FROM enrolment_setting")}
    try:
        contents = {
            name: base64.b64decode(found.get(name, "") if name in _ADDED_FILES else found[name]) for name in _FILES
        }
        return CentreEnrolmentSettings(
            url=found["url"],
            brokers=tuple(json.loads(found["brokers"])),
            values=found["values"],
            certificate_days=int(found["certificate_days"]),
            **contents,
        )
    except (KeyError, ValueError, binascii.Error) as error:
        raise NotSetUpError("enrolment is not set up: kiosk centre enrol set-up --help") from error
