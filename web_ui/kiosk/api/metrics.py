"""The snapshot as Prometheus metrics; every metric is declared once, with its unit and meaning."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, StatusSnapshot
from web_ui.kiosk.data.daemon_status import DaemonLiveness, DaemonStatus
from web_ui.kiosk.pages.view_model import parse_time

__all__ = ["CONTENT_TYPE", "METRICS", "PREFIX", "metrics_text"]
PREFIX = "entrance_kiosk_"
_STATUS_VALUES = {CheckStatus.PASS: 0, CheckStatus.WARN: 1, CheckStatus.FAIL: 2}
MetricSample = tuple[str, dict[str, str], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric's name (without the prefix), kind and meaning."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str


METRICS = (
    Metric(
        "up", "gauge", "1 while the daemon publishes its status. Otherwise only up, state and web_streams are present."
    ),
    Metric("state", "gauge", "1 for the present state of the kiosk, 0 for the other states."),
    Metric("web_streams", "gauge", "Browsers that receive live updates."),
    Metric("info", "gauge", "Always 1. Its labels name site, device and version."),
    Metric("snapshot_age_seconds", "gauge", "Age of the daemon's status."),
    Metric("start_time_seconds", "gauge", "Unix time at which the daemon started."),
    Metric("decisions_total", "counter", "Decisions since the start, by outcome. annulled: passes that a guard undid."),
    Metric("occupancy_people", "gauge", "People inside."),
    Metric("newest_seq", "gauge", "Sequence number of the newest event."),
    Metric("backlog_events", "gauge", "Events that the centre has not acknowledged."),
    Metric("backlog_oldest_age_seconds", "gauge", "Age of the oldest of these events."),
    Metric(
        "quarantined_events", "gauge", "Events in quarantine: the centre rejected them, or they cannot be delivered."
    ),
    Metric("broker_connected", "gauge", "1 while the broker is connected."),
    Metric("last_receipt_age_seconds", "gauge", "Time since the centre's last receipt."),
    Metric("frame_age_seconds", "gauge", "Time since the newest frame."),
    Metric("frame_mean_luma", "gauge", "Mean luma of the newest frame, 0 to 255."),
    Metric("frame_contrast", "gauge", "Standard deviation of its luma."),
    Metric("frame_sharpness", "gauge", "Variance of its Laplacian."),
    Metric("check_status", "gauge", "Health check: 0 pass, 1 warn, 2 fail."),
)
"""In the order of the answer."""


def metrics_text(daemon: DaemonStatus, stream_count: int, now: datetime) -> bytes:
    """The whole answer of /metrics."""
    return generate_latest(_SnapshotCollector(list(_samples(daemon, stream_count, now))))


class _SnapshotCollector(Collector):
    """The samples of one request."""

    def __init__(self, samples: list[MetricSample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """The metrics that have a value, in the order of METRICS."""
        for metric in METRICS:
            samples = [
                (labels, value) for name, labels, value in self._samples if name == metric.name and value is not None
            ]
            if samples:
                kind = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
                family = kind(PREFIX + metric.name, metric.help, labels=list(samples[0][0]))
                for labels, value in samples:
                    family.add_metric(list(labels.values()), value)
                yield family


def _samples(daemon: DaemonStatus, streams: int, now: datetime) -> Iterator[MetricSample]:
    states = [*DeviceState, *(presence for presence in DaemonLiveness if presence is not DaemonLiveness.ONLINE)]
    yield "up", {}, float(daemon.online)
    yield from (("state", {"state": state.value}, float(state.value == daemon.state)) for state in states)
    yield "web_streams", {}, float(streams)
    if daemon.online and daemon.status:
        yield "snapshot_age_seconds", {}, daemon.age_s
        yield from _status_samples(daemon.status, now)


def _status_samples(status: StatusSnapshot, now: datetime) -> Iterator[MetricSample]:
    yield "info", {"site": status.site, "device": status.device, "version": status.version}, 1.0
    yield "start_time_seconds", {}, parse_time(status.started_at).timestamp()
    yield from (("decisions_total", {"outcome": name}, float(count)) for name, count in status.counters.items())
    yield "occupancy_people", {}, float(status.occupancy)
    yield "newest_seq", {}, float(status.seq)
    yield "backlog_events", {}, float(status.outbox.backlog_size)
    yield "backlog_oldest_age_seconds", {}, _age_s(status.outbox.oldest_at, now)
    yield "quarantined_events", {}, float(status.outbox.quarantined)
    yield "broker_connected", {}, float(status.uplink.connected)
    yield "last_receipt_age_seconds", {}, _age_s(status.uplink.last_receipt_at, now)
    yield "frame_age_seconds", {}, status.camera.frame_age_s
    yield "frame_mean_luma", {}, status.camera.mean_luma
    yield "frame_contrast", {}, status.camera.contrast
    yield "frame_sharpness", {}, status.camera.sharpness
    yield from (("check_status", {"check": check.code}, float(_STATUS_VALUES[check.status])) for check in status.checks)


def _age_s(at: str | None, now: datetime) -> float | None:
    return max(0.0, (now - parse_time(at)).total_seconds()) if at else None
