"""What the alerts depend on: the facts of all devices, requests of kiosks, and the end of the published trust list."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cbor2 import CBORDecodeError

from kiosk.credentials.formats import cose
from mqtt.centre.alerts.conditions import WHOLE_CITY, AlertKind, Condition, DeviceFacts
from mqtt.centre.alerts.device_records import (
    finding_of,
    read_device_findings,
    read_ending_certificates,
    read_missing_events,
)
from mqtt.centre.enrolment.invitations import InvitationState, read_conflicts, read_invitations
from mqtt.centre.fleet.status import HealthFinding
from mqtt.centre.ingest.database import Query
from mqtt.centre.remote.lists import published_contents
from web_ui.centre.data.fleet import Fleet

LISTS = ("trust-list", "denylist")
DAY_S = 86400
LIST_WARNING = timedelta(days=30)
"""To sign a new list offline, and to hand it to every kiosk."""


def device_facts(query: Query, fleet: Fleet, now: datetime) -> list[DeviceFacts]:
    """One for each device."""
    findings, missing = read_device_findings(query), read_missing_events(query)
    certificates = read_ending_certificates(query, now)
    found = []
    for name, device in fleet.devices.items():
        area, own = fleet.sites[device.site].area, findings.get(name, ())
        found.append(
            DeviceFacts(
                device.wire_name,
                device.site,
                area.number if area else 0,
                device.is_silent,
                device.last_seen_at,
                device.state,
                device.state_reason,
                device.clock_quality,
                device.backlog,
                device.quarantined,
                device.today.passed,
                device.today.refused,
                missing.get(name, 0),
                _low_disk_mb(own),
                _old_list_days(own),
                certificates.get(name, _certificate_days(own)),
            )
        )
    return found


def _low_disk_mb(findings: Sequence[HealthFinding]) -> int | None:
    one = finding_of(findings, "disk")
    return None if one is None else int(one.value or 0)


def _old_list_days(findings: Sequence[HealthFinding]) -> int | None:
    one = finding_of(findings, *LISTS)
    if one is None:
        return None
    return int(one.value // DAY_S) if one.value and one.reason == "old" else 0


def _certificate_days(findings: Sequence[HealthFinding]) -> int | None:
    """What the device says of a certificate that the centre does not have."""
    one = finding_of(findings, "certificate")
    return None if one is None else max(0, int((one.value or 0) // DAY_S))


def enrolment_conditions(query: Query, fleet: Fleet, now: datetime) -> list[Condition]:
    """One for each kiosk that waits for an approval, and for each code that a second one used, for a day."""
    conflicts: dict[str, int] = {}
    for one in read_conflicts(query, now):
        conflicts[one.wire_name] = conflicts.get(one.wire_name, 0) + one.conflicts
    waiting = {one.wire_name for one in read_invitations(query, now) if one.state_at(now) is InvitationState.WAITING}
    return [
        *(Condition(AlertKind.ENROLMENT_CONFLICT, n, _area(fleet, n), str(conflicts[n])) for n in sorted(conflicts)),
        *(Condition(AlertKind.ENROLMENT_WAITING, name, _area(fleet, name), "") for name in sorted(waiting)),
    ]


def _area(fleet: Fleet, wire_name: str) -> int:
    site = fleet.sites.get(wire_name.partition("/")[0])
    return site.area.number if site and site.area else 0


def list_conditions(query: Query, now: datetime) -> list[Condition]:
    """One if the last key of the newest published trust list ends soon. Kiosks then refuse every pass."""
    published = published_contents(query, "trust")
    ends_at = trust_list_end(published[-1]) if published else None
    if ends_at is None or ends_at - now > LIST_WARNING:
        return []
    return [Condition(AlertKind.LIST_ENDS, WHOLE_CITY, 0, str(max(0, (ends_at - now).days)))]


def trust_list_end(content: bytes) -> datetime | None:
    """When the last key of a trust list ends. The signature was checked when it was published. None: it has no key."""
    try:
        entries = cose.decode_deterministic_cbor(cose.parse_sign1(content).payload)[5]
        ends = [datetime.fromtimestamp(entry[4], UTC) for entry in entries]
    except (cose.CoseError, CBORDecodeError, KeyError, IndexError, TypeError, ValueError, OverflowError, OSError):
        return None
    return max(ends, default=None)
