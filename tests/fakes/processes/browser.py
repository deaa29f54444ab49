"""Debian's chromium, driven by playwright: for tests, benchmarks and pictures of the pages.

Both are large and only wanted here (`sh setup.sh chromium`), so everything else, types included, does without them.
"""

import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

HOW_TO_GET_IT = "chromium or playwright is not installed; type:  sh setup.sh chromium"

Browser = Any
"""playwright.sync_api.Browser"""
Page = Any
"""playwright.sync_api.Page"""


def chromium_path() -> str | None:
    """Where the browser is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str:
    """What to say where there is no browser; empty where there is one."""
    return "" if chromium_path() and find_spec("playwright") else HOW_TO_GET_IT


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Raises RuntimeError with what to type where there is none."""
    if missing():
        raise RuntimeError(HOW_TO_GET_IT)
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def log_in(page: Page, url: str, role: str, secret: str) -> None:
    """Fill in the login of the pages at `url` as `admin` or `guard`; what it leads to is not waited for."""
    page.goto(f"{url}login?role={role}")
    page.fill("[name=secret]", secret)
    page.keyboard.press("Enter")


def expect(what: Any) -> Any:
    """Playwright's patient assertions."""
    return importlib.import_module("playwright.sync_api").expect(what)


def faults(page: Page, options: dict[str, Any] | None = None) -> str:
    """What axe-core finds wrong with a page, as a report; empty where there is nothing."""
    found = importlib.import_module("axe_playwright_python.sync_playwright").Axe().run(page, options=options)
    return str(found.generate_report()) if found.violations_count else ""
