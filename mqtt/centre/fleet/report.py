"""The report of `kiosk centre status`: a summary of the fleet first, then the devices that were asked for. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mqtt.centre.fleet.status import DeviceStatus, HealthFinding, format_ranges
from mqtt.printable_text import printable

MAX_LISTED = 100
"""More devices than these are listed only where something is wrong with them, or where they were asked for."""


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices to list. Several conditions: a device that meets one of them."""

    silent: bool = False
    gaps: bool = False
    behind: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it lists every device."""
        return not (self.silent or self.gaps or self.behind)

    def matches(self, device: DeviceStatus) -> bool:
        """Whether the device is listed."""
        return self.is_empty or bool(
            (self.silent and device.offline) or (self.gaps and device.has_gaps) or (self.behind and device.is_behind)
        )


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """The numbers of all devices of the fleet, or of the site or area that was asked for."""

    devices: int
    sites: int
    silent: int
    with_gaps: int
    missing_events: int
    behind: int
    backlog_events: int
    """Of all devices."""
    with_rejections: int
    by_state: dict[str, int]

    @property
    def needs_attention(self) -> bool:
        """Whether a device is silent or lacks events."""
        return bool(self.silent or self.with_gaps)


def summarise(devices: Sequence[DeviceStatus]) -> FleetSummary:
    """The summary of these devices."""
    by_state: dict[str, int] = {}
    for device in devices:
        state = device.state or "unknown"
        by_state[state] = by_state.get(state, 0) + 1
    gaps = [span for device in devices for stream in device.streams for span in stream.missing]
    return FleetSummary(
        devices=len(devices),
        sites=len({device.site for device in devices}),
        silent=sum(device.offline for device in devices),
        with_gaps=sum(device.has_gaps for device in devices),
        missing_events=sum(last - first + 1 for first, last in gaps),
        behind=sum(device.is_behind for device in devices),
        backlog_events=sum(device.backlog for device in devices),
        with_rejections=sum(device.rejected > 0 for device in devices),
        by_state=dict(sorted(by_state.items())),
    )


def select_devices(
    devices: Sequence[DeviceStatus], wanted: DeviceFilter, *, list_all: bool = False
) -> list[DeviceStatus]:
    """The devices to list. Of a large fleet without a filter: those with something wrong."""
    found = [device for device in devices if wanted.matches(device)]
    if list_all or not wanted.is_empty or len(found) <= MAX_LISTED:
        return found
    return [one for one in found if one.offline or one.has_gaps or one.is_behind or one.rejected]


def format_summary(summary: FleetSummary) -> str:
    """One line."""
    parts = [
        f"{_count(summary.devices, 'device')} at {_count(summary.sites, 'site')}",
        f"{summary.silent} silent",
        f"{summary.with_gaps} with gaps ({_count(summary.missing_events, 'event')} missing)",
        f"{summary.behind} behind ({_count(summary.backlog_events, 'event')} waiting)",
        f"{summary.with_rejections} with rejected events",
        "states: " + ", ".join(f"{number} {printable(state)}" for state, number in summary.by_state.items()),
    ]
    return "; ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def format_device(device: DeviceStatus) -> Iterator[str]:
    """The lines of one device."""
    state = printable(f"{device.state or 'state unknown'}{f' ({device.state_reason})' if device.state_reason else ''}")
    silent = ", SILENT" if device.offline else ""
    yield f"{device.site}/{device.device}: {state}{silent}, last seen {device.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
    for stream in device.streams:
        gaps = f"missing {format_ranges(stream.missing)}" if stream.missing else "complete"
        if stream.acknowledged:
            gaps += f" (acknowledged as lost: {format_ranges(stream.acknowledged)})"
        yield f"  epoch {stream.epoch}: 1-{stream.newest_seq}, {gaps}; {stream.duplicates} came twice"
        if stream.conflicts:
            yield f"  {stream.conflicts} events share a number with another one: was a database copied, or a name used twice?"
    for finding in device.findings:
        yield f"  the device reports: {printable(finding_text(finding))}"
    for notice in device.notices:
        yield f"  the device reports: {notice.event_count} events {printable(notice.kind)}, last on {notice.last_at}"
    if device.is_behind:
        yield f"  {device.backlog} events wait in the device"
    if device.rejected:
        yield f"  {device.rejected} events were rejected. The device keeps them in quarantine"
    for reason, times in device.exceeded_limits:
        yield f"  over a limit of the centre, so not stored: {times} {printable(reason)}"


def finding_text(finding: HealthFinding) -> str:
    """`release: returned (0.9.3 -> 0.9.2: not ready)`, `release-trial: running, 1500 s`."""
    measured = "" if finding.value is None else f", {finding.value:g} {finding.unit}".rstrip()
    return f"{finding.code}: {finding.reason or finding.status}{measured}{f' ({finding.detail})' if finding.detail else ''}"
