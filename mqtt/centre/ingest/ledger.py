"""What a collector needs of a ledger: the database of a centre, in SQLite or PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from mqtt.centre.ingest.batch import BatchContents, IngestedMessage, ReceivedHealth, ReceivedState, Recorded, StreamKey
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What the centre has of all devices."""

    received: int
    """Events received, with duplicates."""
    distinct: int
    duplicates: int
    """Harmless: each event is stored once."""
    missing: int
    """Seqs below the newest of their stream that were not received."""


class Ledger(Protocol):
    """One thread at a time. All methods raise LedgerError. Any other exception is the fault of the message."""

    def transaction(self, contents: BatchContents | None = None) -> AbstractContextManager[None]:
        """All calls within it are committed together. It may be entered again within itself.

        `contents`: what these calls will write, so that all its devices are locked at the beginning.
        """

    def record(self, messages: Sequence[IngestedMessage]) -> Recorded:
        """Commit the events, each id once. Returns all seqs that the ledger has of the streams in `messages`."""

    def save_states(self, states: Collection[ReceivedState]) -> None:
        """Store the states, one of each device."""

    def save_healths(self, healths: Sequence[ReceivedHealth], stated: Collection[DeviceTopics] = ()) -> None:
        """Store clock offsets and notices, and the state of each device that is not in `stated`. The newest message is the last."""

    def stream_ranges(self, streams: Collection[StreamKey]) -> dict[StreamKey, RangeSet]:
        """All seqs that the ledger has of each of these streams."""

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """Store the state of one device."""

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """Store the health of one device."""

    def count_invalid_messages(self, times: Mapping[str, int]) -> None:
        """Count messages that were dropped, by reason."""

    def count_invalid_message(self, reason: str, times: int = 1) -> None:
        """Count dropped messages of one reason."""

    def delete_before(self, day: date) -> list[str]:
        """Retention: delete events received before this day. Returns what was deleted, for the log."""

    def recover(self) -> None:
        """After a LedgerError: connect again where that is needed. Returns when the ledger can be written."""

    def close(self) -> None:
        """Close the ledger."""
