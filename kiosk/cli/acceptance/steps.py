"""What only a real Pi can show, as steps: what the owner does, what the kiosk sees of it by itself, what it asks.

Each step is a function from a bench (the world: status file, files, commands, an owner who answers) to a finding. Nothing in a
finding tells who passed: counts, times, light and pixel measures, names of hardware.
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
    """Vendor kernel and model."""
    model = context.read_file("/proc/device-tree/model").strip("\0\n")
    kernel = context.run_command("uname", "-rm").strip()
    system = next(
        (line[13:-1] for line in context.read_file("/etc/os-release").splitlines() if line.startswith("PRETTY_NAME=")),
        "?",
    )
    real = model.startswith("Raspberry Pi")
    return step_result("board", f"{model or 'no Raspberry Pi'}; {kernel}; {system}", passed=real)


def check_firmware(context: AcceptanceContext) -> StepResult:
    """Our lines reached the vendor's firmware and kernel."""
    config_txt = context.read_file("/boot/firmware/config.txt")
    wanted = {
        "include entrance-kiosk.txt": "include entrance-kiosk.txt" in config_txt.splitlines(),
        "persist_gpio_outputs=n": "pinctrl_bcm2835.persist_gpio_outputs=n"
        in context.read_file("/proc/cmdline").split(),
        "dtparam=strict_gpiod": "dtparam=strict_gpiod"
        in context.read_file("/boot/firmware/entrance-kiosk.txt").splitlines(),
        "watchdog": bool(context.read_file("/sys/class/watchdog/watchdog0/identity")),
    }
    missing = [name for name, there in wanted.items() if not there]
    said = f"missing: {', '.join(missing)}" if missing else "config.txt, command line, watchdog"
    return step_result("firmware", said, passed=not missing)


def measure_timings(context: AcceptanceContext) -> StepResult:
    """Real timings: power-on, start of the service, load, temperature."""
    show = context.run_command(
        "systemctl", "show", "kiosk", "-p", "ExecMainStartTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic"
    )
    stamps = dict(line.split("=", 1) for line in show.splitlines() if "=" in line)
    began, active = (
        int(stamps.get(f"{name}TimestampMonotonic", "0") or 0) / 1e6 for name in ("ExecMainStart", "ActiveEnter")
    )
    boot = context.run_command("systemd-analyze", "time").splitlines()[:1]
    heat = context.read_file("/sys/class/thermal/thermal_zone0/temp").strip()
    warm = f"; {int(heat) / 1000:.0f} °C" if heat.isdecimal() else ""
    said = f"service ready {active - began:.1f} s after its start; {boot[0] if boot else 'no boot time'}{warm}"
    return step_result("timings", said, passed=active > began > 0)


def check_ready(context: AcceptanceContext) -> StepResult:
    """The self-check is content."""
    found = context.wait_until(lambda: device_state(context) in ("ready", "degraded"), RESTART_TIMEOUT_S)
    status = context.read_status() or {"checks": []}
    bad = [f"{check['code']}={check['status']}" for check in status["checks"] if check["status"] != "pass"]
    said = f"{device_state(context)}{'; ' + ', '.join(bad) if bad else ''}"
    return step_result("ready", said, passed=found is not None)


def _scan_step(name: str) -> AcceptanceStep:
    """Focus and exposure: a code under some conditions is answered."""

    def step(bench: AcceptanceContext) -> StepResult:
        before = decision_count(bench)  # before the owner is told: who holds the code up already is the one
        bench.instruct(name)
        took_s = bench.wait_until(lambda: decision_count(bench) > before, SCAN_TIMEOUT_S)
        status = bench.read_status()
        if took_s is None or not status or not status["recent_decisions"]:
            return StepResult(name, StepStatus.FAILED, f"no answer within {SCAN_TIMEOUT_S:.0f} s")
        camera, last = status["camera"], status["recent_decisions"][-1]
        module = "-" if camera["module_px"] is None else f"{camera['module_px']:.1f} px"
        return StepResult(
            name, StepStatus.PASSED, f"answered {last['latency_ms']:.0f} ms after the picture; module {module}"
        )

    return step


check_focus_near = _scan_step("focus-near")
check_focus_far = _scan_step("focus-far")
check_exposure_bright = _scan_step("exposure-bright")
check_exposure_dim = _scan_step("exposure-dim")


def check_lamps(context: AcceptanceContext) -> StepResult:
    """Lamp, place and sound as in docs/reference/lamps.md."""
    met = context.ask("lamps")
    return step_result("lamps", passed=met)


def check_covered_lens(context: AcceptanceContext) -> StepResult:
    """The view is judged on the real sensor."""
    context.instruct("cover-lens")
    told_s = context.wait_until(lambda: check_is_failing(context, "frame-quality"), COVERED_LENS_TIMEOUT_S)
    if told_s is None:
        return StepResult("covered-lens", StepStatus.FAILED, f"not told within {COVERED_LENS_TIMEOUT_S:.0f} s")
    context.instruct("uncover-lens")
    healed_s = context.wait_until(lambda: not check_is_failing(context, "frame-quality"), COVERED_LENS_TIMEOUT_S)
    healed = "never" if healed_s is None else f"in {healed_s:.0f} s"
    return step_result("covered-lens", f"told within {told_s:.0f} s, healed {healed}", passed=healed_s is not None)


def check_button_noise(context: AcceptanceContext) -> StepResult:
    """Pull-ups hold against noise: nobody touches the button, and nobody is admitted."""
    if context.settings.gpio.admit_button is None:
        return StepResult("noise", StepStatus.PENDING, "no button is configured")
    before = decision_count(context)
    context.instruct("noise")
    ghost_s = context.wait_until(lambda: decision_count(context) > before, NOISE_TEST_S)
    if ghost_s is not None:
        return StepResult("noise", StepStatus.FAILED, f"an answer to nobody after {ghost_s:.0f} s")
    return StepResult("noise", StepStatus.PASSED, f"{NOISE_TEST_S:.0f} s without an answer to nobody")


def check_button(context: AcceptanceContext) -> StepResult:
    """A press of a second admits one person."""
    if context.settings.gpio.admit_button is None:
        return StepResult("button", StepStatus.PENDING, "no button is configured")
    before = decision_count(context)
    context.instruct("button")
    took_s = context.wait_until(lambda: decision_count(context) > before, SCAN_TIMEOUT_S)
    status = context.read_status()
    decisions = status["recent_decisions"] if status else []
    by_hand = took_s is not None and bool(decisions) and decisions[-1]["frame_number"] == 0
    return step_result("button", "one admitted by hand" if by_hand else "nobody admitted", passed=by_hand)


def check_relay_after_kill(context: AcceptanceContext) -> StepResult:
    """kill -9 of the daemon: everything is off within 5 s, and it comes back."""
    before = decision_count(context)
    context.instruct("kill")
    if context.wait_until(lambda: decision_count(context) > before, SCAN_TIMEOUT_S) is None:
        return StepResult("relay-after-kill", StepStatus.PENDING, "nothing was shown to the camera")
    status = context.read_status()
    pid = status["pid"] if status else 0
    context.run_command("systemctl", "kill", "--signal=KILL", "--kill-who=main", "kiosk")
    back_s = context.wait_until(lambda: _restarted_and_ready(context, pid), RESTART_TIMEOUT_S)
    fell = context.ask("outputs-off", seconds=round(OUTPUTS_OFF_TIMEOUT_S))
    if back_s is None:
        return StepResult("relay-after-kill", StepStatus.FAILED, "never back")
    return step_result("relay-after-kill", f"back after {back_s:.1f} s", passed=fell)


def _restarted_and_ready(context: AcceptanceContext, pid: int) -> bool:
    status = context.read_status()
    return bool(status and status["pid"] != pid and status["state"] in ("ready", "degraded"))


def check_network(context: AcceptanceContext) -> StepResult:
    """Wi-Fi: away and back by itself, nothing missing after it."""
    strength = [
        line.split()[3].rstrip(".")
        for line in context.read_file("/proc/net/wireless").splitlines()[2:]
        if len(line.split()) > 3
    ]
    radio = f"Wi-Fi {strength[0]} dBm" if strength else "no Wi-Fi"
    status = context.read_status()
    if not status or not status["uplink"]["connected"]:
        return StepResult("network", StepStatus.FAILED, f"{radio}; no way to the centre now")
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
