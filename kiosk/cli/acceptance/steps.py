"""What only a real Pi can show, as steps: what the owner does, what the kiosk sees of it by itself, what it asks.

Each step is a function from a bench (the world: status file, files, commands, an owner who answers) to a finding. Nothing in a
finding tells who passed: counts, times, light and pixel measures, names of hardware.
"""

from kiosk.cli.acceptance.context import (
    Bench,
    Finding,
    Step,
    Verdict,
    answers,
    connected,
    has_fact,
    judged,
    outbox,
    state,
)

SEEN_WITHIN_S = 60.0
DARK_WITHIN_S = 20.0
BACK_WITHIN_S = 60.0
QUIET_S = 60.0
FALLS_WITHIN_S = 5.0


def board(context: Bench) -> Finding:
    """Vendor kernel and model."""
    model = context.read("/proc/device-tree/model").strip("\0\n")
    kernel = context.run("uname", "-rm").strip()
    system = next(
        (line[13:-1] for line in context.read("/etc/os-release").splitlines() if line.startswith("PRETTY_NAME=")), "?"
    )
    real = model.startswith("Raspberry Pi")
    return judged("board", f"{model or 'no Raspberry Pi'}; {kernel}; {system}", passed=real)


def firmware(context: Bench) -> Finding:
    """Our lines reached the vendor's firmware and kernel."""
    config_txt = context.read("/boot/firmware/config.txt")
    wanted = {
        "include entrance-kiosk.txt": "include entrance-kiosk.txt" in config_txt.splitlines(),
        "persist_gpio_outputs=n": "pinctrl_bcm2835.persist_gpio_outputs=n" in context.read("/proc/cmdline").split(),
        "dtparam=strict_gpiod": "dtparam=strict_gpiod" in context.read("/boot/firmware/entrance-kiosk.txt").splitlines(),
        "watchdog": bool(context.read("/sys/class/watchdog/watchdog0/identity")),
    }
    missing = [name for name, there in wanted.items() if not there]
    said = f"missing: {', '.join(missing)}" if missing else "config.txt, command line, watchdog"
    return judged("firmware", said, passed=not missing)


def timings(context: Bench) -> Finding:
    """Real timings: power-on, start of the service, load, temperature."""
    show = context.run(
        "systemctl", "show", "kiosk", "-p", "ExecMainStartTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic"
    )
    stamps = dict(line.split("=", 1) for line in show.splitlines() if "=" in line)
    began, active = (
        int(stamps.get(f"{name}TimestampMonotonic", "0") or 0) / 1e6 for name in ("ExecMainStart", "ActiveEnter")
    )
    boot = context.run("systemd-analyze", "time").splitlines()[:1]
    heat = context.read("/sys/class/thermal/thermal_zone0/temp").strip()
    warm = f"; {int(heat) / 1000:.0f} °C" if heat.isdecimal() else ""
    said = f"service ready {active - began:.1f} s after its start; {boot[0] if boot else 'no boot time'}{warm}"
    return judged("timings", said, passed=active > began > 0)


def kiosk_is_ready(context: Bench) -> Finding:
    """The self-check is content."""
    found = context.until(lambda: state(context) in ("ready", "degraded"), BACK_WITHIN_S)
    status = context.status() or {"facts": []}
    bad = [f"{fact['name']}={fact['grade']}" for fact in status["facts"] if fact["grade"] != "ok"]
    said = f"{state(context)}{'; ' + ', '.join(bad) if bad else ''}"
    return judged("ready", said, passed=found is not None)


def _reads(name: str, vi: str, en: str) -> Step:
    """Focus and exposure: a code under some conditions is answered."""

    def step(bench: Bench) -> Finding:
        before = answers(bench)  # before the owner is told: who holds the code up already is the one
        bench.tell(vi, en)
        took_s = bench.until(lambda: answers(bench) > before, SEEN_WITHIN_S)
        status = bench.status()
        if took_s is None or not status or not status["shown"]:
            return Finding(name, Verdict.NOT_MET, f"no answer within {SEEN_WITHIN_S:.0f} s")
        camera, last = status["camera"], status["shown"][-1]
        module = "-" if camera["module_px"] is None else f"{camera['module_px']:.1f} px"
        return Finding(name, Verdict.MET, f"answered {last['took_ms']:.0f} ms after the picture; module {module}")

    return step


near = _reads(
    "focus-near", "Đưa mã trên điện thoại trước camera, cách 10 cm.", "Hold a code on a phone 10 cm from the camera."
)
far = _reads(
    "focus-far",
    "Đưa một mã khác (hoặc mã cũ sau mười giây), cách 40 cm.",
    "Hold another code (or that one after ten seconds) 40 cm away.",
)
bright = _reads(
    "exposure-bright",
    "Vặn điện thoại sáng hết mức, hoặc đứng ngược nắng, rồi đưa một mã khác.",
    "Turn the phone as bright as it goes, or stand against the sun, and hold up another code.",
)
dim = _reads(
    "exposure-dim",
    "Tắt đèn tại cổng (hoặc che bớt sáng), đưa một mã in trên giấy.",
    "Switch the light at the gate off (or shade it), and hold up a code on paper.",
)


def lamps(context: Bench) -> Finding:
    """Lamp, place and sound as in docs/reference/lamps.md."""
    met = context.ask(
        "Ở các lần vừa rồi: đúng đèn, đúng vị trí (xanh bên phải, đỏ bên trái), còi kêu rõ?",
        "In what you just saw: the right lamps, in their places (green right, red left), the buzzer loud enough?",
    )
    return judged("lamps", passed=met)


def covered_lens(context: Bench) -> Finding:
    """The view is judged on the real sensor."""
    context.tell("Lấy tay che kín ống kính và giữ nguyên.", "Cover the lens with your hand and keep it there.")
    told_s = context.until(lambda: has_fact(context, "view"), DARK_WITHIN_S)
    if told_s is None:
        return Finding("covered-lens", Verdict.NOT_MET, f"not told within {DARK_WITHIN_S:.0f} s")
    context.tell("Bỏ tay ra.", "Take the hand away.")
    healed_s = context.until(lambda: not has_fact(context, "view"), DARK_WITHIN_S)
    healed = "never" if healed_s is None else f"in {healed_s:.0f} s"
    return judged("covered-lens", f"told within {told_s:.0f} s, healed {healed}", passed=healed_s is not None)


def noise(context: Bench) -> Finding:
    """Pull-ups hold against noise: nobody touches the button, and nobody is admitted."""
    if context.settings.signal.admit_button is None:
        return Finding("noise", Verdict.OPEN, "no button is configured")
    before = answers(context)
    context.tell(
        "Không chạm nút; bật tắt đèn và quạt gần đó trong một phút. Không ai đứng trước camera.",
        "Leave the button alone; switch lamps and fans nearby on and off for a minute. Nobody stands before the camera.",
    )
    ghost_s = context.until(lambda: answers(context) > before, QUIET_S)
    if ghost_s is not None:
        return Finding("noise", Verdict.NOT_MET, f"an answer to nobody after {ghost_s:.0f} s")
    return Finding("noise", Verdict.MET, f"{QUIET_S:.0f} s without an answer to nobody")


def button(context: Bench) -> Finding:
    """A press of a second admits one person."""
    if context.settings.signal.admit_button is None:
        return Finding("button", Verdict.OPEN, "no button is configured")
    before = answers(context)
    context.tell("Nhấn giữ nút trong một giây.", "Hold the button for a second.")
    took_s = context.until(lambda: answers(context) > before, SEEN_WITHIN_S)
    status = context.status()
    by_hand = took_s is not None and bool(status and status["shown"] and status["shown"][-1]["frame"] == 0)
    return judged("button", "one admitted by hand" if by_hand else "nobody admitted", passed=by_hand)


def relay_after_a_kill(context: Bench) -> Finding:
    """kill -9 of the daemon: everything is off within 5 s, and it comes back."""
    before = answers(context)
    context.tell(
        "Đưa một mã hợp lệ; ngay khi đèn sáng, chương trình sẽ bị ngắt. Hãy nhìn đèn và rơ-le.",
        "Hold up a valid code; as the lamp lights the program is killed. Watch lamps and relay.",
    )
    if context.until(lambda: answers(context) > before, SEEN_WITHIN_S) is None:
        return Finding("relay-after-a-kill", Verdict.OPEN, "nothing was shown to the camera")
    status = context.status()
    pid = status["pid"] if status else 0
    context.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "kiosk")
    back_s = context.until(lambda: _another_ready(context, pid), BACK_WITHIN_S)
    fell = context.ask(
        f"Đèn, còi và rơ-le có tắt trong vòng {FALLS_WITHIN_S:.0f} giây sau khi bị ngắt?",
        f"Were lamps, buzzer and relay off within {FALLS_WITHIN_S:.0f} s after the kill?",
    )
    if back_s is None:
        return Finding("relay-after-a-kill", Verdict.NOT_MET, "never back")
    return judged("relay-after-a-kill", f"back after {back_s:.1f} s", passed=fell)


def _another_ready(context: Bench, pid: int) -> bool:
    status = context.status()
    return bool(status and status["pid"] != pid and status["state"] in ("ready", "degraded"))


def network(context: Bench) -> Finding:
    """Wi-Fi: away and back by itself, nothing missing after it."""
    strength = [
        line.split()[3].rstrip(".")
        for line in context.read("/proc/net/wireless").splitlines()[2:]
        if len(line.split()) > 3
    ]
    radio = f"Wi-Fi {strength[0]} dBm" if strength else "no Wi-Fi"
    status = context.status()
    if not status or not status["uplink"]["connected"]:
        return Finding("network", Verdict.NOT_MET, f"{radio}; no way to the centre now")
    if not context.ask(
        "Tắt bộ phát Wi-Fi (hoặc rút dây mạng) ngay bây giờ. Đã tắt chưa?",
        "Switch the access point off (or pull the cable) now. Done?",
    ):
        return Finding("network", Verdict.OPEN, radio)
    lost_s = context.until(lambda: not connected(context), 120.0)
    if lost_s is None:
        return Finding("network", Verdict.NOT_MET, f"{radio}; the loss was not noticed in 120 s")
    context.tell("Đưa một mã trước camera, rồi bật mạng lại.", "Hold a code up, then switch the network on again.")
    back_s = context.until(lambda: connected(context) and outbox(context) == 0, 300.0)
    back = "not back" if back_s is None else f"all delivered after {back_s:.0f} s"
    return judged("network", f"{radio}; lost {lost_s:.0f} s, {back}", passed=back_s is not None)


STEPS: tuple[tuple[str, Step], ...] = (
    ("board", board), ("firmware", firmware), ("ready", kiosk_is_ready), ("timings", timings),
    ("focus-near", near), ("focus-far", far), ("exposure-bright", bright), ("exposure-dim", dim), ("lamps", lamps),
    ("covered-lens", covered_lens), ("noise", noise), ("button", button), ("relay-after-a-kill", relay_after_a_kill),
    ("network", network),
)  # fmt: skip
