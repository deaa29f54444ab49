"""Which devices of a batch are told a backlog rate, and how long live messages take: the backlog control of a collector."""

from collections.abc import Iterable, Mapping, Sequence

from mqtt.centre.fleet.backlog_control import BacklogControl
from mqtt.centre.ingest.batch import BatchContents, StreamKey
from mqtt.centre.ingest.delay_probe import DelayProbe
from mqtt.connection import OutgoingMessage
from mqtt.events import BacklogRateChange
from mqtt.topics import DeviceTopics

Rates = dict[DeviceTopics, BacklogRateChange]


class BacklogAnswers:
    """One thread. Times are of a monotonic clock."""

    def __init__(self, topic_prefix: str, name: str, budget: float | None, device_events_per_s: float | None) -> None:
        """`budget`: events of backlogs per second of all devices together. `device_events_per_s`: of each. None: no limit."""
        self._control = BacklogControl(budget, device_events_per_s=device_events_per_s)
        self._probe = DelayProbe(topic_prefix, name)
        self._inbox_wait_s = 0.0

    @property
    def probe_topic(self) -> str:
        """The centre subscribes to it."""
        return self._probe.topic

    def on_connected(self) -> None:
        """The centre has subscribed."""
        self._probe.on_connected()
        self._control.on_connected()

    def probe_message(self, now_s: float) -> OutgoingMessage | None:
        """What to publish now. Only while a backlog waits, because otherwise the answer changes nothing."""
        if not self._control.devices_with_backlog:
            return None
        payload = self._probe.next_payload(now_s)
        return None if payload is None else OutgoingMessage(self._probe.topic, payload)

    def plan(
        self, contents: BatchContents, greeted: Iterable[StreamKey], inbox_wait_s: float, now_s: float
    ) -> tuple[Mapping[DeviceTopics, BacklogRateChange], set[StreamKey]]:
        """The new rates by device, and the streams that need a receipt for them.

        `greeted`: the streams of devices that connected. `inbox_wait_s`: how long the oldest message has been at the centre. Where
        it is long, live messages will soon wait too: the broker hands out only so many messages before the oldest is acknowledged.
        """
        control = self._control
        for message in contents.messages:
            control.on_events(message.device, len(message.events), now_s)
        for health in contents.healths:
            control.on_report(health.device, health.report.epoch, health.report.backlog, now_s)
        for key in greeted:
            state = contents.states.get(key.device)
            if state is not None:
                control.on_report(key.device, key.epoch, state.report.backlog, now_s, connected=True)
        self._inbox_wait_s = inbox_wait_s
        control.on_delay(max(inbox_wait_s, self._probe.waiting_s(now_s)), now_s, is_complete=False)
        changes = control.take_changes(now_s)
        return (
            {change.device: (change.events_per_s,) for change in changes},
            {StreamKey(change.device, change.epoch) for change in changes},
        )

    def on_committed(self, events: int, probes: Sequence[bytes], now_s: float) -> None:
        """A batch with so many events and these probes is committed."""
        self._control.on_stored(events)
        for payload in probes:
            delay_s = self._probe.on_committed(payload, now_s)
            if delay_s is not None:
                self._control.on_delay(max(delay_s, self._inbox_wait_s), now_s)
