"""Events and times as values of the SQLite tables."""

from datetime import UTC, datetime

from mqtt.events import AccessCloudEvent

EVENT_COLUMNS = 19


def event_row(device: int, stream: int, event: AccessCloudEvent, received_at: datetime) -> tuple[object, ...]:
    """A row of the table `event`."""
    data = event.data
    return (
        device,
        event.id.bytes,
        stream,
        data.seq,
        iso_text(event.time),
        data.monotonic_s,
        data.boot_id,
        data.clock_quality,
        data.outcome,
        data.reason,
        data.direction,
        data.kind,
        data.assurance,
        data.pseudonym,
        data.sealed,
        data.code_bytes,
        iso_text(received_at),
        data.annuls.bytes if data.annuls else None,
        data.manual_reason,
    )


def iso_text(at: datetime) -> str:
    """UTC, in milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
