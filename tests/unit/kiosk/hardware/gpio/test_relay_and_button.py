"""The kernel's one-shot relay on files like those in /sys, and buttons on gpiozero's mock pins."""

import queue
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from kiosk import config
from kiosk.app.call_queue import CallQueue
from kiosk.app.components import connect_buttons
from kiosk.app.gate_worker import GateWorker
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.model import AccessEvent, Direction, ManualReason, Reason
from kiosk.core.ports import KioskError, SignalError
from kiosk.hardware.gpio.buttons import GuardButton, open_buttons, read_button_states
from kiosk.hardware.gpio.kernel_relay import KernelRelay
from kiosk.health import CameraMonitor
from tests.fakes.parts.gate import Scene
from tests.paths import PROJECT


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    folder = tmp_path / "kiosk-relay"
    folder.mkdir()
    (folder / "trigger").write_text("none timer [oneshot] heartbeat\n")
    for name in ("delay_on", "delay_off", "shot", "invert", "brightness"):
        (folder / name).write_text("")
    return tmp_path


class TestKernelRelay:
    def test_the_length_of_a_pulse_is_set_before_the_first(self, leds: Path) -> None:
        KernelRelay("kiosk-relay", 1.5, leds)
        assert (leds / "kiosk-relay/delay_on").read_text() == "1500"
        assert (leds / "kiosk-relay/shot").read_text() == ""

    def test_a_pulse_is_one_write_and_ends_without_another(self, leds: Path) -> None:
        relay = KernelRelay("kiosk-relay", 1.0, leds)
        relay.start_pulse()
        assert (leds / "kiosk-relay/shot").read_text() == "1"
        assert (leds / "kiosk-relay/invert").read_text() == ""

    def test_a_pulse_can_be_ended_early(self, leds: Path) -> None:
        relay = KernelRelay("kiosk-relay", 1.0, leds)
        relay.start_pulse()
        relay.end_pulse()
        assert (leds / "kiosk-relay/invert").read_text() == "0"
        assert (leds / "kiosk-relay/brightness").read_text() == "", "0 there would take the trigger away"

    def test_the_gpio_group_may_write_all_files_of_the_led_that_are_written(self, leds: Path) -> None:
        relay = KernelRelay("kiosk-relay", 1.0, leds)
        relay.start_pulse()
        relay.end_pulse()
        written = {path.name for path in (leds / "kiosk-relay").iterdir() if path.read_text()} - {"trigger"}
        rule = (PROJECT / "firmware_config/udev/70-entrance-kiosk.rules").read_text(encoding="utf-8")
        assert written == {"delay_on", "delay_off", "shot", "invert"}
        assert all(rule.count(f"%S%p/{name}") == 2 for name in written)  # chgrp and chmod

    def test_the_error_for_a_missing_led_says_what_to_load(self, tmp_path: Path) -> None:
        with pytest.raises(SignalError, match="overlay kiosk-relay"):
            KernelRelay("kiosk-relay", 1.0, tmp_path)

    def test_another_trigger_is_refused_because_it_would_not_end_the_pulse(self, leds: Path) -> None:
        (leds / "kiosk-relay/trigger").write_text("[none] timer oneshot\n")
        with pytest.raises(SignalError, match="not oneshot"):
            KernelRelay("kiosk-relay", 1.0, leds)

    def test_relay_pin_and_relay_led_exclude_each_other(self) -> None:
        with pytest.raises(ValueError, match="Leave one of them out"):
            config.GpioSettings(relay=23, relay_led="kiosk-relay")


class ShortToGround(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """Low, whatever pulls it."""

    def _get_state(self) -> bool:
        return False


def pressed(pins: MockFactory, number: int, answers: "queue.SimpleQueue[AccessEvent]") -> AccessEvent:
    pins.pin(number).drive_low()
    answer = answers.get(timeout=10.0)
    pins.pin(number).drive_high()
    return answer


class TestButtons:
    def test_a_held_button_admits_once(self) -> None:
        factory = MockFactory()
        pin = factory.pin(5)
        admitted = threading.Semaphore(0)
        button = GuardButton(5, factory, admitted.release, hold_s=0.01)
        pin.drive_low()
        assert admitted.acquire(timeout=10.0)
        assert not admitted.acquire(timeout=0.1)
        pin.drive_high()
        pin.drive_low()
        assert admitted.acquire(timeout=10.0)
        button.close()

    def test_a_short_press_admits_no_person(self) -> None:
        factory = MockFactory()
        pin = factory.pin(5)
        admitted = threading.Event()
        button = GuardButton(5, factory, admitted.set, hold_s=30.0)
        pin.drive_low()
        pin.drive_high()
        assert not admitted.wait(0.05)
        button.close()

    def test_a_loose_wire_is_not_a_press(self) -> None:
        factory = MockFactory()
        button = GuardButton(5, factory, lambda: None)
        assert factory.pin(5).pull == "up"
        button.close()

    def test_an_error_is_logged_and_the_button_still_works(self, caplog: pytest.LogCaptureFixture) -> None:
        factory = MockFactory()
        pin = factory.pin(5)
        called = threading.Semaphore(0)

        def refuse() -> None:
            called.release()
            raise KioskError("the kiosk is busy")

        button = GuardButton(5, factory, refuse, hold_s=0.01)
        for _ in range(2):
            pin.drive_low()
            assert called.acquire(timeout=10.0)
            pin.drive_high()
        button.close()
        assert "the kiosk is busy" in caplog.text

    def test_no_button_is_opened_if_none_is_configured(self) -> None:
        assert open_buttons({}) == ()

    def test_each_configured_button_calls_its_own_action(self) -> None:
        done: queue.SimpleQueue[str] = queue.SimpleQueue()
        pins = MockFactory()
        buttons = open_buttons({5: lambda: done.put("admit"), 6: lambda: done.put("undo")}, lambda: pins)
        for number, what in ((6, "undo"), (5, "admit"), (6, "undo")):
            pins.pin(number).drive_low()
            assert done.get(timeout=10.0) == what
            pins.pin(number).drive_high()
        for button in (*buttons, *buttons):
            button.close()
        assert done.empty()

    def test_one_button_admits_and_the_other_undoes_it(self, tmp_path: Path) -> None:
        scene, pins, stop = Scene(), MockFactory(), threading.Event()
        answers: queue.SimpleQueue[AccessEvent] = queue.SimpleQueue()
        loop = GateWorker(
            scene.gate(),
            LatestFrameSlot(),
            camera_monitor=CameraMonitor(0.0),
            call_queue=CallQueue(),
            probe_store=lambda: None,
            count_occupancy=lambda: 0,
            on_change=lambda: answers.put(scene.records[-1]),
        )

        def turn() -> None:
            while not stop.is_set():
                loop.step()

        gate = threading.Thread(target=turn)
        settings = config.Settings(
            site=config.SiteSettings(site="cho", device="cong-1"),
            keys=config.KeySettings(
                sealing_public_key=tmp_path, pseudonym_key=tmp_path, trust_list=tmp_path, root_public_key=tmp_path
            ),
            gpio=config.GpioSettings(pin_factory="mock", admit_button=5, undo_button=6),
            access=config.AccessSettings(direction="out"),
        )
        with ExitStack() as exit_stack:
            exit_stack.callback(gate.join)
            exit_stack.callback(stop.set)
            connect_buttons(settings, exit_stack, loop, lambda: pins)
            gate.start()
            passed, undo = (pressed(pins, number, answers) for number in (5, 6))
        assert (passed.reason, passed.direction, passed.manual_reason) == (
            Reason.MANUAL,
            Direction.OUT,
            ManualReason.BUTTON,
        )
        assert (undo.annuls, undo.manual_reason) == (passed.id, ManualReason.BUTTON)

    def test_two_buttons_on_one_pin_are_an_error(self) -> None:
        with pytest.raises(ValueError, match=r"gpio.undo_button and gpio.admit_button are both on pin 5"):
            config.GpioSettings(admit_button=5, undo_button=5)

    def test_if_the_second_button_fails_the_first_releases_its_pin(self) -> None:
        pins = MockFactory()
        with pytest.raises(SignalError, match="99"):
            open_buttons({5: lambda: None, 99: lambda: None}, lambda: pins)
        assert not pins.pins

    def test_the_doctor_reports_a_stuck_button(self) -> None:
        both = {"admit_button": 5, "undo_button": 6}
        factories = [MockFactory(), MockFactory(pin_class=ShortToGround)]
        assert read_button_states(both, lambda: factories.pop(0)) == {"admit_button": False, "undo_button": True}
        assert read_button_states({}) == {}

    def test_a_button_on_a_lamps_pin_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="both on pin 17"):
            config.GpioSettings(admit_button=17)
