"""Printed pages: each begins on the first sheet, and no sheet is empty."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest

from kiosk.system.translations import translator
from tests.fakes.data.access_events import a_store
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.web_accounts import PASSWORD, staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, expect, log_in
from tests.fakes.processes.web_process import served

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

PAGES = (
    "report",
    "",
    "admin",
    "admin/events",
    "admin/configuration",
    "admin/log",
    "login",
    "nowhere",
    "notices/why",
    "notices/privacy",
)
PAPERS = (("A4", False), ("A4", True), ("Letter", False), ("A5", False))
MIN_LETTERS = 80
"""A sheet with less than this has a title or a foot only."""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    publish(tmp_path, a_status())
    a_store(tmp_path / "p.db", 30).close()
    state_dir = staff(tmp_path / "state")
    with served("--run-dir", tmp_path, "--database", tmp_path / "p.db", "--state-dir", state_dir) as (found, _):
        yield found


def sheets(pdf: bytes) -> list[str]:
    """The text of each sheet."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [sheet.get_textpage().get_text_bounded() for sheet in document]
    finally:
        document.close()


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_page_begins_or_ends_with_an_empty_sheet(chromium: Browser, url: str, language: str) -> None:
    with chromium.new_context(locale=language) as context:
        page = context.new_page()
        log_in(page, url, "admin", PASSWORD)
        expect(page).to_have_url(url + "admin")
        for path in PAGES:
            page.goto(f"{url}{path}?lang={language}")
            for paper, landscape in PAPERS:
                before = page.locator("h1").first.inner_text()
                found = sheets(page.pdf(format=paper, landscape=landscape))
                # The heading of the status page changes by itself when the snapshot grows old.
                headings = (before, page.locator("h1").first.inner_text())
                letters = [len("".join(text.split())) for text in found]
                assert any(heading.split()[0] in found[0] for heading in headings), (path, paper, found[0])
                if len(found) > 1:
                    assert min(letters[:-1]) >= MIN_LETTERS, (path, paper, letters)


def test_the_report_begins_on_its_first_sheet_with_all_columns(chromium: Browser, url: str) -> None:
    t = translator("en")
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        page.goto(f"{url}report")
        for paper, landscape in PAPERS[:3]:
            first = " ".join(sheets(page.pdf(format=paper, landscape=landscape))[0].split())
            for text in ("report.title", "report.opening-hours", "report.lists-stale"):
                assert t(text) in first, (paper, text, first)
