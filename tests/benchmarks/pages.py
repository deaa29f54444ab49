"""Web UI: page weight, time to the first state, cost of fifty browsers, time from decision to pixels and to sound."""

import dataclasses
import socket
import statistics
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from kiosk.core.model import DeviceState
from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.simulation.visitors import fast_timing
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.status_snapshots import a_status, answers, publish
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser
from tests.fakes.processes.web_process import served

BROWSERS = 50
THROTTLE = 6
ANSWERS = 13  # decisions in one round of the scenario, so that both measurements have the same people
MEGABYTE = 1_000_000
PAGES = (("status page", ""), ("guard's screen", "guard"), ("screen for people", "welcome"), ("report", "report"))

# Resolves when the guard screen shows the decision with this number and the compositor has a frame with it.
PIXELS_OF = """(number, part) => new Promise(done => {
  const screen = document.getElementById(part);
  const look = () => {
    if (screen.querySelector("[data-number]").dataset.number !== String(number)) { return; }
    watch.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.timeOrigin + performance.now())));
  };
  const watch = new MutationObserver(look);
  watch.observe(screen, { childList: true });
  look();
})"""


@contextmanager
def publishing(run_dir: Path) -> Iterator[None]:
    """Publish a status once a second, as a daemon does."""
    stop = threading.Event()

    def publish_repeatedly() -> None:
        while not stop.wait(1.0):
            publish(run_dir, a_status())

    publish(run_dir, a_status())
    thread = threading.Thread(target=publish_repeatedly)
    thread.start()
    yield
    stop.set()
    thread.join()


def weight(browser: Browser, url: str) -> int:
    """Bytes of all resources of a page, without headers and event stream."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url, wait_until="load")
        return int(
            page.evaluate(
                "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                ".filter(entry => !entry.name.includes('/live/')).reduce((sum, entry) => sum + entry.decodedBodySize, 0)"
            )
        )


def first_state_ms(browser: Browser, url: str, rounds: int) -> float:
    """Median time from the start of navigation to the first contentful paint, with a throttled processor."""
    found: list[float] = []
    for _ in range(rounds):
        with browser.new_context() as context:
            page = context.new_page()
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
            page.goto(url, wait_until="load")
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            found.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    return statistics.median(found)


def pixels_ms(browser: Browser, url: str, run_dir: Path, *, rounds: int, part: str = "screen") -> list[float]:
    """Times from the publication of a decision to its pixels on the guard's screen, or in the part of another page."""
    found = []
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector(f"#{part} [data-number]")
        for number in range(rounds + 1):
            now = datetime.now(UTC)
            decisions = (dataclasses.replace(answers(now, 0.0)[-1], number=1000 + number),)
            snapshot = a_status(DeviceState.READY, now=now, recent_decisions=decisions)
            page.evaluate(f"window.seen = ({PIXELS_OF})({1000 + number}, {part!r}); 0")
            published_ms = datetime.now(UTC).timestamp() * 1000
            publish(run_dir, snapshot)
            taken_ms = float(page.evaluate("window.seen")) - published_ms
            if number:  # the first one also waits for the connection
                found.append(taken_ms)
    return found


def follow(stack: ExitStack, url: str, number: int) -> socket.socket | None:
    """An event stream from a separate loopback address. None if the server has no free place for it yet."""
    where = urlsplit(url)
    assert where.hostname
    stream = stack.enter_context(
        socket.create_connection((where.hostname, where.port or 80), source_address=(f"127.0.1.{number + 1}", 0))
    )
    stream.settimeout(10)
    stream.sendall(f"GET /live/status/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return stream if stream.recv(4096).startswith(b"HTTP/1.1 200") else None


def fifty(run_dir: Path, seconds: int) -> tuple[float, float, float]:
    """Web process: resident MB alone, resident MB with fifty event streams, CPU % of one core meanwhile."""
    with served("--run-dir", run_dir) as (url, process), ExitStack() as stack:
        first = follow(stack, url, 0)
        alone = resident_mb(process.pid)
        streams = [each for each in (first, *(follow(stack, url, number) for number in range(1, BROWSERS))) if each]
        assert len(streams) == BROWSERS
        before_s, begun = cpu_s(process.pid), datetime.now(UTC)
        for _ in range(seconds):
            for stream in streams:
                assert stream.recv(65536)
        spent_s = (datetime.now(UTC) - begun).total_seconds()
        return alone, resident_mb(process.pid), 100 * (cpu_s(process.pid) - before_s) / spent_s


def resident_mb(pid: int) -> float:
    """VmRSS in megabytes."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) * 1024 / MEGABYTE


def cpu_s(pid: int) -> float:
    """User and system time so far (proc(5): fields 14 and 15, in ticks of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def scanning_ms(rounds: int, answers_each: int) -> tuple[list[float], list[float]]:
    """Times from frame to lamp in the real daemon: (without, with fifty event streams), in turns of the same run."""
    taken: tuple[list[float], list[float]] = ([], [])
    with (
        temporary_sandbox() as sandbox,
        Demo(sandbox, fast_timing(30.0), loop=True, window_s=1.0) as demo,
    ):
        for number in range(2 * rounds):
            crowded = number % 4 in {1, 2}  # without, with, with, without: a slow drift of the machine affects both
            with ExitStack() as stack:
                for each in range(BROWSERS if crowded else 0):
                    while follow(stack, demo.page_url, each) is None:
                        demo.poll()  # places of the previous round are free after some seconds
                seen = _numbers(demo)
                while len(fresh := _numbers(demo).keys() - seen.keys()) < answers_each:
                    demo.poll()
                found = _numbers(demo)
                taken[crowded].extend(found[one] for one in fresh)
    return taken


def _numbers(demo: Demo) -> dict[int, float]:
    """Number of each recent decision -> its latency, ms."""
    found = demo.read_status()
    return (
        {decision["number"]: float(decision["latency_ms"]) for decision in found["recent_decisions"]} if found else {}
    )


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _watched(run_dir: Path, *, quick: bool) -> list[Row]:
    """Cost of many browsers for the web process."""
    alone, crowded, busy = fifty(run_dir, 10 if quick else 30)
    return [
        Row("web process alone, resident", round(alone, 1), "MB"),
        goal_row(f"web process with {BROWSERS} browsers, resident", round(crowded, 1), "MB", "<= 80"),
        Row(f"web process with {BROWSERS} browsers, CPU", round(busy, 1), "% of one core"),
    ]


def _scanned(*, quick: bool) -> list[Row]:
    """Effect of many browsers on the latency at the gate."""
    quiet, followed = scanning_ms(1 if quick else 4, ANSWERS)
    rows = [Row("frame to lamp, no browser, p95", round(_p95(quiet), 1), "ms")]
    for name, of in (("p95", _p95), ("median", statistics.median)):
        ours, peer = of(followed), of(quiet)
        what = f"frame to lamp, {BROWSERS} browsers, {name}"
        rows.append(Row(what, round(ours, 1), "ms", round(peer, 1), round(ours / peer, 2)))
    return rows


def _first_looks(run_dir: Path, *, quick: bool) -> list[Row]:
    """Weight and time to the first state of each page in a real browser."""
    rows = []
    with browsers.chromium() as browser, served("--run-dir", run_dir) as (url, _):
        for name, path in PAGES:
            rows.append(goal_row(f"{name}, weight with its font", weight(browser, url + path) / 1000, "kB", "<= 140"))
            taken = first_state_ms(browser, url + path, 3 if quick else 9)
            rows.append(goal_row(f"{name}, first state, CPU / {THROTTLE}", round(taken), "ms", "<= 1000"))
    return rows


def _to_pixels(run_dir: Path, *, quick: bool) -> list[Row]:
    """Time from decision to pixels in a real browser."""
    with browsers.chromium() as browser, served("--run-dir", run_dir) as (url, _):
        rows = []
        for name, path, part in (("guard's screen", "guard", "screen"), ("screen for people", "welcome", "citizen")):
            publish(run_dir, a_status())
            found = sorted(pixels_ms(browser, url + path, run_dir, rounds=20 if quick else 100, part=part))
            rows += [
                Row(f"decision to pixels, {name}, median", round(statistics.median(found)), "ms"),
                goal_row(f"decision to pixels, {name}, p95", round(_p95(found)), "ms", "<= 200"),
            ]
    return rows


def _spoken(*, quick: bool) -> list[Row]:
    """Time from decision to sound, and memory."""
    from tests.benchmarks.parts.spoken_answers import measure_speech

    found = measure_speech(20 if quick else 60)
    return [
        Row("decision to the first samples at aplay, median", round(statistics.median(found.to_sound_ms)), "ms"),
        goal_row("decision to the first samples at aplay, p95", round(_p95(found.to_sound_ms)), "ms", "<= 250"),
        Row("speaking process, proportional memory", round(found.speaker_mb, 1), "MB", "the daemon has no part in it"),
    ]


def run(quick: bool) -> list[Row]:  # signature of all benchmarks
    """All rows. Without a browser, one row says that the browser rows were not measured."""
    with TemporaryDirectory() as folder:
        run_dir = Path(folder)
        with publishing(run_dir):
            rows = _watched(run_dir, quick=quick) + _scanned(quick=quick) + _spoken(quick=quick)
            if browsers.missing():
                return [*rows, Row("in a browser", "not measured", reference=browsers.missing())]
            rows += _first_looks(run_dir, quick=quick)
        return rows + _to_pixels(run_dir, quick=quick)
