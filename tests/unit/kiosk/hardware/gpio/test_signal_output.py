"""The signal output: lamps, buzzer and relay on gpiozero's real devices and mock pins."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from kiosk import config
from kiosk.app.builders import hardware
from kiosk.cli.signals.signal import signal
from kiosk.core.model import DeviceState, Outcome
from kiosk.core.ports import SignalError
from kiosk.hardware.gpio.pattern_player import DEFAULT_PATTERNS, Lamp, OutputState, PatternStep, SignalPattern
from kiosk.hardware.gpio.pins import open_pin_factory
from kiosk.hardware.gpio.signal_output import OutputPins, SignalOutput, all_outputs_off

WIRED = OutputPins(relay=23)
QUICK = {
    key: SignalPattern(
        pattern.name,
        tuple(PatternStep(0.002, step.lamps, step.tone_hz) for step in pattern.once),
        tuple(PatternStep(3600.0 if len(pattern.repeated) == 1 else 0.002, step.lamps) for step in pattern.repeated),
    )
    for key, pattern in DEFAULT_PATTERNS.items()
}


class Bench:
    """Outputs on mock pins, with all states that were shown and all levels of each pin."""

    def __init__(
        self, pins: OutputPins = WIRED, factory: MockFactory | None = None, *, relay_pulse_s: float = 1.0
    ) -> None:
        self.factory = factory or MockFactory()
        # Read first: a closed factory forgets its pins and would return new ones without a history.
        self.pins = {number: self.factory.pin(number) for number in (17, 27, 22, 18, 23)}
        self.seen: list[OutputState] = []
        self._changed = threading.Condition()
        self.lamps = SignalOutput(pins, self.factory, relay_pulse_s=relay_pulse_s, patterns=QUICK, on_change=self._note)

    def _note(self, lit: OutputState) -> None:
        with self._changed:
            self.seen.append(lit)
            self._changed.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: [lit.pattern for lit in self.seen].count(pattern) >= count, 10.0)

    def wait_until_relay_fell(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(lit.relay for lit in self.seen) and not self.seen[-1].relay, 10.0)

    def levels(self, number: int) -> list[bool]:
        return [bool(state.state) for state in self.pins[number].states]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.lamps.close()


class TestPins:
    def test_at_the_start_no_output_toggles_and_no_green_is_lit(self, bench: Bench) -> None:
        bench.wait_for("starting", 4)
        assert bench.levels(WIRED.green) == [False]
        assert bench.levels(23) == [False]
        assert bench.levels(18) == [False]
        assert bench.levels(WIRED.red)[:2] == [False, True]

    def test_an_active_low_board_starts_at_its_off_level_in_one_step(self) -> None:
        bench = Bench(replace(WIRED, active_high=False))
        bench.wait_for("starting")
        assert bench.levels(WIRED.green) == [False, True]  # the mock pin's level as an input, then off, which is high
        bench.lamps.show(Outcome.PASS)
        bench.wait_for("pass")
        bench.lamps.close()
        assert bench.levels(WIRED.green) == [False, True, False, True]

    def test_a_pass_lights_green_sounds_and_energises_the_relay(self, bench: Bench) -> None:
        bench.lamps.show(Outcome.PASS)
        bench.wait_for("pass")
        assert bench.levels(WIRED.green)[:2] == [False, True]
        assert bench.levels(18)[:2] == [False, True]
        assert bench.levels(23) == [False, True]

    @pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.CHECK_AGAIN])
    def test_only_a_pass_lights_green_or_energises_the_relay(self, bench: Bench, outcome: Outcome) -> None:
        bench.lamps.show(outcome)
        bench.wait_for(outcome.value)
        for state in DeviceState:
            bench.lamps.set_idle_state(state)
            bench.wait_for(state.value)
        assert bench.levels(WIRED.green) == [False]
        assert bench.levels(23) == [False]

    def test_the_relay_is_released_after_its_time(self) -> None:
        bench = Bench(relay_pulse_s=0.01)
        bench.lamps.show(Outcome.PASS)
        bench.wait_until_relay_fell()
        assert bench.lamps.output_state.relay is False
        assert bench.levels(23) == [False, True, False]
        bench.lamps.close()

    def test_close_leaves_all_pins_off_and_released(self, bench: Bench) -> None:
        bench.lamps.show(Outcome.PASS)
        bench.wait_for("pass")
        bench.lamps.close()
        bench.lamps.close()
        for number in (WIRED.green, WIRED.red, WIRED.amber, 18, 23):
            assert bench.levels(number)[-1] is False
            assert bench.pins[number].function == "input"
        assert bench.lamps.output_state.pattern == "off"
        assert not bench.lamps.is_alive

    def test_the_pins_can_be_taken_again_after_a_close(self) -> None:
        factory = MockFactory()
        for _ in range(2):
            bench = Bench(factory=factory)
            bench.wait_for("starting")
            bench.lamps.close()

    def test_the_output_state_is_available(self, bench: Bench) -> None:
        bench.lamps.set_idle_state(DeviceState.OUT_OF_ORDER)
        bench.wait_for("out-of-order", 2)
        assert bench.lamps.output_state.lamps == {Lamp.RED, Lamp.AMBER}
        assert bench.lamps.output_state.pattern == "out-of-order"

    def test_a_passive_buzzer_plays_the_tone_of_the_step(self) -> None:
        factory = MockFactory(pin_class=MockPWMPin)
        bench = Bench(replace(WIRED, passive_buzzer=True), factory)
        played: list[float | None] = []
        bench.lamps.show(Outcome.PASS)
        bench.wait_for("pass")
        played.extend(float(state.state) for state in bench.pins[18].states)
        bench.lamps.close()
        assert 0.5 in played  # half of the period high: a square wave
        assert float(bench.pins[18].state) == 0.0

    def test_without_buzzer_and_relay_the_lamps_work(self) -> None:
        bench = Bench(OutputPins(buzzer=None))
        bench.lamps.show(Outcome.FAIL)
        bench.wait_for("fail")
        bench.lamps.close()

    def test_one_pin_for_two_lamps_is_an_error_and_no_pin_stays_open(self) -> None:
        factory = MockFactory()
        with pytest.raises(SignalError, match="GPIO17"):
            SignalOutput(replace(WIRED, red=17), factory)
        again = SignalOutput(WIRED, MockFactory())
        again.close()

    def test_the_error_on_a_machine_without_pins_says_what_to_do(self) -> None:
        with pytest.raises(SignalError, match=r'gpio.pin_factory = "mock"|GPIO pins unavailable'):
            open_pin_factory()

    def test_a_failing_pin_raises_in_the_daemons_thread(self) -> None:
        failing = threading.Event()

        class Dying(MockPin):  # type: ignore[misc]  # gpiozero has no types
            def _set_state(self, value: Any) -> None:
                if failing.is_set():
                    raise OSError("the pin is gone")
                super()._set_state(value)

        bench = Bench(factory=MockFactory(pin_class=Dying))
        bench.wait_for("starting")
        failing.set()
        bench.lamps._thread.join(10.0)
        assert not bench.lamps.is_alive
        with pytest.raises(SignalError, match="the pin is gone"):
            bench.lamps.set_idle_state(DeviceState.READY)
        with pytest.raises(SignalError):
            bench.lamps.show(Outcome.PASS)
        failing.clear()
        bench.lamps.close()

    def test_switching_all_outputs_off_lights_no_lamp(self) -> None:
        factory = MockFactory()
        pins = {number: factory.pin(number) for number in (17, 27, 22, 18, 23)}
        for number, pin in pins.items():
            pin.function = "output"  # state of the outputs after a killed daemon if the kernel keeps them
            pin.state = number in (17, 23)
            pin.clear_states()
        all_outputs_off(WIRED, factory)
        assert {number: [bool(it.state) for it in pin.states] for number, pin in pins.items()} == {
            17: [True, False],
            23: [True, False],
            27: [False],
            22: [False],
            18: [False],
        }
        assert {pin.function for pin in pins.values()} == {"input"}

    def test_the_configuration_selects_the_mock_pins(self) -> None:
        lamps = hardware.build_signal(config.GpioSettings(pin_factory="mock"))
        assert lamps.is_alive
        lamps.close()


class TestPreview:
    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(signal, list(arguments))

    def test_a_pattern_is_drawn_while_it_plays(self) -> None:
        result = self.run("fail", "--mock")
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert [("RED" in line, "beep" in line) for line in lines] == [
            (True, True), (False, False), (True, True), (False, False), (True, True), (False, False), (True, False),
        ]  # fmt: skip
        assert not any("GREEN" in line or "AMBER" in line for line in lines)

    @pytest.mark.parametrize(
        ("pattern", "beginning"),
        [
            ("pass", ["GREEN beep", "GREEN"]),
            ("check-again", ["AMBER beep", "", "AMBER beep", "", "AMBER"]),
            ("out-of-order", ["RED AMBER beep", "RED AMBER"]),
            ("starting", ["RED", "AMBER", "RED", "AMBER"]),
        ],
    )
    def test_each_outcome_and_state_can_be_previewed(self, pattern: str, beginning: list[str]) -> None:
        result = self.run(pattern, "--mock")
        assert result.exit_code == 0
        shown = [" ".join(re.findall("RED|AMBER|GREEN|beep", line)) for line in result.output.splitlines()]
        assert shown[: len(beginning)] == beginning

    def test_off_plays_nothing(self) -> None:
        result = self.run("off", "--mock")
        assert (result.exit_code, result.output) == (0, "lamps, buzzer and relay are off\n")

    def test_the_relay_is_not_used_unless_requested(self, tmp_path: Path) -> None:
        keys = '[keys]\nsealing_public_key = "c"\npseudonym_key = "p"\ntrust_list = "t"\nroot_public_key = "r"\n'
        site = '[site]\nsite = "market"\ndevice = "gate-1"\n'
        file = tmp_path / "kiosk.toml"
        file.write_text(f'{site}[gpio]\npin_factory = "mock"\nrelay = 23\n{keys}')
        without, asked = self.run("pass", "--config", str(file)), self.run("pass", "--config", str(file), "--relay")
        assert "GREEN" in without.output
        assert "relay" not in without.output
        assert "relay" in asked.output

    def test_the_configured_patterns_are_previewed(self, tmp_path: Path) -> None:
        keys = '[keys]\nsealing_public_key = "c"\npseudonym_key = "p"\ntrust_list = "t"\nroot_public_key = "r"\n'
        file = tmp_path / "kiosk.toml"
        file.write_text(
            '[site]\nsite = "market"\ndevice = "gate-1"\n[gpio]\npin_factory = "mock"\n[gpio.patterns]\n'
            'fail_pattern = "0.5! -0.2 0.5!"\nfail_hz = 500\n' + keys
        )
        lines = self.run("fail", "--config", str(file)).output.splitlines()
        assert [("RED" in line, "beep 500 Hz" in line) for line in lines] == [
            (True, True), (False, False), (True, True),
        ]  # fmt: skip

    def test_an_unknown_pattern_is_refused(self) -> None:
        assert self.run("party", "--mock").exit_code == 2
