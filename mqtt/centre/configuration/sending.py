"""Which device gets which configuration now, as signed messages, and what devices said about theirs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mqtt.centre.configuration.scopes import (
    Scope,
    StoredValue,
    by_scope,
    effective_values,
    newest_change,
    plain_values,
    scopes_of,
)
from mqtt.centre.configuration.store import read_values
from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.model import RegistryRows
from mqtt.centre.registry.store import read_rows, read_version
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.remote.sending import next_counter
from mqtt.connection import OutgoingMessage
from mqtt.remote.configuration import (
    PASSING_CODES,
    ConfigurationReport,
    DesiredMessage,
    TrialState,
    values_sha256,
)
from mqtt.remote.signature import OrderUse, sign_order
from mqtt.topics import DeviceTopics, TopicKind

MAX_DEVICES = 200
"""Devices of one transaction."""
LIFETIME = timedelta(minutes=30)
"""How long a signed configuration is good. Its device is connected when it is signed."""
NOTHING = values_sha256({})


@dataclass(frozen=True, slots=True)
class DeviceConfiguration:
    """What a device said about its configuration."""

    device: str
    sha256: str
    tried_sha256: str
    state: str
    code: str
    detail: str
    local: Mapping[str, Any]
    """Settings that were changed on the device itself."""
    reported_at: datetime
    again_sha256: str
    """A person wants these values to be tried again."""

    def follows(self, wanted: str) -> str:
        """How far the values with this SHA-256 are: a TrialState, or `waiting`."""
        if self.sha256 == wanted:
            return TrialState.IN_FORCE.value
        if self.tried_sha256 != wanted or self.code in PASSING_CODES:
            return "waiting"
        return self.state if self.state != TrialState.IN_FORCE else "waiting"

    def takes(self, wanted: str) -> bool:
        """Whether the values with this SHA-256 are to be sent."""
        return self.follows(wanted) == "waiting" or (
            self.again_sha256 == wanted and self.follows(wanted) != TrialState.IN_FORCE
        )


def save_report(query: Query, device: str, report: ConfigurationReport, now: datetime) -> None:
    """What a device said in its hello."""
    values = [
        report.sha256,
        report.counter,
        report.tried_sha256 or "",
        report.state.value,
        report.code,
        report.detail,
        json.dumps(report.local, sort_keys=True),
        now.astimezone(UTC).isoformat(timespec="milliseconds"),
    ]
    query(
        "INSERT INTO config_device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, '') ON CONFLICT (device) DO UPDATE SET "
        "sha256 = excluded.sha256, counter = excluded.counter, tried_sha256 = excluded.tried_sha256, "
        "state = excluded.state, code = excluded.code, detail = excluded.detail, local = excluded.local, "
        "reported_at = excluded.reported_at, behind = 1",
        [device, *values],
    )


def read_reports(query: Query, device: str | None = None) -> list[DeviceConfiguration]:
    """What each device said last, or one of them."""
    rows = query("SELECT * FROM config_device WHERE ? = '' OR device = ? ORDER BY device", [device or "", device or ""])
    return [_report(row) for row in rows]


def try_again(query: Query, device: str, wanted: str) -> bool:
    """Let a device try values again that failed before. False: it never said anything."""
    return bool(
        query(
            "UPDATE config_device SET again_sha256 = ?, behind = 1 WHERE device = ? RETURNING device", [wanted, device]
        )
    )


def has_devices_to_configure(query: Query) -> bool:
    """Whether a connected device may need another configuration."""
    return bool(
        query(
            "SELECT 1 AS n FROM config_device JOIN device ON device.site || '/' || device.device = config_device.device "
            "WHERE behind = 1 AND device.state <> 'offline' LIMIT 1"
        )
    )


class ConfigurationSender:
    """Keeps registry and values until they change. One thread."""

    def __init__(self) -> None:
        self._version: tuple[int, int, date] | None = None
        self._registry = make_registry(RegistryRows())
        self._values: dict[str, list[StoredValue]] = {}

    def take(self, query: Query, key: Ed25519PrivateKey, topic_prefix: str, now: datetime) -> list[OutgoingMessage]:
        """The signed messages for connected devices that have other values than they should. In the present transaction."""
        self._refresh(query, now)
        if not self._values:
            query("UPDATE config_device SET behind = 0 WHERE behind = 1 AND sha256 = ?", [NOTHING])
        rows = query(
            "SELECT config_device.*, remote_device.session FROM config_device "
            "JOIN remote_device ON remote_device.device = config_device.device "
            "JOIN device ON device.site || '/' || device.device = config_device.device "
            "WHERE config_device.behind = 1 AND device.state <> 'offline' ORDER BY config_device.device LIMIT ?",
            [MAX_DEVICES],
        )
        found = []
        for row in rows:
            taken = query(
                "UPDATE config_device SET behind = 0 WHERE device = ? AND behind = 1 RETURNING device", [row["device"]]
            )
            message = self._message(query, row, now) if taken else None
            if message is not None:
                site, _, device = row["device"].partition("/")
                topic = DeviceTopics(topic_prefix, site, device).topic(TopicKind.DESIRED)
                signed = sign_order(key, OrderUse.CONFIGURATION, message.to_payload())
                found.append(OutgoingMessage(topic, signed))
        return found

    def wanted(self, query: Query, device: str, now: datetime) -> dict[str, StoredValue]:
        """The values that count for a device now, with where they were set."""
        self._refresh(query, now)
        return effective_values(self._values, scopes_of(self._registry, device, now.date()))

    def _refresh(self, query: Query, now: datetime) -> None:
        newest = query("SELECT coalesce(max(number), 0) AS number FROM config_change")[0]["number"]
        version = (read_version(query), int(newest), now.date())
        if version != self._version:
            self._values = by_scope(read_values(query))
            self._registry = make_registry(read_rows(query) if self._values else RegistryRows())
            self._version = version

    def _message(self, query: Query, row: Mapping[str, Any], now: datetime) -> DesiredMessage | None:
        """None: the device has these values, tries them, or failed with them."""
        device = row["device"]
        effective = effective_values(self._values, scopes_of(self._registry, device, now.date()))
        values = plain_values(effective)
        wanted = values_sha256(values)
        if not _report(row).takes(wanted):
            return None
        query("UPDATE config_device SET again_sha256 = '' WHERE device = ?", [device])
        newest = newest_change(effective.values())
        return DesiredMessage(
            device=device,
            session=row["session"],
            counter=next_counter(query, device, now),
            issued_at=now,
            expires_at=now + LIFETIME,
            values=values,
            origins={name: _origin(value) for name, value in effective.items()},
            changed_by=newest.changed_by if newest else "",
            reason=newest.reason if newest else "",
        )


def _origin(value: StoredValue) -> str:
    kind, _, name = value.scope.partition(" ")
    return Scope(kind, name).origin


def _report(row: Mapping[str, Any]) -> DeviceConfiguration:
    return DeviceConfiguration(
        row["device"],
        row["sha256"],
        row["tried_sha256"],
        row["state"],
        row["code"],
        row["detail"],
        json.loads(row["local"]),
        datetime.fromisoformat(row["reported_at"]),
        row["again_sha256"],
    )
