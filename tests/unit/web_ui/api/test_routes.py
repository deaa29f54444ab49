"""What machines are told: liveness, readiness, and the snapshot."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.system.status_file import read_status
from tests.fakes.data.status_snapshots import a_status, browsing, publish


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        (DeviceState.STARTING, False),
        (DeviceState.READY, True),
        (DeviceState.DEGRADED, True),
        (DeviceState.OUT_OF_ORDER, False),
    ],
)
def test_readiness_follows_the_daemon_and_liveness_the_page(tmp_path: Path, state: DeviceState, *, ready: bool) -> None:
    publish(tmp_path, a_status(state))
    with browsing(tmp_path) as client:
        assert client.get("/readyz").status_code == (200 if ready else 503)
        health = client.get("/healthz")
    assert health.status_code == 200
    assert health.json is not None
    assert health.json["state"] == state
    assert health.json["ready"] is ready
    assert 0 <= health.json["snapshot_age_s"] < 3


def test_without_a_daemon_the_page_lives_and_nothing_is_ready(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        assert client.get("/healthz").json == {
            "web": "ok",
            "state": "not-running",
            "ready": False,
            "snapshot_age_s": None,
        }
        assert client.get("/readyz").status_code == 503
        assert client.get("/api/v1/status").json == {
            "web": "ok", "state": "not-running", "ready": False, "snapshot_age_s": None, "status": None
        }  # fmt: skip


def test_a_silent_daemon_is_not_ready_whatever_it_last_said(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.READY, now=datetime.now(UTC) - timedelta(seconds=4)))
    with browsing(tmp_path) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["state"] == "stale"


def test_the_status_of_the_api_is_the_daemons_snapshot(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    with browsing(tmp_path) as client:
        answer = client.get("/api/v1/status").json
    assert answer is not None
    assert answer["status"] == read_status(tmp_path)
