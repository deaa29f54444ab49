"""Publishes the device's state (retained) and its health (every minute)."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from kiosk.core.model import ClockReading, DeviceState
from kiosk.core.ports import NoticeLike, Outbox
from kiosk.core.status import HealthCheck
from mqtt.connection import Connection, OutgoingMessage
from mqtt.device_messages import CheckResult, HealthMessage, HealthNotice, StateMessage
from mqtt.printable_text import printable
from mqtt.topics import DeviceTopics, TopicKind

HEALTH_INTERVAL_S = 60.0
MAX_DETAIL_CHARS = 64
MAX_NEWEST_NOTICES = MAX_OLDER_NOTICES = 10
"""Each health message contains the newest notices, and some of the older ones in turn."""


class DeviceReporter:
    """`set_state` and `set_health`: any thread. The other methods belong to the relay's thread."""

    def __init__(
        self,
        outbox: Outbox,
        device_topics: DeviceTopics,
        software_version: str,
        announcement: OutgoingMessage | None = None,
    ) -> None:
        """`announcement`: published once in each connection."""
        self._outbox = outbox
        self._topics = device_topics
        self._software_version = software_version[:64]
        self._lock = threading.Lock()
        self._state = DeviceState.STARTING
        self._reason = ""
        self._state_published = False
        self._birth_published = False
        self._checks: dict[str, CheckResult] = {}
        self._health_due_s = 0.0
        self._older_than_number: int | None = None
        self._connected_at: datetime | None = None
        self._announcement = announcement
        self._is_announced = False

    def set_state(self, state: DeviceState, reason: str) -> None:
        """The state to publish from now on."""
        with self._lock:
            if (state, reason) != (self._state, self._reason):
                self._state, self._reason, self._state_published = state, reason, False

    def set_health(self, checks: Iterable[HealthCheck]) -> None:
        """The health checks for the next health messages."""
        with self._lock:
            self._checks = {
                check.code: CheckResult(
                    status=check.status.value,
                    value=check.value,
                    unit=check.unit,
                    reason=check.reason,
                    detail=printable(check.detail)[:MAX_DETAIL_CHARS],
                )
                for check in checks
            }

    def on_connected(self, now_at: datetime) -> None:
        """Publish state and health again, because a restarted broker may have lost them."""
        self._connected_at = now_at
        self._health_due_s = 0.0
        self._is_announced = False
        with self._lock:
            self._state_published = False

    def on_new_epoch(self) -> None:
        """Publish state and health at once: the centre shows the new epoch."""
        self._health_due_s = 0.0
        with self._lock:
            self._state_published = False

    def publish_due(self, connection: Connection, now: ClockReading) -> None:
        """Publish what is due. Raises BrokerConnectionError."""
        with self._lock:
            state, reason, published = self._state, self._reason, self._state_published
            self._state_published = True
        # `birth` is the first state of a process, also where it connects late.
        if not self._birth_published and state is not DeviceState.STARTING:
            connection.publish(self.state_message("birth", "", now.utc_at))
        self._birth_published = True
        if not published:
            connection.publish(
                self.state_message("birth" if state is DeviceState.STARTING else str(state), reason, now.utc_at)
            )
        if now.monotonic_s >= self._health_due_s:
            self._health_due_s = now.monotonic_s + HEALTH_INTERVAL_S
            connection.publish(self._health_message(now))
        if self._announcement is not None and not self._is_announced:
            connection.publish(self._announcement)
        self._is_announced = True

    def state_message(self, state: str, reason: str, at: datetime | None) -> OutgoingMessage:
        """A state message. The last will is one without a time, because it is written before the connection is lost."""
        report = StateMessage.model_validate(
            {
                "state": state,
                "reason": reason[:64],
                "at": at,
                "connected_at": self._connected_at if at else None,
                "software_version": self._software_version,
                "epoch": self._outbox.epoch,
                "newest_seq": self._outbox.newest_seq - self._outbox.base_seq,
                "backlog": self._outbox.backlog_size(),
            }
        )
        return OutgoingMessage(self._topics.topic(TopicKind.STATE), report.to_payload(), retain=True)

    def _next_notices(self) -> tuple[HealthNotice, ...]:
        """All notices in turn, again and again, so that a lost one is sent once more."""
        notices = list(self._outbox.notices(MAX_NEWEST_NOTICES))
        if len(notices) == MAX_NEWEST_NOTICES:
            older = self._outbox.notices(MAX_OLDER_NOTICES, self._older_than_number or notices[-1].number)
            self._older_than_number = older[-1].number if older else None
            notices += older
        return tuple(read for one in notices if (read := _health_notice(one, self._outbox.base_seq)) is not None)

    def _health_message(self, now: ClockReading) -> OutgoingMessage:
        notices = self._next_notices()
        with self._lock:
            report = HealthMessage(
                at=now.utc_at,
                state=str(self._state),
                clock_quality=str(now.quality),
                boot_id=self._outbox.boot_id,
                monotonic_s=now.monotonic_s,
                epoch=self._outbox.epoch,
                newest_seq=self._outbox.newest_seq - self._outbox.base_seq,
                backlog=self._outbox.backlog_size(),
                quarantined=self._outbox.quarantined_count(),
                purged=self._outbox.purged_count(),
                checks=self._checks,
                notices=notices,
            )
        return OutgoingMessage(self._topics.topic(TopicKind.HEALTH), report.to_payload(), qos=0)


def _health_notice(notice: NoticeLike, base_seq: int) -> HealthNotice | None:
    """A notice on the wire. Seqs of an earlier epoch are left out. None: the row is damaged."""
    seqs = [
        seq - base_seq if isinstance(seq, int) and seq > base_seq else None
        for seq in (notice.first_seq, notice.last_seq)
    ]
    try:
        return HealthNotice(
            number=notice.number,
            kind=notice.kind,
            at=datetime.fromisoformat(notice.at),
            first_seq=seqs[0],
            last_seq=seqs[1],
            count=notice.count,
            detail=notice.detail[:64],
        )
    except (ValueError, TypeError):  # pydantic's ValidationError is a ValueError
        return None


ConnectionFactory = Callable[[OutgoingMessage], Connection]
"""Makes a new connection with this last will. It is not open yet."""
