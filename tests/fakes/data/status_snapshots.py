"""Synthetic status snapshots of a kiosk, for tests and screenshots of the web UI."""

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from kiosk.core.model import DeviceState, Reason
from kiosk.core.status import (
    CameraStatus,
    CheckStatus,
    HealthCheck,
    ListStatus,
    OutboxStatus,
    RecentDecision,
    StatusSnapshot,
    UplinkStatus,
)
from kiosk.health import Measurements, evaluate
from kiosk.health.measurements import SECONDS_PER_DAY
from kiosk.system import status_file
from tests.fakes.parts.compiled_templates import share_templates
from web_ui.kiosk.app import create_app
from web_ui.settings import WebSettings

GOOD = evaluate(
    Measurements(
        gate_loop_age_s=0.1,
        camera_loop_age_s=0.1,
        frame_age_s=0.1,
        frozen_s=0.0,
        dark_s=0.0,
        bright_s=0.0,
        blurred_s=0.0,
        disk_free_bytes=11_200_000_000,
        temperature_c=52.0,
        under_voltage=False,
        broker_down_s=0.0,
        lists_age_s={"denylist": 0.6 * SECONDS_PER_DAY, "trust-list": 3.1 * SECONDS_PER_DAY},
    )
)
"""The checks of a healthy device."""
NO_BROKER = HealthCheck("broker", CheckStatus.WARN, 2900, "s", "disconnected")
NO_PICTURE = HealthCheck("camera", CheckStatus.FAIL, 14, "s", "no-frames")
BAD = {DeviceState.DEGRADED: (NO_BROKER,), DeviceState.OUT_OF_ORDER: (NO_PICTURE,)}

QUEUE = (
    ("pass", Reason.OK, "in"),
    ("fail", Reason.EXPIRED, None),
    ("pass", Reason.OK, "out"),
    ("check-again", Reason.MULTIPLE_CODES, None),
    ("fail", Reason.BAD_SIGNATURE, None),
    ("pass", Reason.OK, "in"),
    ("fail", Reason.VENUE_CODE, None),
    ("check-again", Reason.ALREADY_IN, "in"),
    ("fail", Reason.REVOKED, None),
    ("pass", Reason.OK, "in"),
)


def answers(now: datetime, last_s_ago: float) -> tuple[RecentDecision, ...]:
    """Decisions on a queue of people, one every seven seconds. The last one was `last_s_ago` seconds ago."""
    count = len(QUEUE)
    return tuple(
        RecentDecision(
            number=1220 + index,
            at=(now - timedelta(seconds=last_s_ago + 7 * (count - 1 - index))).isoformat(),
            outcome=outcome,
            reason=reason.value,
            direction=direction,
            kind="entry-pass",
            seq=48200 + index,
            frame_number=81000 + 70 * index,
            latency_ms=36.0 + 5 * (index % 4),
        )
        for index, (outcome, reason, direction) in enumerate(QUEUE)
    )


def a_status(state: DeviceState = DeviceState.READY, now: datetime | None = None, **changes: Any) -> StatusSnapshot:
    """A realistic snapshot in that state. `changes` replace fields."""
    at = now or datetime.now(UTC)
    up, bad = state is not DeviceState.DEGRADED, BAD.get(state, ())
    snapshot = StatusSnapshot(
        version="0.1.0",
        site="cho-dong-ba",
        device="cong-1",
        pid=4242,
        started_at=(at - timedelta(hours=5, minutes=12)).isoformat(),
        now_at=at.isoformat(),
        state=state,
        epoch="018f3c2ab4d07c31",
        seq=48213,
        checks=bad + tuple(check for check in GOOD if check.code not in {other.code for other in bad}),
        recent_decisions=answers(at, last_s_ago=60.0),
        counters={"pass": 1182, "fail": 37, "check-again": 12},
        occupancy=213,
        capacity=300,
        outbox=OutboxStatus() if up else OutboxStatus(1274, (at - timedelta(minutes=47)).isoformat(), 2),
        uplink=UplinkStatus("centre.example:8883", up, (at - timedelta(seconds=3 if up else 2900)).isoformat()),
        camera=CameraStatus("picamera2", 81234, 0.04, 118.0, 47.0, 312.0, 4.6),
        clock_quality="synchronised",
        lists={
            "trust": ListStatus(12, (at - timedelta(days=3, hours=2)).isoformat(timespec="seconds")),
            "denylist": ListStatus(87, (at - timedelta(hours=14)).isoformat(timespec="seconds")),
        },
    )
    return dataclasses.replace(snapshot, **changes)


def publish(run_dir: Path, snapshot: StatusSnapshot) -> None:
    """Write status.json as the daemon does."""
    run_dir.mkdir(parents=True, exist_ok=True)
    status_file.publish_status(snapshot, run_dir)
    now_s = time.time()
    os.utime(run_dir / status_file.STATUS_FILE, (now_s, now_s))  # under faketime the kernel stamps the real time


@contextmanager
def browsing(run_dir: Path, **settings: Any) -> Iterator[FlaskClient]:
    """Flask test client of the web UI for the kiosk in `run_dir`."""
    app, live = create_app(WebSettings(run_dir, **settings))
    share_templates(app).testing = True
    with app.test_client() as client:
        yield client
    live.close()
