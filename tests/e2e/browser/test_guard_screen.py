"""The guard's screen on every phone: no text is cut off or covered, in any state, for any answer, in both languages."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.core.model import DeviceState, Outcome, Reason
from kiosk.core.status import CheckStatus, HealthCheck, RecentDecision, StatusSnapshot, UndoStatus
from kiosk.system.messages import check_message
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import NO_BROKER, NO_PICTURE, a_status, answers, publish
from tests.fakes.parts.web_accounts import staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page, faults
from tests.fakes.processes.web_process import served

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

SIZES = ((320, 568), (360, 640), (640, 360), (768, 1024), (1280, 800), (1920, 1080), (3840, 2160))
PAUSED = HealthCheck("paused", CheckStatus.FAIL)
FULL_DISK = HealthCheck("storage", CheckStatus.FAIL, reason="full")
LONG_START = HealthCheck("start", CheckStatus.FAIL, reason="failed", detail="x" * 40 + " no such file " * 6)
CUT_OFF = """() => {
    const found = [], outside = (box, room) => box.top < room.top - 1 || box.bottom > room.bottom + 1
        || box.left < room.left - 1 || box.right > room.right + 1;
    const room = document.querySelector('main').getBoundingClientRect();
    const show = document.querySelector('.show');
    if (show.scrollHeight > show.clientHeight + 1 || show.scrollWidth > show.clientWidth + 1) { found.push('scrolls'); }
    for (const each of show.children) {
        if (outside(each.getBoundingClientRect(), room)) { found.push(each.className.baseVal ?? each.className); }
        if (each.scrollWidth > each.clientWidth + 1 && each.clientWidth) { found.push('wide ' + each.className); }
    }
    const view = {top: 0, left: 0, bottom: innerHeight, right: innerWidth};
    for (const each of document.querySelectorAll('.bar a, .bar summary, .bar p, .recent li')) {
        const box = each.getBoundingClientRect();
        if (box.width && outside(box, view)) { found.push('outside: ' + each.textContent); }
        if (box.width && each.scrollWidth > each.clientWidth + 1) { found.push('cut: ' + each.textContent); }
    }
    if (document.documentElement.scrollHeight > innerHeight) { found.push('page scrolls'); }
    return found;
}"""


def longest_decisions(language: str) -> list[RecentDecision]:
    """An answer of each outcome, and those with the longest sentences."""
    t = translator(language)

    def length(reason: Reason) -> int:
        hint = f"reason-guard.{reason}"
        return len(t(f"reason.{reason}")) + (len(t(hint)) if t.has(hint) else 0)

    base = answers(datetime.now(UTC), 0.0)[-1]
    found = [
        dataclasses.replace(base, outcome=outcome.value, reason=reason.value, direction=direction)
        for outcome, direction in ((Outcome.FAIL, None), (Outcome.CHECK_AGAIN, "in"))
        for reason in sorted(Reason, key=length, reverse=True)[:4]
    ]
    return [base, dataclasses.replace(base, direction="out"), *found]


def situations(language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and changes of a status."""
    undo = UndoStatus(48213, datetime.now(UTC).isoformat(), "in", "ok", "insurance", 25.0)
    yield "ready", {"undo": undo}
    yield "starting", {"state": DeviceState.STARTING}
    yield "degraded", {"state": DeviceState.DEGRADED, "undo": undo, "checks": (NO_BROKER,)}
    for check in (PAUSED, FULL_DISK, NO_PICTURE, LONG_START):
        yield f"{check.code} {check.reason}", {"state": DeviceState.OUT_OF_ORDER, "checks": (check,)}
    for decision in longest_decisions(language):
        name = f"{decision.outcome} {decision.reason} {decision.direction}"
        yield name, {"undo": undo, "recent_decisions": (*answers(datetime.now(UTC), 8.0), decision)}


def status(changes: dict[str, Any]) -> StatusSnapshot:
    """The answer of the changes has its time in the future by a second, so that it is shown for four."""
    now = datetime.now(UTC)
    decisions = changes.get("recent_decisions")
    if decisions:
        newest = dataclasses.replace(decisions[-1], at=now.isoformat(), number=4711)
        changes = {**changes, "recent_decisions": (*decisions[:-1], newest)}
    return a_status(
        changes.get("state", DeviceState.READY), now=now, **{k: v for k, v in changes.items() if k != "state"}
    )


def opened(page: Page, url: str, run_dir: Path, changes: dict[str, Any], language: str) -> None:
    """The screen without live updates, so that it stays as it is."""
    publish(run_dir, status(changes))
    page.goto(f"{url}guard?lang={language}")


@pytest.mark.parametrize("language", languages())
def test_no_text_is_cut_off_in_any_situation_on_any_screen(chromium: Browser, tmp_path: Path, language: str) -> None:
    cut: list[str] = []
    publish(tmp_path, a_status())
    with (
        served("--run-dir", tmp_path, "--state-dir", staff(tmp_path / "state")) as (url, _),
        chromium.new_context(java_script_enabled=True) as context,
    ):
        context.route("**/static/live*.js", lambda route: route.fulfill(status=404))
        page = context.new_page()
        for name, changes in situations(language):
            opened(page, url, tmp_path, changes, language)
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                cut += [f"{name} {width}x{height}: {found}" for found in page.evaluate(CUT_OFF)]
    assert cut == []


def test_a_pause_says_paused_and_what_to_do_and_never_broken(chromium: Browser, tmp_path: Path) -> None:
    with served("--run-dir", tmp_path) as (url, _), chromium.new_context() as context:
        page = context.new_page()
        for language in languages():
            t = translator(language)
            opened(page, url, tmp_path, {"state": DeviceState.OUT_OF_ORDER, "checks": (PAUSED,)}, language)
            text = page.locator("main").inner_text()
            assert t("state.paused") in text
            assert t("state.out-of-order") not in text
            assert text.count(t("guard.paper-list")) == 1
            assert faults(page) == ""


def test_degraded_names_what_is_wrong_and_the_menu_holds_the_rest(chromium: Browser, tmp_path: Path) -> None:
    with (
        served("--run-dir", tmp_path, "--state-dir", staff(tmp_path / "state")) as (url, _),
        chromium.new_context(viewport={"width": 360, "height": 640}) as context,
    ):
        page = context.new_page()
        opened(page, url, tmp_path, {"state": DeviceState.DEGRADED}, "en")
        assert check_message(translator("en"), NO_BROKER) in page.locator("main").inner_text()
        assert not page.get_by_role("link", name="Details").is_visible()
        page.locator(".menu summary").press("Enter")
        assert page.get_by_role("link", name="Details").is_visible()
        assert page.get_by_role("button", name="Sound").is_visible()
        assert faults(page) == ""
