"""A configuration from `kiosk centre config set` to a device and back, over a real broker: kept, rolled back, or forged."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.builders.configuration_changes import build_desired_taker
from kiosk.cli.centre.command import centre
from kiosk.config.overlay.judgement import SettingsObservation
from mqtt.connection import OutgoingMessage
from mqtt.remote.configuration import TrialState
from mqtt.remote.signature import OrderUse, sign_order
from mqtt.topics import TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE
from tests.fakes.parts.commands import FLEET_KEY, OTHER_KEY
from tests.fakes.parts.configured_device import FILE, ConfiguredDevice, desired
from tests.fakes.processes.broker import Broker, Listener, publish
from tests.integration.remote.test_commands import REASON, Fleet
from tests.paths import PROJECT

ASKED = ["--requested-by", "An", "--reason", REASON]


class TryingFleet(Fleet):
    """A fleet whose device tries configurations. Its trials are shorter, because its clock runs 20 times as fast."""

    def __init__(self, folder: Path, broker: Broker, database: str) -> None:
        named = FILE.replace('"dong-ba"', f'"{GATE.site}"').replace('"gate-1"', f'"{GATE.device}"')
        self.device = ConfiguredDevice(folder, named)
        self.is_well = True
        super().__init__(folder, broker, database, configuration=self.device.running)
        self.take = build_desired_taker(self.channel, self.device.running)

    def _run_due(self, now_s: float) -> None:
        """The device does not end its process: it starts with its next settings in the same one."""
        super()._run_due(now_s)
        self.device.clock.advance(20 * 0.2)
        uplink = self.relay.status()
        has_receipt = uplink.last_receipt_at is not None
        control = self.device.running
        is_broken = not self.is_well and control.deadline_s is not None
        failing = frozenset({"camera"} if is_broken else ())
        control.observe(
            SettingsObservation(failing, is_starting=False, is_connected=uplink.connected, has_receipt=has_receipt)
        )
        self.take()
        if control.is_restart_due:
            restart(control, self.device)
        if control.take_change():
            self.channel.say_hello()

    def config(self, *arguments: str) -> str:
        """`kiosk centre config`."""
        done = CliRunner().invoke(centre, ["--database", self.database, "config", *arguments])
        assert not done.exception or isinstance(done.exception, SystemExit), done.output
        return done.output

    def state(self) -> str:
        found: str = json.loads(self.config("show", GATE.wire_name, "--json"))["state"]
        return found


def restart(control: ConfigurationControl, device: ConfiguredDevice) -> None:
    """As a new process does."""
    control.close()
    device.settings = control.start()
    control._restart = False


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TryingFleet]:
    folder = tmp_path_factory.mktemp("configuration")
    with Broker() as broker:
        made = TryingFleet(folder, broker, str(folder / "centre.db"))
        with made:
            yield made


def test_what_works_is_in_force_on_the_device_and_the_centre_knows(fleet: TryingFleet) -> None:
    listener = Listener(fleet.broker.endpoint(), "entrance/v1/+/+/hello")
    assert "Changed for 1 device" in fleet.config("set", "--device", GATE.wire_name, "camera.width=1920", *ASKED)
    fleet.until(lambda: fleet.state() == TrialState.IN_FORCE)
    assert fleet.device.value("camera.width") == 1920
    for _ in range(5):
        listener.look(0.1)
    listener.close()
    assert listener.messages
    for topic, payload in listener.messages:
        wire_schema.check(topic, payload)


def test_what_breaks_the_device_is_rolled_back_reported_and_tried_again_when_a_person_says_so(
    fleet: TryingFleet,
) -> None:
    fleet.is_well = False
    fleet.config("set", "--site", GATE.site, "camera.height=1080", *ASKED)
    fleet.until(lambda: fleet.state() == TrialState.ROLLED_BACK)
    assert fleet.device.value("camera.height") == 720
    assert "something is out of order that worked before (camera)" in fleet.config("status")
    fleet.is_well = True
    fleet.config("try-again", GATE.wire_name)
    fleet.until(lambda: fleet.state() == TrialState.IN_FORCE)
    assert fleet.device.value("camera.height") == 1080


def test_what_the_fleet_key_did_not_sign_for_this_connection_changes_nothing(fleet: TryingFleet) -> None:
    before = fleet.device.running.state
    for key, session in ((OTHER_KEY, fleet.channel._guard.session), (FLEET_KEY, "0" * 32)):
        message = desired({"camera.width": 640}, 2**50, device=GATE.wire_name, session=session)
        payload = sign_order(key, OrderUse.CONFIGURATION, message.to_payload())
        publish(fleet.broker.endpoint(), OutgoingMessage(GATE.topic(TopicKind.DESIRED), payload))
    fleet.until(
        lambda: fleet.channel.refused.get("forged", 0) >= 1 and fleet.channel.refused.get("other-session", 0) >= 1
    )
    assert fleet.device.running.state == before


def test_the_commands_of_the_how_to_do_what_it_says(fleet: TryingFleet) -> None:
    text = (PROJECT / "docs/how-to/run-a-centre.md").read_text(encoding="utf-8").split("<!-- configuration -->")[1]
    lines = text.split("```")[1].splitlines()[1:]
    assert len(lines) > 4
    for line in lines:
        words = shlex.split(line.replace("centre.db", fleet.database).replace("dong-ba", GATE.site))
        if "--area" in words:
            continue  # this fleet has no registry
        done = CliRunner().invoke(centre, words[2:])
        assert done.exit_code == 0, done.output
        fleet.until(lambda: fleet.state() == TrialState.IN_FORCE)
