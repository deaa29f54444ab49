"""State and health messages: reconnects, the last will, and a clean stop."""

import itertools
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, HealthCheck
from tests.fakes.data import wire_schema
from tests.fakes.parts.relay import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_reconnects_are_spread_by_full_jitter_up_to_a_minute(bench: Bench) -> None:
    bench.broker.up = False
    tries = []
    for _ in range(300):
        count = len(bench.broker.links)
        bench.relay.step()
        if len(bench.broker.links) > count:
            tries.append(bench.clock.s)
        bench.clock.advance(1.0)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert max(waits) <= 61.0
    assert len(set(waits)) > 3, "not in step with anybody"
    assert 6 <= len(tries) <= 40


def test_down_is_logged_once_and_back_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.broker.up = False
    bench.run(120.0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert bench.relay.status().error == "fake:1883: Connection refused"
    bench.broker.up = True
    bench.run(61.0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert bench.relay.status().error == ""


def test_the_last_will_says_offline_and_every_connect_says_the_state_anew(bench: Bench) -> None:
    bench.relay.set_state(DeviceState.READY)
    bench.run(1.0)
    bench.broker.cut()
    bench.run(10.0)
    states = [json.loads(message.payload) for message in bench.broker.on("state")]
    assert [state["state"] for state in states] == ["birth", "ready", "ready"], (
        "and every process begins with its birth"
    )
    assert all(message.retain for message in bench.broker.on("state"))
    will = bench.broker.links[-1].will
    wire_schema.check(will.topic, will.payload)
    assert (will.retain, json.loads(will.payload)["state"], json.loads(will.payload)["reason"]) == (
        True,
        "offline",
        "connection-lost",
    )


def test_health_goes_out_every_minute_and_names_no_person(bench: Bench) -> None:
    bench.relay.set_health(
        [
            HealthCheck("disk", CheckStatus.PASS, 900.0, "MB"),
            HealthCheck("camera", CheckStatus.WARN, reason="frozen"),
            HealthCheck("release", CheckStatus.WARN, reason="returned", detail="\x00\ud800\n" + "x" * 100),
        ]
    )
    bench.commit(2)
    bench.run(150.0)
    messages = bench.broker.on("health")
    assert len(messages) == 3
    wire_schema.check(messages[0].topic, messages[0].payload)
    assert json.loads(messages[-1].payload)["checks"] == {
        "disk": {"status": "pass", "value": 900.0, "unit": "MB", "reason": "", "detail": ""},
        "camera": {"status": "warn", "value": None, "unit": "", "reason": "frozen", "detail": ""},
        "release": {
            "status": "warn",
            "value": None,
            "unit": "",
            "reason": "returned",
            "detail": "\N{REPLACEMENT CHARACTER}" * 3 + "x" * 61,
        },
    }


def test_a_clean_stop_says_so_and_ends_without_the_will(bench: Bench) -> None:
    bench.run(1.0)
    bench.relay.close()
    assert json.loads(bench.broker.on("state")[-1].payload)["reason"] == "stopped"
    assert bench.broker.links[-1].closed is True
