"""No text is cut off, covered or wider than its place: every page, on every screen, in both languages.

The guard's screen has a test of its own with all its states. Everyday runs take three screens in Vietnamese.
`CUT_OFF_SIZES=all` takes all.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docs._generate.images.admin_screenshots import prepare_site
from kiosk.app.command_handlers import preview_as_json
from kiosk.core.frame import Frame
from kiosk.core.model import DeviceState
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.system.translations import languages
from tests.fakes.data.qr_images import code_picture
from tests.fakes.data.status_snapshots import BAD, a_status, answers, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page
from tests.fakes.processes.web_process import served

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

ALL_SIZES = ((320, 568), (360, 640), (640, 360), (768, 1024), (1280, 800), (1920, 1080), (3840, 2160))
ALL = os.environ.get("CUT_OFF_SIZES") == "all"
SIZES = ALL_SIZES if ALL else (ALL_SIZES[0], ALL_SIZES[3], ALL_SIZES[5])
LANGUAGES = languages() if ALL else ("vi",)
"""The words of Vietnamese are the longer ones on most pages."""
OPEN_PAGES = ("", "report", "welcome", "login?role=guard", "login?role=admin", "setup", "nowhere")
ADMIN_PAGES = (
    "", "/events", "/quarantine", "/aiming", "/log?level=info", "/configuration", "/guards", "/audit?show=all",
)  # fmt: skip
CUT_OFF = """() => {
  const found = [], page = document.documentElement;
  if (page.scrollWidth > page.clientWidth + 1) { found.push('the page scrolls sideways: ' + page.scrollWidth); }
  const name = each => each.tagName.toLowerCase() + ' "' + each.textContent.trim().slice(0, 40) + '"';
  const texts = [...document.querySelectorAll('body *')].filter(each => !['SCRIPT', 'OPTION', 'TITLE'].includes(each.tagName)
    && !each.closest('svg, .unseen, .skip, [hidden], .scroll, details:not([open]) > :not(summary)')
    && [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
  const boxes = [];
  for (const each of texts) {
    const style = getComputedStyle(each), box = each.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === 'hidden') { continue; }
    if (style.display !== 'inline' && style.overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1)
      { found.push('cut ' + name(each)); }
    if (style.display !== 'inline' && style.overflowY === 'hidden' && each.scrollHeight > each.clientHeight + 2)
      { found.push('cut below ' + name(each)); }
    if (box.left < -1 || box.right > page.clientWidth + 1) { found.push('outside ' + name(each)); }
    const range = document.createRange();
    for (const node of each.childNodes) {
      if (node.nodeType !== 3 || !node.textContent.trim()) { continue; }
      range.selectNodeContents(node);
      for (const line of range.getClientRects()) { if (line.width > 1) { boxes.push([each, line]); } }
    }
  }
  boxes.sort((one, other) => one[1].top - other[1].top);
  boxes.forEach(([each, box], place) => {
    for (let next = place + 1; next < boxes.length && boxes[next][1].top < box.bottom; next++) {
      const [other, beside] = boxes[next];
      const wide = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
      const high = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
      if (other !== each && wide > 2 && high > 0.4 * Math.min(box.height, beside.height))
        { found.push('over each other ' + name(each) + ' and ' + name(other)); }
    }
  });
  return found;
}"""


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A kiosk with a day of people, returned records, a log and accounts."""
    run_dir = tmp_path_factory.mktemp("cut-off")
    path = prepare_site(run_dir)
    publish(run_dir, a_status())
    preview = CameraPreview(lambda _: Frame(code_picture("HUE1:AIM", 8), 1, 1.0))
    with FakeControlServer(run_dir) as daemon, served("--config", path) as (url, _):
        daemon.detail = preview_as_json(preview.capture())
        preview.close()
        yield url, run_dir


def found_on(page: Page, where: str) -> list[str]:
    """Everything that is cut off on the present page, on each screen."""
    found: list[str] = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{where} {width}x{height}: {each}" for each in page.evaluate(CUT_OFF)]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_any_open_page_is_cut_off(chromium: Browser, kiosk: tuple[str, Path], language: str) -> None:
    url, run_dir = kiosk
    cut: list[str] = []
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        for where in OPEN_PAGES:
            for state in DeviceState if where in {"", "welcome"} else (DeviceState.READY,):
                shown = answers(datetime.now(UTC), 0.2) if state is DeviceState.DEGRADED else ()
                publish(run_dir, a_status(state, checks=BAD.get(state, a_status().checks), recent_decisions=shown))
                page.goto(f"{url}{where}{'&' if '?' in where else '?'}lang={language}")
                cut += found_on(page, f"{language} /{where} {state}")
    assert not cut, "\n".join(cut)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_any_page_of_the_administrator_is_cut_off(
    chromium: Browser, kiosk: tuple[str, Path], language: str
) -> None:
    url, run_dir = kiosk
    cut: list[str] = []
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        browsers.log_in(page, url, "admin", PASSWORD)
        page.wait_for_url("**/admin")
        publish(run_dir, a_status())
        for where in ADMIN_PAGES:
            page.goto(f"{url}admin{where}{'&' if '?' in where else '?'}lang={language}")
            if where == "/aiming":
                page.keyboard.press("Enter")
                page.wait_for_selector("svg.still")
            cut += found_on(page, f"{language} /admin{where}")
    assert not cut, "\n".join(cut)
