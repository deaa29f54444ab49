"""The Pi's pins under gpiozero's real lgpio classes: no lamp flashes, no relay clicks, nothing floats when a program has died."""

import json
import subprocess
import sys

GREEN, RED, AMBER, BUZZER, RELAY = 17, 27, 22, 18, 23
OUTPUTS = (GREEN, RED, AMBER, BUZZER, RELAY)


def seen(scenario: str) -> dict[int, list[str]]:
    """Each line's levels in a scenario of tests/fakes/parts/lgpio_lines.py, in their order."""
    command = [sys.executable, "-m", "tests.fakes.parts.lgpio_lines", scenario]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "driving a pin failed" not in done.stderr
    return {int(number): levels for number, levels in json.loads(done.stdout).items()}


def test_an_output_begins_at_its_off_level_and_is_pulled_to_it_in_the_end() -> None:
    """gpiozero takes each pin as an input without a pull for a moment; only then are we asked."""
    lines = seen("closed")
    for number in (GREEN, BUZZER, RELAY):
        assert lines[number] == ["low", "floats", "low"]


def test_a_board_that_lights_on_a_low_pin_never_flashes_and_its_relay_never_clicks() -> None:
    lines = seen("closed-low")
    for number in (GREEN, BUZZER, RELAY):
        assert lines[number] == ["low", "floats", "high"], (
            "low is on; it was low before us, which docs/explanation/relay-safety.md speaks of"
        )


def test_a_pass_is_one_pulse_on_such_a_board_too() -> None:
    lines = seen("passed-low")
    assert lines[GREEN] == ["low", "floats", "high", "low", "high"]
    assert lines[RELAY] == ["low", "floats", "high", "low", "high"]


def test_the_outputs_of_a_killed_program_are_pulled_to_their_off_level() -> None:
    """Where the kernel makes inputs of them (strict_gpiod); without a pull a relay's input would float."""
    assert {seen("killed")[number][-1] for number in OUTPUTS} == {"low"}
    assert {seen("killed-low")[number][-1] for number in OUTPUTS} == {"high"}
    assert {seen("killed-passive")[number][-1] for number in OUTPUTS} == {"low"}


def test_a_button_that_is_closed_takes_no_lamp_with_it() -> None:
    lines = seen("button")
    assert lines[GREEN] == ["low", "floats", "low", "high", "low"]
    assert lines[RELAY] == ["low", "floats", "low", "high", "low"]
