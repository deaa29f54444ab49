"""The facts of all devices for the alerts."""

from mqtt.centre.alerts.conditions import DeviceFacts
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
