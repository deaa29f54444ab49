"""A configuration that the centre or a person wants: tried, kept only if the kiosk works with it, else rolled back."""

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk import config
from kiosk.app.builders.configuration import ChangeRefusedError, ConfigurationControl, LocalChange
from kiosk.config.overlay.document import TRIAL_S
from kiosk.config.overlay.judgement import SETTLE_S, STEADY_S, SettingsObservation
from mqtt.remote.configuration import TrialCode, TrialState, values_sha256
from tests.fakes.parts.configured_device import WELL, ConfiguredDevice, desired

CUT_OFF = replace(WELL, is_connected=False, has_receipt=False)
NO_CENTRE = replace(WELL, has_receipt=False)
BLIND = replace(WELL, failing=frozenset({"camera"}))
STARTING = replace(WELL, is_starting=True)
WIDER = {"camera.width": 1920, "access.capacity": 40}


@pytest.fixture
def device(tmp_path: Path) -> ConfiguredDevice:
    made = ConfiguredDevice(tmp_path)
    made.live(3)
    return made


def outcome(device: ConfiguredDevice) -> tuple[object, TrialState, str]:
    report = device.running.report()
    return device.value("camera.width"), report.state, report.code


def test_what_works_is_kept_after_some_seconds_and_is_there_at_the_next_start(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    assert outcome(device) == (1920, TrialState.ON_TRIAL, "")
    device.live(SETTLE_S + 2)
    assert outcome(device) == (1920, TrialState.IN_FORCE, "")
    device.boot()
    assert (device.value("camera.width"), device.value("access.capacity")) == (1920, 40)
    assert config.load_settings(device.path).camera.width == 1920
    assert device.running.sources == {"camera.width": "centre", "access.capacity": "centre"}


@pytest.mark.parametrize(
    ("seen", "code", "detail"),
    [
        (CUT_OFF, TrialCode.NO_CONNECTION, ""),
        (NO_CENTRE, TrialCode.NO_RECEIPT, ""),
        (BLIND, TrialCode.HEALTH, "camera"),
        (STARTING, TrialCode.HEALTH, "starting"),
    ],
)
def test_what_does_not_work_is_rolled_back_when_its_time_is_over(
    device: ConfiguredDevice, seen: SettingsObservation, code: TrialCode, detail: str
) -> None:
    device.desire(WIDER)
    device.live(TRIAL_S - 1, seen)
    assert outcome(device) == (1920, TrialState.ON_TRIAL, "")
    device.live(2, seen)
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, code)
    report = device.running.report()
    assert (report.detail, report.tried_sha256) == (detail, values_sha256(WIDER))
    assert report.sha256 == values_sha256({})


def test_a_moment_in_which_all_is_well_is_not_enough(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    for _ in range(int(TRIAL_S / 5) + 1):
        device.live(4, WELL)
        device.live(1, BLIND)
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.HEALTH)


def test_what_was_out_of_order_before_the_trial_does_not_end_it(device: ConfiguredDevice) -> None:
    device.live(STEADY_S + 2, BLIND)
    device.desire(WIDER)
    device.live(SETTLE_S + 2, BLIND)
    assert outcome(device) == (1920, TrialState.IN_FORCE, "")


@pytest.mark.parametrize("fails_s", [1, 10, STEADY_S - 1])
def test_what_fails_for_a_moment_before_the_trial_counts_as_working(device: ConfiguredDevice, fails_s: float) -> None:
    device.live(fails_s, BLIND)
    device.desire(WIDER)
    device.live(TRIAL_S + 2, BLIND)
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.HEALTH)


def test_a_configuration_that_is_not_valid_is_refused_with_the_sentence_of_the_check(device: ConfiguredDevice) -> None:
    device.desire({"gpio.relay": 99})
    assert outcome(device) == (1280, TrialState.REFUSED, TrialCode.INVALID)
    assert device.running.report().detail.startswith("gpio.relay: Input should be less than or equal to 27")


@pytest.mark.parametrize(
    "name", ["keys.trust_list", "site.device", "storage.path", "mqtt.tls", "gpio.pin_factory", "web.port", "sysfs"]
)
def test_what_the_device_is_and_whom_it_trusts_is_not_changed_from_afar(device: ConfiguredDevice, name: str) -> None:
    device.desire({name: "x"})
    assert outcome(device) == (1280, TrialState.REFUSED, TrialCode.INVALID)
    assert "file of the device only" in device.running.report().detail


def test_values_that_are_in_use_already_are_in_force_without_a_trial(device: ConfiguredDevice) -> None:
    device.desire({"camera.width": 1280})
    assert outcome(device) == (1280, TrialState.IN_FORCE, "")
    assert device.running.report().sha256 == values_sha256({"camera.width": 1280})


def test_only_one_configuration_is_tried_at_a_time(device: ConfiguredDevice) -> None:
    device.desire(WIDER, 1)
    assert device.running.apply_desired(desired({"camera.width": 640}, 2)) is TrialCode.BUSY
    assert device.running.apply_desired(desired(WIDER, 3)) is None
    with pytest.raises(ChangeRefusedError):
        device.change({"camera.width": 640})
    assert device.value("camera.width") == 1920


def test_what_comes_while_a_failed_trial_ends_is_not_judged_by_its_faults(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.live(2, BLIND)
    device.running.end_trial(TrialCode.HEALTH, "camera")
    assert device.running.apply_desired(desired({"camera.width": 640}, 2)) is TrialCode.BUSY
    with pytest.raises(ChangeRefusedError):
        device.change({"camera.width": 640})
    device.follow()
    device.live(3)
    device.desire({"camera.width": 640}, 3)
    device.live(TRIAL_S + 2, BLIND)
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.HEALTH)


def test_a_person_at_the_device_counts_before_the_centre_and_takes_it_back(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.live(SETTLE_S + 2)
    device.change({"camera.width": 640})
    device.live(SETTLE_S + 2)
    assert (device.value("camera.width"), device.value("access.capacity")) == (640, 40)
    assert device.running.report().local == {"camera.width": 640}
    assert device.running.sources["camera.width"] == "device"
    device.change({}, removed=("camera.width",))
    device.live(SETTLE_S + 2)
    assert device.value("camera.width") == 1920


def test_a_person_may_keep_or_take_back_what_is_on_trial(device: ConfiguredDevice) -> None:
    device.change({"camera.width": 640})
    device.running.keep()
    device.live(TRIAL_S + 5, CUT_OFF)
    assert outcome(device) == (640, TrialState.IN_FORCE, "")
    device.change({"camera.width": 800})
    device.running.roll_back()
    device.follow()
    assert outcome(device) == (640, TrialState.ROLLED_BACK, TrialCode.BY_HAND)
    for act in (device.running.keep, device.running.roll_back):
        with pytest.raises(ChangeRefusedError):
            act()


def test_a_person_can_repair_the_link_of_a_kiosk_that_has_none(device: ConfiguredDevice) -> None:
    device.live(3, CUT_OFF)
    device.change({"mqtt.brokers": ["broker.example:8883"]})
    device.live(SETTLE_S + 2, CUT_OFF)
    assert device.value("mqtt.brokers") == ("broker.example:8883",)
    assert device.running.report().state is TrialState.IN_FORCE


def test_a_daemon_that_dies_again_and_again_goes_back(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    for _ in range(3):
        device.start()
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.CRASHED)


def test_two_power_cuts_in_a_trial_end_it(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.boot()
    assert outcome(device) == (1920, TrialState.ON_TRIAL, "")
    device.boot()
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.INTERRUPTED)


def test_after_one_power_cut_the_trial_has_its_whole_time_again(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.live(TRIAL_S - 20, CUT_OFF)
    device.boot()
    device.live(TRIAL_S - 20, CUT_OFF)
    assert outcome(device) == (1920, TrialState.ON_TRIAL, "")
    device.live(SETTLE_S + 2)
    assert outcome(device) == (1920, TrialState.IN_FORCE, "")


def test_a_file_that_a_person_changed_later_counts_alone_where_both_do_not_fit(device: ConfiguredDevice) -> None:
    device.desire({"gpio.relay": 4})
    device.live(SETTLE_S + 2)
    assert device.value("gpio.relay") == 4
    device.path.write_text(device.path.read_text() + "[gpio]\nadmit_button = 4\n")
    device.start()
    assert (device.value("gpio.relay"), device.value("gpio.admit_button")) == (None, 4)
    report = device.running.report()
    assert (report.state, report.code) == (TrialState.ROLLED_BACK, TrialCode.INVALID)
    assert report.sha256 == values_sha256({})


def test_another_name_of_the_device_has_nothing_of_the_values_of_the_old_one(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.live(SETTLE_S + 2)
    device.path.write_text(device.path.read_text().replace("gate-1", "gate-2"))
    device.start()
    assert device.value("camera.width") == 1280
    assert config.load_settings(device.path).camera.width == 1280


def test_on_a_disk_that_cannot_be_written_nothing_is_tried(device: ConfiguredDevice) -> None:
    device.disk.is_read_only = True
    assert device.running.apply_desired(desired(WIDER)) is TrialCode.DISK
    with pytest.raises(ChangeRefusedError):
        device.change({"camera.width": 640})
    device.start()
    assert device.value("camera.width") == 1280


def test_a_trial_whose_disk_turns_read_only_goes_back_and_stays_back(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.disk.is_read_only = True
    device.live(TRIAL_S + 2, CUT_OFF)
    assert device.value("camera.width") == 1280
    device.disk.is_read_only = False
    device.start()
    assert outcome(device) == (1280, TrialState.ROLLED_BACK, TrialCode.CRASHED)


def test_a_second_process_neither_counts_starts_nor_changes_anything(device: ConfiguredDevice, tmp_path: Path) -> None:
    device.desire(WIDER)
    before = (tmp_path / "configuration.journal").read_bytes()

    second = ConfigurationControl(device.path, device.clock, "boot-9")
    assert second.start().camera.width == 1280
    with pytest.raises(ChangeRefusedError):
        second.try_change(LocalChange({"camera.width": 640}, (), "an"))
    assert (tmp_path / "configuration.journal").read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"\0" * 300, b"{}", b"abc\n{}"])
def test_a_damaged_journal_is_replaced_by_the_copy_before_it(
    device: ConfiguredDevice, tmp_path: Path, damage: bytes
) -> None:
    device.desire(WIDER)
    device.live(SETTLE_S + 2)
    device.change({"camera.height": 1080})
    device.live(SETTLE_S + 2)
    (tmp_path / "configuration.journal").write_bytes(damage)
    device.boot()
    assert device.value("camera.width") == 1920


def test_the_history_says_who_changed_what_and_what_came_of_it(device: ConfiguredDevice) -> None:
    device.desire(WIDER)
    device.live(SETTLE_S + 2)
    device.change({"camera.width": 640})
    device.live(TRIAL_S + 2, BLIND)
    first, second = device.running.state.history
    assert (first.author.place, first.author.who, first.state) == ("centre", "cli:an", TrialState.IN_FORCE)
    assert first.changes == {"access.capacity": (None, 40), "camera.width": (None, 1920)}
    assert (second.author.who, second.author.reason, second.state) == ("an", "a test", TrialState.ROLLED_BACK)
    assert second.changes == {"camera.width": (1920, 640)}
