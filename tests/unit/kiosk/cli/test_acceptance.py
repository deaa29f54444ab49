"""`kiosk doctor --acceptance`: the guided checks of a real Pi, on a fake device with a scripted owner."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from kiosk import config
from kiosk.cli.acceptance import command as acceptance
from kiosk.cli.acceptance import report, steps
from kiosk.cli.acceptance.context import StepResult, StepStatus
from kiosk.cli.acceptance.steps import STEPS
from kiosk.cli.doctor.command import doctor
from kiosk.simulation.sandbox import temporary_sandbox

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PI = {
    "/proc/device-tree/model": "Raspberry Pi 3 Model B Plus Rev 1.3\0",
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "/boot/firmware/config.txt": "[all]\ninclude entrance-kiosk.txt\n",
    "/boot/firmware/entrance-kiosk.txt": "dtparam=strict_gpiod\n",
    "/proc/cmdline": "console=tty1 pinctrl_bcm2835.persist_gpio_outputs=n\n",
    "/sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "/sys/class/thermal/thermal_zone0/temp": "48312\n",
    "/proc/net/wireless": "Inter-| sta\n face | tus\n wlan0: 0000   60.  -50.  -256\n",
    acceptance.BOOT_ID: "boot-one\n",
    "/proc/uptime": "41.5 100.0\n",
}
SHOWS_A_CODE = {"focus-near", "focus-far", "exposure-bright", "exposure-dim", "kill", "network-on"}
STAMPS = "ExecMainStartTimestampMonotonic=5000000\nActiveEnterTimestampMonotonic=8200000\n"


class FakeDevice:
    """A device whose owner follows the instructions. `broken`: the instruction that has no effect on it."""

    def __init__(
        self, settings: config.Settings, *, broken: str = "", answer: Callable[[str], bool | None] | None = None
    ) -> None:
        self.settings = settings
        self.files = dict(PI)
        self.instructed: list[str] = []
        self.ran: list[tuple[str, ...]] = []
        self._answer = answer or (lambda _: True)
        self._broken = broken
        self._people = 0
        self._frame = 7
        self._pid = 100
        self._checks: dict[str, str] = {"frame-quality": "pass"}
        self._online = True

    def instruct(self, msgid: str, **values: object) -> None:
        self.instructed.append(msgid)
        works = msgid != self._broken
        if msgid in SHOWS_A_CODE and works:
            self._people, self._frame = self._people + 1, 9
        if msgid == "button" and works:
            self._people, self._frame = self._people + 1, 0
        if msgid == "noise" and not works:
            self._people += 1
        if msgid == "cover-lens" and works:
            self._checks["frame-quality"] = "warn"
        if msgid == "uncover-lens":
            self._checks["frame-quality"] = "pass"
        if msgid == "network-on":
            self._online = works

    def ask(self, msgid: str, **values: object) -> bool | None:
        if msgid == "network-off":
            self._online = False
        return self._answer(msgid)

    def read_status(self) -> Mapping[str, Any] | None:
        return {
            "state": "ready",
            "pid": self._pid,
            "counters": {"pass": self._people},
            "checks": [{"code": code, "status": status} for code, status in self._checks.items()],
            "recent_decisions": [{"frame_number": self._frame, "latency_ms": 41.0}],
            "camera": {"module_px": 4.2},
            "uplink": {"connected": self._online},
            "outbox": {"backlog_size": 0 if self._online else 2},
        }

    def wait_until(self, met: Callable[[], bool], within_s: float) -> float | None:
        """The fake device never changes by itself, so the condition is checked once."""
        return 1.0 if met() else None

    def read_file(self, path: str) -> str:
        return self.files.get(path, "")

    def run_command(self, *command: str) -> str:
        self.ran.append(command)
        if "kill" in command and self._broken != "restart":
            self._pid += 1
        return {
            "systemctl": STAMPS,
            "systemd-analyze": "Startup finished in 21.4s\n",
            "uname": "6.12.47-v8 aarch64\n",
        }.get(command[0], "")


@pytest.fixture
def settings() -> config.Settings:
    with temporary_sandbox() as sandbox:
        found = config.load_settings(sandbox.config_file)
    gpio = found.gpio.model_copy(update={"admit_button": 5})
    return found.model_copy(update={"gpio": gpio})


def statuses(results: list[StepResult]) -> dict[str, StepStatus]:
    return {result.name: result.status for result in results}


def test_on_a_working_device_all_steps_pass_and_the_watchdog_is_pending(
    settings: config.Settings, tmp_path: Path
) -> None:
    device = FakeDevice(settings)
    found = statuses(acceptance.run_steps(device, tmp_path, now=lambda: AT))
    assert found.pop("watchdog") is StepStatus.PENDING
    assert set(found) == {name for name, _ in STEPS}
    assert set(found.values()) == {StepStatus.PASSED}, found
    assert any("sysrq-trigger" in word for command in device.ran for word in command)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ("focus-near", "focus-near"),
        ("focus-far", "focus-far"),
        ("exposure-bright", "exposure-bright"),
        ("exposure-dim", "exposure-dim"),
        ("cover-lens", "covered-lens"),
        ("noise", "noise"),
        ("button", "button"),
        ("network-on", "network"),
        ("restart", "relay-after-kill"),
    ],
)
def test_the_step_of_a_broken_part_fails(settings: config.Settings, tmp_path: Path, broken: str, name: str) -> None:
    found = statuses(acceptance.run_steps(FakeDevice(settings, broken=broken), tmp_path, now=lambda: AT))
    assert [step for step, status in found.items() if status is StepStatus.FAILED] == [name]


@pytest.mark.parametrize(
    "missing", ["/proc/cmdline", "/boot/firmware/config.txt", "/sys/class/watchdog/watchdog0/identity"]
)
def test_missing_firmware_lines_are_named(settings: config.Settings, missing: str) -> None:
    device = FakeDevice(settings)
    del device.files[missing]
    found = steps.check_firmware(device)
    assert (found.status, found.detail.startswith("missing: ")) == (StepStatus.FAILED, True)


def test_a_relay_that_stays_energised_fails_by_the_answer_of_the_owner(settings: config.Settings) -> None:
    found = steps.check_relay_after_kill(FakeDevice(settings, answer=lambda _: False))
    assert found.status is StepStatus.FAILED


def test_skipped_steps_are_repeated_and_passed_ones_are_not(settings: config.Settings, tmp_path: Path) -> None:
    first = FakeDevice(settings, answer=lambda _: None)
    found = statuses(acceptance.run_steps(first, tmp_path, now=lambda: AT))
    assert {name for name, status in found.items() if status is StepStatus.PENDING} == {
        "lamps",
        "relay-after-kill",
        "network",
        "watchdog",
    }
    second = FakeDevice(settings)
    found = statuses(acceptance.run_steps(second, tmp_path, now=lambda: AT))
    assert "focus-near" not in second.instructed, "a passed step is repeated"
    assert found["lamps"] is StepStatus.PASSED


def test_the_run_after_the_reset_reports_how_long_it_took(settings: config.Settings, tmp_path: Path) -> None:
    acceptance.run_steps(FakeDevice(settings), tmp_path, now=lambda: AT)
    later = FakeDevice(settings)
    later.files[acceptance.BOOT_ID] = "boot-two\n"
    found = {each.name: each for each in acceptance.run_steps(later, tmp_path, now=lambda: AT + timedelta(seconds=60))}
    assert (found["watchdog"].status, found["watchdog"].detail) == (StepStatus.PASSED, "reset 18 s after it hung")
    assert later.ran == []


def test_without_a_reset_the_watchdog_step_stays_pending(settings: config.Settings, tmp_path: Path) -> None:
    acceptance.run_steps(FakeDevice(settings), tmp_path, now=lambda: AT)
    same_boot = FakeDevice(settings, answer=lambda msgid: msgid != "hang-kernel")
    assert statuses(acceptance.run_steps(same_boot, tmp_path, now=lambda: AT))["watchdog"] is StepStatus.PENDING


def test_the_kernel_is_not_crashed_without_consent_or_without_a_watchdog(
    settings: config.Settings, tmp_path: Path
) -> None:
    device = FakeDevice(settings, answer=lambda _: False)
    acceptance.run_steps(device, tmp_path, now=lambda: AT)
    without = FakeDevice(settings)
    del without.files["/sys/class/watchdog/watchdog0/identity"]
    acceptance.run_steps(without, tmp_path / "..", now=lambda: AT)
    assert not any("sysrq-trigger" in word for each in (device, without) for command in each.ran for word in command)


def test_the_report_is_saved_before_the_kernel_is_crashed(settings: config.Settings, tmp_path: Path) -> None:
    saved: list[str] = []

    class Hangs(FakeDevice):
        def run_command(self, *command: str) -> str:
            if any("sysrq" in word for word in command):
                saved.append(report.report_paths(tmp_path, settings)[0].read_text(encoding="utf-8"))
            return super().run_command(*command)

    acceptance.run_steps(Hangs(settings), tmp_path, now=lambda: AT)
    rows = {row["name"]: row for row in json.loads(saved[0])["results"]}
    assert rows["watchdog"]["detail"].startswith("hung in boot boot-one")
    assert rows["network"]["status"] == "passed"


def test_the_report_is_written_as_text_in_both_languages_and_as_json(settings: config.Settings, tmp_path: Path) -> None:
    acceptance.run_steps(FakeDevice(settings), tmp_path, now=lambda: AT)
    as_json, as_text = report.report_paths(tmp_path, settings)
    text = as_text.read_text(encoding="utf-8")
    assert "Relay after a kill" in text
    assert "answered 41 ms" in text
    assert "module 4.2 px" in text
    assert len(json.loads(as_json.read_text(encoding="utf-8"))["results"]) == len(STEPS) + 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"results": [{"name": "x"}]}', '{"results": [{"name": "x", "status": "passed", "detail": ""}]}'],
)
def test_an_invalid_report_is_ignored(settings: config.Settings, tmp_path: Path, content: str) -> None:
    report.report_paths(tmp_path, settings)[0].write_text(content, encoding="utf-8")
    assert report.read_report(tmp_path, settings) == {}


def test_the_report_has_all_steps_in_their_order() -> None:
    assert (*(name for name, _ in STEPS), report.WATCHDOG) == report.STEP_NAMES


def test_acceptance_needs_a_running_kiosk(tmp_path: Path) -> None:
    with temporary_sandbox() as sandbox:
        done = CliRunner().invoke(
            doctor, ["--config", str(sandbox.config_file), "--acceptance", "--report", str(tmp_path)]
        )
    assert done.exit_code == 1
    assert "systemctl start kiosk" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "expected"), [("c\n", True), ("?\nk\n", False), ("b\n", None), ("Yes\n", True), ("n\n", False)]
)
def test_an_answer_can_be_given_in_either_language(
    settings: config.Settings, typed: str, *, expected: bool | None
) -> None:
    @click.command()
    def asking() -> None:
        device = acceptance.DeviceContext(settings)
        device.instruct("focus-near")
        click.echo(f"answer {device.ask('network-off')}")

    done = CliRunner().invoke(asking, input=typed)
    assert f"answer {expected}" in done.output
    assert "Wi-Fi" in done.output


def test_the_real_device_context_reads_files_and_runs_commands_without_errors(settings: config.Settings) -> None:
    device = acceptance.DeviceContext(settings)
    assert float(device.read_file("/proc/uptime").split()[0]) > 0
    assert device.read_file("/proc/no-such-file") == ""
    assert device.run_command("no-such-command") == ""
    assert device.run_command("uname", "-s") == "Linux\n"
    assert device.wait_until(lambda: True, 1.0) is not None
    assert device.wait_until(lambda: False, 0.0) is None
    assert device.read_status() is None
