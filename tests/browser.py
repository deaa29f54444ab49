"""Debian's chromium, driven by playwright: for tests, benchmarks and pictures of the pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

HOW_TO_GET_IT = "chromium is not installed; type:  sudo apt-get install --no-install-recommends chromium"


def chromium_path() -> str | None:
    """Where the browser is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str:
    """What to say where there is no browser; empty where there is one."""
    return "" if chromium_path() else HOW_TO_GET_IT


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Raises RuntimeError with what to type where there is none."""
    path = chromium_path()
    if path is None:
        raise RuntimeError(HOW_TO_GET_IT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
