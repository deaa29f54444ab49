"""Acceptance steps: checks that need a real Pi and its owner.

Each step is a function from an AcceptanceContext to a StepResult. Results have no personal data: only counts, times,
light and pixel measurements, and names of hardware.
"""

from kiosk.cli.acceptance.context import (
    AcceptanceContext,
    AcceptanceStep,
    StepResult,
    StepStatus,
    backlog_size,
    check_is_failing,
    decision_count,
    device_state,
    is_connected,
    step_result,
)

SCAN_TIMEOUT_S = 60.0
COVERED_LENS_TIMEOUT_S = 20.0
RESTART_TIMEOUT_S = 60.0
NOISE_TEST_S = 60.0
OUTPUTS_OFF_TIMEOUT_S = 5.0


def check_board(context: AcceptanceContext) -> StepResult:
    """Check the model of the board. Report kernel and operating system."""
    model = context.read_file("/proc/device-tree/model").strip("\0\n")
    kernel = context.run_command("uname", "-rm").strip()
    system = next(
        (line[13:-1] for line in context.read_file("/etc/os-release").splitlines() if line.startswith("PRETTY_NAME=")),
        "?",
    )
    is_pi = model.startswith("Raspberry Pi")
    return step_result("board", f"{model or 'no Raspberry Pi'}; {kernel}; {system}", passed=is_pi)


def check_firmware(context: AcceptanceContext) -> StepResult:
    """Check that firmware and kernel use our configuration lines."""
    config_txt = context.read_file("/boot/firmware/config.txt")
    wanted = {
        "include entrance-kiosk.txt": "include entrance-kiosk.txt" in config_txt.splitlines(),
        "persist_gpio_outputs=n": "pinctrl_bcm2835.persist_gpio_outputs=n"
        in context.read_file("/proc/cmdline").split(),
        "dtparam=strict_gpiod": "dtparam=strict_gpiod"
        in context.read_file("/boot/firmware/entrance-kiosk.txt").splitlines(),
        "watchdog": bool(context.read_file("/sys/class/watchdog/watchdog0/identity")),
    }
    missing = [name for name, found in wanted.items() if not found]
    detail = f"missing: {', '.join(missing)}" if missing else "config.txt, command line, watchdog"
    return step_result("firmware", detail, passed=not missing)


def measure_timings(context: AcceptanceContext) -> StepResult:
    """Measure boot time, start of the service and temperature."""
    show = context.run_command(
        "systemctl", "show", "kiosk", "-p", "ExecMainStartTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic"
    )
    stamps = dict(line.split("=", 1) for line in show.splitlines() if "=" in line)
    began, active = (
        int(stamps.get(f"{name}TimestampMonotonic", "0") or 0) / 1e6 for name in ("ExecMainStart", "ActiveEnter")
    )
    boot = context.run_command("systemd-analyze", "time").splitlines()[:1]
    heat = context.read_file("/sys/class/thermal/thermal_zone0/temp").strip()
    temperature = f"; {int(heat) / 1000:.0f} °C" if heat.isdecimal() else ""
    detail = f"service ready {active - began:.1f} s after its start; {boot[0] if boot else 'no boot time'}{temperature}"
    return step_result("timings", detail, passed=active > began > 0)


def check_ready(context: AcceptanceContext) -> StepResult:
    """Check that the device is ready or degraded."""
    found = context.wait_until(lambda: device_state(context) in ("ready", "degraded"), RESTART_TIMEOUT_S)
    status = context.read_status() or {"checks": []}
    not_passed = [f"{check['code']}={check['status']}" for check in status["checks"] if check["status"] != "pass"]
    detail = f"{device_state(context)}{'; ' + ', '.join(not_passed) if not_passed else ''}"
    return step_result("ready", detail, passed=found is not None)


def _scan_step(name: str) -> AcceptanceStep:
    """A step that passes if a code is decided on under the conditions that `name` describes."""

    def step(context: AcceptanceContext) -> StepResult:
        before = decision_count(context)  # before the instruction: a code that is already in view counts
        context.instruct(name)
        took_s = context.wait_until(lambda: decision_count(context) > before, SCAN_TIMEOUT_S)
        status = context.read_status()
        if took_s is None or not status or not status["recent_decisions"]:
            return StepResult(name, StepStatus.FAILED, f"no answer within {SCAN_TIMEOUT_S:.0f} s")
        camera, last = status["camera"], status["recent_decisions"][-1]
        module = "-" if camera["module_px"] is None else f"{camera['module_px']:.1f} px"
        return StepResult(
            name, StepStatus.PASSED, f"answered {last['latency_ms']:.0f} ms after the frame; module {module}"
        )

    return step


check_focus_near = _scan_step("focus-near")
check_focus_far = _scan_step("focus-far")
check_exposure_bright = _scan_step("exposure-bright")
check_exposure_dim = _scan_step("exposure-dim")


def check_lamps(context: AcceptanceContext) -> StepResult:
    """Ask whether lamps, their positions and sounds are as in docs/reference/lamps.md."""
    confirmed = context.ask("lamps")
    return step_result("lamps", passed=confirmed)


def check_covered_lens(context: AcceptanceContext) -> StepResult:
    """Check the frame quality check with the real sensor."""
    context.instruct("cover-lens")
    detected_s = context.wait_until(lambda: check_is_failing(context, "frame-quality"), COVERED_LENS_TIMEOUT_S)
    if detected_s is None:
        return StepResult("covered-lens", StepStatus.FAILED, f"not detected within {COVERED_LENS_TIMEOUT_S:.0f} s")
    context.instruct("uncover-lens")
    recovered_s = context.wait_until(lambda: not check_is_failing(context, "frame-quality"), COVERED_LENS_TIMEOUT_S)
    recovered = "never" if recovered_s is None else f"in {recovered_s:.0f} s"
    return step_result(
        "covered-lens", f"detected within {detected_s:.0f} s, recovered {recovered}", passed=recovered_s is not None
    )


def check_button_noise(context: AcceptanceContext) -> StepResult:
    """Check that the pull-ups suppress noise: without a press, no person is admitted."""
    if context.settings.gpio.admit_button is None:
        return StepResult("noise", StepStatus.PENDING, "no button is configured")
    before = decision_count(context)
    context.instruct("noise")
    false_press_s = context.wait_until(lambda: decision_count(context) > before, NOISE_TEST_S)
    if false_press_s is not None:
        return StepResult("noise", StepStatus.FAILED, f"a decision without a press after {false_press_s:.0f} s")
    return StepResult("noise", StepStatus.PASSED, f"{NOISE_TEST_S:.0f} s without a decision")


def check_button(context: AcceptanceContext) -> StepResult:
    """Check that a press of one second admits one person."""
    if context.settings.gpio.admit_button is None:
        return StepResult("button", StepStatus.PENDING, "no button is configured")
    before = decision_count(context)
    context.instruct("button")
    took_s = context.wait_until(lambda: decision_count(context) > before, SCAN_TIMEOUT_S)
    status = context.read_status()
    decisions = status["recent_decisions"] if status else []
    admitted = took_s is not None and bool(decisions) and decisions[-1]["frame_number"] == 0
    return step_result("button", "one person admitted manually" if admitted else "no person admitted", passed=admitted)


def check_relay_after_kill(context: AcceptanceContext) -> StepResult:
    """Kill the daemon with SIGKILL: all outputs are off within 5 s, and the daemon restarts."""
    before = decision_count(context)
    context.instruct("kill")
    if context.wait_until(lambda: decision_count(context) > before, SCAN_TIMEOUT_S) is None:
        return StepResult("relay-after-kill", StepStatus.PENDING, "nothing was shown to the camera")
    status = context.read_status()
    pid = status["pid"] if status else 0
    context.run_command("systemctl", "kill", "--signal=KILL", "--kill-who=main", "kiosk")
    back_s = context.wait_until(lambda: _restarted_and_ready(context, pid), RESTART_TIMEOUT_S)
    outputs_off = context.ask("outputs-off", seconds=round(OUTPUTS_OFF_TIMEOUT_S))
    if back_s is None:
        return StepResult("relay-after-kill", StepStatus.FAILED, "not restarted")
    return step_result("relay-after-kill", f"restarted after {back_s:.1f} s", passed=outputs_off)


def _restarted_and_ready(context: AcceptanceContext, pid: int) -> bool:
    status = context.read_status()
    return bool(status and status["pid"] != pid and status["state"] in ("ready", "degraded"))


def check_network(context: AcceptanceContext) -> StepResult:
    """Disconnect and reconnect the network. The daemon reconnects by itself and delivers all events."""
    strength = [
        line.split()[3].rstrip(".")
        for line in context.read_file("/proc/net/wireless").splitlines()[2:]
        if len(line.split()) > 3
    ]
    radio = f"Wi-Fi {strength[0]} dBm" if strength else "no Wi-Fi"
    status = context.read_status()
    if not status or not status["uplink"]["connected"]:
        return StepResult("network", StepStatus.FAILED, f"{radio}; not connected to the broker")
    if not context.ask("network-off"):
        return StepResult("network", StepStatus.PENDING, radio)
    lost_s = context.wait_until(lambda: not is_connected(context), 120.0)
    if lost_s is None:
        return StepResult("network", StepStatus.FAILED, f"{radio}; the loss was not noticed in 120 s")
    context.instruct("network-on")
    back_s = context.wait_until(lambda: is_connected(context) and backlog_size(context) == 0, 300.0)
    back = "not back" if back_s is None else f"all delivered after {back_s:.0f} s"
    return step_result("network", f"{radio}; lost {lost_s:.0f} s, {back}", passed=back_s is not None)


STEPS: tuple[tuple[str, AcceptanceStep], ...] = (
    ("board", check_board),
    ("firmware", check_firmware),
    ("ready", check_ready),
    ("timings", measure_timings),
    ("focus-near", check_focus_near),
    ("focus-far", check_focus_far),
    ("exposure-bright", check_exposure_bright),
    ("exposure-dim", check_exposure_dim),
    ("lamps", check_lamps),
    ("covered-lens", check_covered_lens),
    ("noise", check_button_noise),
    ("button", check_button),
    ("relay-after-kill", check_relay_after_kill),
    ("network", check_network),
)
