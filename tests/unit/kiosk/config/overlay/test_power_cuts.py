"""The power fails at every step of every write of the journal: a valid configuration runs afterwards, and the trial ends."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.config.overlay.document import TRIAL_S
from kiosk.config.overlay.judgement import SETTLE_S
from mqtt.remote.configuration import TrialState
from tests.fakes.parts.configured_device import WELL, ConfiguredDevice, PowerCutError
from tests.unit.kiosk.config.overlay.test_trial import CUT_OFF

EXAMPLES = int(os.environ.get("CONFIGURATION_EXAMPLES", "10"))
STEPS_OF_A_TRIAL = 32
"""More than one trial has, so that the last cases are those without a cut."""
IN_FORCE, WANTED = {"camera.width": 1600}, {"camera.width": 1920}


def device_with_values(folder: Path) -> ConfiguredDevice:
    device = ConfiguredDevice(folder)
    device.live(3)
    device.desire(IN_FORCE, 1)
    device.live(SETTLE_S + 2)
    assert device.value("camera.width") == 1600
    return device


def try_with_cuts(device: ConfiguredDevice, cuts: list[int], *, works: bool) -> None:
    """A trial, with the power failing after so many steps of the disk, each time counted from the boot before."""
    left = list(cuts)

    def run(act_is_wanted: bool) -> None:
        device.disk.cut_after = left.pop(0) if left else None
        if act_is_wanted:
            device.desire(WANTED, 2)
        else:
            device.boot()
        assert device.value("camera.width") in {1600, 1920}
        live(device, works=works)

    is_first = True
    for _ in range(len(cuts) + 2):
        try:
            run(is_first)
        except PowerCutError:
            is_first = False
            continue
        return
    raise AssertionError("the power failed more often than it was made to")


def live(device: ConfiguredDevice, *, works: bool) -> None:
    """Longer than a trial."""
    device.live(TRIAL_S + 2 * SETTLE_S, WELL if works else CUT_OFF, step_s=5)


def check_settled(device: ConfiguredDevice, *, works: bool) -> None:
    device.disk.cut_after = None
    device.boot()
    live(device, works=works)
    assert device.running.state.trial is None
    found, state = device.value("camera.width"), device.running.report().state
    assert found == 1600 or (works and found == 1920 and state is TrialState.IN_FORCE)


@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("cut", range(STEPS_OF_A_TRIAL))
def test_after_a_power_cut_at_any_step_a_valid_configuration_runs_and_the_trial_ends(
    tmp_path: Path, cut: int, works: bool
) -> None:
    device = device_with_values(tmp_path)
    try_with_cuts(device, [cut], works=works)
    check_settled(device, works=works)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.integers(0, STEPS_OF_A_TRIAL), max_size=6), st.booleans())
def test_after_any_series_of_power_cuts_a_valid_configuration_runs_and_the_trial_ends(
    cuts: list[int], works: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        device = device_with_values(Path(folder))
        try_with_cuts(device, cuts, works=works)
        check_settled(device, works=works)


def test_the_cases_reach_every_step_of_a_trial(tmp_path: Path) -> None:
    device = device_with_values(tmp_path)
    before = device.disk.steps
    device.desire(WANTED, 2)
    device.live(TRIAL_S + SETTLE_S, CUT_OFF)
    assert 8 < device.disk.steps - before < STEPS_OF_A_TRIAL
