"""The Pi's pins under gpiozero's real lgpio classes: no lamp flashes, no relay clicks, no output of a dead program floats."""

import json
import subprocess
import sys

GREEN, RED, AMBER, BUZZER, RELAY = 17, 27, 22, 18, 23
OUTPUTS = (GREEN, RED, AMBER, BUZZER, RELAY)


def seen(scenario: str) -> dict[int, list[str]]:
    """Levels of each line in a scenario of tests/fakes/hardware/lgpio_lines.py, in order."""
    command = [sys.executable, "-m", "tests.fakes.hardware.lgpio_lines", scenario]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "driving a pin failed" not in done.stderr
    return {int(number): levels for number, levels in json.loads(done.stdout).items()}


def test_an_output_starts_at_its_off_level_and_is_pulled_to_it_at_the_end() -> None:
    """gpiozero first takes each pin as an input without a pull. Our code is called only after that."""
    lines = seen("closed")
    for number in (GREEN, BUZZER, RELAY):
        assert lines[number] == ["low", "floats", "low"]


def test_an_active_low_board_never_flashes_or_clicks() -> None:
    lines = seen("closed-low")
    for number in (GREEN, BUZZER, RELAY):
        assert lines[number] == ["low", "floats", "high"], (
            "low is on; it was low before us, which docs/explanation/relay-safety.md speaks of"
        )


def test_a_pass_is_one_pulse_on_an_active_low_board_too() -> None:
    lines = seen("passed-low")
    assert lines[GREEN] == ["low", "floats", "high", "low", "high"]
    assert lines[RELAY] == ["low", "floats", "high", "low", "high"]


def test_the_outputs_of_a_killed_program_are_pulled_to_their_off_level() -> None:
    """If the kernel makes them inputs (strict_gpiod). Without a pull a relay's input would float."""
    assert {seen("killed")[number][-1] for number in OUTPUTS} == {"low"}
    assert {seen("killed-low")[number][-1] for number in OUTPUTS} == {"high"}
    assert {seen("killed-passive")[number][-1] for number in OUTPUTS} == {"low"}


def test_closing_a_button_does_not_release_the_lamps() -> None:
    lines = seen("button")
    assert lines[GREEN] == ["low", "floats", "low", "high", "low"]
    assert lines[RELAY] == ["low", "floats", "low", "high", "low"]
