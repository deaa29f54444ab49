"""The snapshot as Prometheus metrics; every metric is declared once, with its unit and meaning."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kiosk.core.model import State
from kiosk.core.status import Grade, Status
from web_ui.kiosk.data.daemon_status import Presence, Truth
from web_ui.kiosk.pages.view_model import moment

__all__ = ["CONTENT_TYPE", "METRICS", "PREFIX", "exposition"]
PREFIX = "entrance_kiosk_"
_GRADES = {Grade.OK: 0, Grade.WARN: 1, Grade.BROKEN: 2}
Sample = tuple[str, dict[str, str], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric's name (without the prefix), kind and meaning."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str


METRICS = (
    Metric("up", "gauge", "1 while the daemon is heard; without it only up, state and page_streams are told."),
    Metric("state", "gauge", "1 for the state that the kiosk is in, 0 for the others."),
    Metric("page_streams", "gauge", "Browsers that follow the pages."),
    Metric("info", "gauge", "Always 1; its labels name site, device and version."),
    Metric("snapshot_age_seconds", "gauge", "Age of the daemon's snapshot."),
    Metric("started_timestamp_seconds", "gauge", "Unix time at which the daemon started."),
    Metric("decisions_total", "counter", "Answers since the start, by outcome; annulled: passes that a guard undid."),
    Metric("inside_people", "gauge", "People inside."),
    Metric("record_seq", "gauge", "Number of the newest record."),
    Metric("outbox_passages", "gauge", "Passages that the centre has not confirmed."),
    Metric("outbox_oldest_age_seconds", "gauge", "How long the oldest of them has waited."),
    Metric("quarantined_passages", "gauge", "Passages that the centre refuses."),
    Metric("uplink_connected", "gauge", "1 while the broker is connected."),
    Metric("last_receipt_age_seconds", "gauge", "Time since the centre's last receipt."),
    Metric("frame_age_seconds", "gauge", "Time since the newest picture."),
    Metric("frame_luma", "gauge", "Mean light of the newest picture, 0 to 255."),
    Metric("frame_contrast", "gauge", "Standard deviation of its light."),
    Metric("frame_sharpness", "gauge", "Variance of its Laplacian."),
    Metric("fact_grade", "gauge", "A fact of the self-check: 0 good, 1 needs a look, 2 broken."),
)
"""In the order in which they are told."""


def exposition(truth: Truth, streams: int, now: datetime) -> bytes:
    """The whole answer of /metrics."""
    return generate_latest(_Snapshot(list(_samples(truth, streams, now))))


class _Snapshot(Collector):
    """One look at the daemon; nothing is kept between two answers."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """The metrics of which something is known, in the order of their declaration."""
        for metric in METRICS:
            told = [
                (labels, value) for name, labels, value in self._samples if name == metric.name and value is not None
            ]
            if told:
                kind = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
                family = kind(PREFIX + metric.name, metric.help, labels=list(told[0][0]))
                for labels, value in told:
                    family.add_metric(list(labels.values()), value)
                yield family


def _samples(truth: Truth, streams: int, now: datetime) -> Iterator[Sample]:
    states = [*State, *(presence for presence in Presence if presence is not Presence.HEARD)]
    yield "up", {}, float(truth.live)
    yield from (("state", {"state": state.value}, float(state.value == truth.state)) for state in states)
    yield "page_streams", {}, float(streams)
    if truth.live and truth.status:
        yield "snapshot_age_seconds", {}, truth.age_s
        yield from _of_status(truth.status, now)


def _of_status(status: Status, now: datetime) -> Iterator[Sample]:
    yield "info", {"site": status.site, "device": status.device, "version": status.version}, 1.0
    yield "started_timestamp_seconds", {}, moment(status.started_at).timestamp()
    yield from (("decisions_total", {"outcome": name}, float(count)) for name, count in status.counters.items())
    yield "inside_people", {}, float(status.inside)
    yield "record_seq", {}, float(status.seq)
    yield "outbox_passages", {}, float(status.outbox.depth)
    yield "outbox_oldest_age_seconds", {}, _age_s(status.outbox.oldest_at, now)
    yield "quarantined_passages", {}, float(status.outbox.quarantined)
    yield "uplink_connected", {}, float(status.uplink.connected)
    yield "last_receipt_age_seconds", {}, _age_s(status.uplink.last_receipt_at, now)
    yield "frame_age_seconds", {}, status.camera.age_s
    yield "frame_luma", {}, status.camera.mean_luma
    yield "frame_contrast", {}, status.camera.contrast
    yield "frame_sharpness", {}, status.camera.sharpness
    yield from (("fact_grade", {"fact": fact.name}, float(_GRADES[fact.grade])) for fact in status.facts)


def _age_s(at: str | None, now: datetime) -> float | None:
    return max(0.0, (now - moment(at)).total_seconds()) if at else None
