"""All messages between a running kiosk and a running centre match the published schemas."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.credentials.formats import cose
from kiosk.simulation.processes import ChildProcess, python_module_command
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from mqtt import topics
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.remote.store import NewCommand, add_command
from mqtt.remote.commands import CommandName
from tests.fakes.data import wire_schema
from tests.fakes.processes.broker import Broker, Listener
from tests.fakes.processes.replay_daemon import put
from tests.paths import PROJECT

DEVICE = "entrance/v1/cho-mau/cong-1"
DESCRIBED = json.loads((wire_schema.FOLDER / "asyncapi.json").read_text(encoding="utf-8"))["channels"]
"""The channels of the AsyncAPI file."""
CHANNELS = {
    channel["address"].format(prefix="entrance", site="cho-mau", device="cong-1", name="resume", id="+", kind="+"): [
        message["payload"]["$ref"] for message in channel["messages"].values()
    ]
    for name, channel in DESCRIBED.items()
    if name not in {"list", "desired"}  # sent where a list or settings were published, see tests/integration/remote
}
"""Topic -> schemas of its messages, by the AsyncAPI file."""
_tick = threading.Event()


@contextmanager
def a_site(broker: Broker) -> Iterator[tuple[Sandbox, ChildProcess]]:
    """A kiosk with people at its camera, and a centre."""
    with temporary_sandbox(port=broker.port, frames_per_s=8.0, window_s=1.0) as sandbox:
        images = sandbox.folder / "pictures"
        images.mkdir()
        renderer = FrameRenderer(960, 540)
        for index, label in enumerate(("valid", "national", "expired", "forged", "unknown")):
            put(images, f"{index}-a", renderer.render([sandbox.samples[label].data], 2 * index))
            put(images, f"{index}-b", renderer.render([], 2 * index + 1))
        text = sandbox.config_file.read_text(encoding="utf-8")
        sandbox.config_file.write_text(text.replace('"synthetic"', f'"replay:{images}"'), encoding="utf-8")
        command = python_module_command(
            "kiosk.cli", "centre", "--broker", broker.address, "--backlog-events-per-s", "500",
            "--fleet-key", str(sandbox.fleet_key),
        )  # fmt: skip
        centre = ChildProcess(
            "centre", [*command, "--database", str(sandbox.centre_database)], sandbox.log_file("centre")
        )
        daemon = ChildProcess(
            "daemon",
            python_module_command("kiosk.cli", "run", "--config", str(sandbox.config_file)),
            sandbox.log_file("daemon"),
        )
        try:
            centre.start()
            daemon.start()
            yield sandbox, daemon
        finally:
            daemon.terminate()
            centre.terminate()


def channel_of(topic: str) -> str:
    """The topic, with `+` for the id of a command."""
    reply = topics.parse_reply_topic(topic)
    return reply[0].reply_topic("+") if reply else topic


def give_command(database: str) -> None:
    """The command `resume` of a person at the centre."""
    prepare_remote(database)  # the centre may have begun to make its tables
    with open_query(database) as query:
        new = NewCommand("cho-mau/cong-1", CommandName.RESUME, {}, "cli:an", "a test of the wire", timedelta(minutes=5))
        add_command(query, new, datetime.now(UTC))


def until(done: Callable[[], bool], timeout_s: float = 40.0) -> None:
    ends_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < ends_s, "the condition never became true"
        _tick.wait(0.02)


def test_all_messages_of_a_running_kiosk_and_centre_match_their_schemas() -> None:
    with Broker() as broker:
        listener = Listener(broker.endpoint(), "entrance/#")

        def is_offline(topic: str) -> bool:
            listener.look(0.05)
            return b"offline" in listener.payloads(topic)[-1]

        with a_site(broker) as (sandbox, daemon):

            def seen() -> Counter[str]:
                return Counter(channel_of(topic) for topic, _ in listener.look(0.05))

            until(lambda: seen()[f"{DEVICE}/hello"] > 0 and seen()[f"{DEVICE}/state"] > 1)
            give_command(str(sandbox.centre_database))
            until(lambda: set(seen()) >= CHANNELS.keys() and seen()[f"{DEVICE}/event"] >= 4)
            daemon.terminate()
            until(lambda: is_offline(f"{DEVICE}/state"))
        until(lambda: is_offline(topics.centre_state_topic("entrance")))
        listener.close()
    # What a centre sends to itself is no part of the interface.
    messages = [one for one in listener.messages if "/centre/probe/" not in one[0]]
    assert {channel_of(topic) for topic, _ in messages} == CHANNELS.keys(), "no other topic is used"
    for topic, payload in messages:
        assert CHANNELS[channel_of(topic)] == [f"./{wire_schema.name_of(topic)}.json"]
        wire_schema.check(topic, cose.parse_sign1(payload).payload if "/command/" in topic else payload)
    states = [json.loads(payload)["state"] for payload in listener.payloads(f"{DEVICE}/state")]
    assert states[0] == "birth"
    assert states[-1] == "offline"
    assert "ready" in states or "degraded" in states
    assert json.loads(listener.payloads(topics.backlog_rate_topic("entrance"))[-1]) == {"events_per_s": 500.0}


def test_the_documented_reader_without_python_works() -> None:
    for program in ("jq", "mosquitto_sub"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: sudo apt-get install jq mosquitto-clients")
    shown = re.search(
        r"## Another reader.*?```sh\n(.*?)```",
        (PROJECT / "docs/reference/mqtt.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert shown is not None
    with Broker() as broker:
        tls = "-h broker -p 8883 --cafile ca.pem --cert centre.pem --key centre.key"
        assert tls in shown[1], "TLS options, which this broker does not need"
        command = shown[1].replace(tls, f"-h 127.0.0.1 -p {broker.port}")
        reader = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, start_new_session=True)
        lines: list[dict[str, str]] = []

        def read() -> None:
            assert reader.stdout is not None
            lines.extend(json.loads(line) for line in reader.stdout)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            until(lambda: "my-reader" in broker.said() and "SUBSCRIBE from my-reader" in broker.said())
            with a_site(broker):
                until(lambda: {line["reason"] for line in lines} >= {"expired", "bad-signature"})
        finally:
            os.killpg(reader.pid, signal.SIGTERM)  # a separate session: bash and both programs of the pipe
            reader.wait(10)
            thread.join(10)
            assert reader.stdout is not None
            reader.stdout.close()
    assert all(line.keys() == {"source", "time", "reason"} for line in lines)
    assert {line["source"] for line in lines} == {"/entrance/cho-mau/cong-1"}
