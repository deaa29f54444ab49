"""The facts of all devices for the alerts."""

from datetime import datetime

from mqtt.centre.alerts.conditions import AlertKind, Condition, DeviceFacts
from mqtt.centre.enrolment.invitations import read_conflicts
from mqtt.centre.ingest.database import Query
from web_ui.centre.data.fleet import Fleet


def device_facts(fleet: Fleet) -> list[DeviceFacts]:
    """One for each device."""
    found = []
    for device in fleet.devices.values():
        area = fleet.sites[device.site].area
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
            )
        )
    return found


def enrolment_conditions(query: Query, fleet: Fleet, now: datetime) -> list[Condition]:
    """One for each device whose enrolment code was used by another one too, for a day."""
    conflicts: dict[str, int] = {}
    for one in read_conflicts(query, now):
        conflicts[one.wire_name] = conflicts.get(one.wire_name, 0) + one.conflicts
    found = []
    for name, count in sorted(conflicts.items()):
        site = fleet.sites.get(name.partition("/")[0])
        number = site.area.number if site and site.area else 0
        found.append(Condition(AlertKind.ENROLMENT_CONFLICT, name, number, str(count)))
    return found
