"""`kiosk config` beside a running kiosk: a change is tried, kept or taken back, and the history says by whom."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.app.builders.configuration_changes import configuration_handlers
from kiosk.app.control_socket import ControlServer
from kiosk.cli.maintenance.configuration import config
from kiosk.config.overlay.judgement import SETTLE_S
from tests.fakes.parts.configured_device import FILE, ConfiguredDevice


class RunningDevice(ConfiguredDevice):
    """A device with a control socket."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, f'run_dir = "."\n{FILE}')
        self.server = ControlServer(folder, configuration_handlers(self.running))
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while not self.stop.is_set():
            self.server.step(0.05)

    def run(self, *arguments: str) -> Result:
        name, *others = arguments
        return CliRunner().invoke(config, [name, "--config", str(self.path), *others])

    def follow(self) -> None:
        """Start again in this process, with the same socket."""
        if self.running.is_restart_due:
            self.running.close()
            self.settings = self.running.start()
            self.running._restart = False


@pytest.fixture
def device(tmp_path: Path) -> Iterator[RunningDevice]:
    made = RunningDevice(tmp_path)
    made.live(3)
    yield made
    made.stop.set()
    made.thread.join()
    made.server.close()


def test_a_change_is_tried_and_kept_by_hand_and_the_history_has_it(device: RunningDevice) -> None:
    done = device.run("try", "camera.width=640", "site.title=1234", "--reason", "a smaller picture")
    assert done.exit_code == 0, done.output
    device.follow()
    assert device.value("camera.width") == 640
    assert "camera.width = 640  (changed on this device)" in device.run("show").output
    assert "On trial, by" in device.run("show").output
    assert device.run("keep").output == "Kept.\n"
    assert "On trial" not in device.run("show").output
    line = device.run("history").output
    assert 'camera.width: file -> 640, site.title: file -> "1234" (a smaller picture): in-force' in line


def test_a_change_is_rolled_back_by_hand_and_settings_are_taken_back(device: RunningDevice) -> None:
    device.change({"camera.width": 640})
    device.live(SETTLE_S + 2)
    device.run("try", "camera.width=800")
    device.follow()
    assert "settings of before" in device.run("roll-back").output
    device.follow()
    assert device.value("camera.width") == 640
    device.run("try", "--unset", "camera.width")
    device.follow()
    device.live(SETTLE_S + 2)
    assert device.value("camera.width") == 1280
    assert "file of this device counts alone" in device.run("show").output
    assert "rolled-back (by-hand)" in device.run("history").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["camera.width=1"], "greater than or equal to 320"),
        (["camera.widht=640"], "did you mean 'camera.width'?"),
        (["camera"], "is not NAME=VALUE"),
        ([], "Name a setting"),
        (["keys.trust_list=x"], "file of the device only"),
    ],
)
def test_a_wrong_change_says_what_is_wrong_and_changes_nothing(
    device: RunningDevice, arguments: list[str], sentence: str
) -> None:
    done = device.run("try", *arguments)
    assert done.exit_code != 0
    assert sentence in done.output
    assert device.run("history").output == ""


def test_a_check_changes_nothing(device: RunningDevice) -> None:
    assert device.run("try", "camera.width=640", "--check-only").output == "The values are possible.\n"
    assert not device.running.is_restart_due


@pytest.mark.parametrize("name", ["keep", "roll-back"])
def test_without_a_trial_there_is_nothing_to_end(device: RunningDevice, name: str) -> None:
    assert "Nothing is on trial" in device.run(name).output
