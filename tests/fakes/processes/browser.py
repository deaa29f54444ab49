"""Debian's chromium, controlled by playwright: for tests, benchmarks and screenshots of the web UI.

Both are large and optional (`sh setup.sh chromium`), so no other module imports them, also not for types.
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
    """Path of the browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str:
    """How to install the browser. Empty if it is installed."""
    return "" if chromium_path() and find_spec("playwright") else HOW_TO_GET_IT


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser. Raises RuntimeError with the command that installs it."""
    if missing():
        raise RuntimeError(HOW_TO_GET_IT)
    with importlib.import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def log_in(page: Page, url: str, role: str, secret: str) -> None:
    """Submit the login form at `url` as `admin` or `guard`. Does not wait for the next page."""
    page.goto(f"{url}login?role={role}")
    page.fill("[name=secret]", secret)
    page.keyboard.press("Enter")


def expect(what: Any) -> Any:
    """Assertions of playwright, which wait until they are true."""
    return importlib.import_module("playwright.sync_api").expect(what)


def faults(page: Page, options: dict[str, Any] | None = None) -> str:
    """Report of axe-core on accessibility errors of a page. Empty if there are none."""
    found = importlib.import_module("axe_playwright_python.sync_playwright").Axe().run(page, options=options)
    return str(found.generate_report()) if found.violations_count else ""
