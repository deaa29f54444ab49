"""A demo whose web UI has accounts, and a small HTTP client for its pages."""

import http.client
import http.cookies
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from kiosk.simulation.demo import Demo
from kiosk.simulation.sandbox import temporary_sandbox
from kiosk.simulation.visitors import fast_timing
from tests.fakes.parts.web_accounts import staff


@contextmanager
def demo_with_accounts(*, loop: bool) -> Iterator[Demo]:
    """The demo with accounts, not started. `loop`: the scenario repeats."""
    with temporary_sandbox() as sandbox:
        found = Demo(sandbox, fast_timing(30.0), loop=loop, window_s=1.0)
        staff(sandbox.folder / "accounts")
        text = sandbox.config_file.read_text(encoding="utf-8").replace("[web]\n", '[web]\nstate_dir = "accounts"\n')
        sandbox.config_file.write_text(text, encoding="utf-8")
        yield found


class Reader:
    """A small HTTP client with a session cookie and CSRF tokens."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._cookie = ""

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str]:
        """Status and text of the response."""
        headers = {"Cookie": self._cookie, "Accept-Language": "en", "Content-Type": "application/x-www-form-urlencoded"}
        with closing(http.client.HTTPConnection(self._netloc, timeout=20)) as connection:
            connection.request(method, path, urlencode(form) if form else None, headers)
            with connection.getresponse() as response:
                text = response.read().decode()
        for line in response.headers.get_all("Set-Cookie", []):
            morsel = http.cookies.SimpleCookie(line).get("session")
            self._cookie = f"session={morsel.value}" if morsel else self._cookie
        return response.status, text

    def log_in(self, role: str, secret: str) -> None:
        """Log in as `admin` or `guard`."""
        assert self.ask("POST", "/login", role=role, secret=secret)[0] == 302

    def token(self, form_page: str) -> str:
        """CSRF token in the forms of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.ask("GET", form_page)[1])
        assert found
        return found[1]

    def send(self, form_page: str, path: str, **form: str) -> int:
        """Submit a form of `form_page`. Returns the status of the response."""
        return self.ask("POST", path, csrf=self.token(form_page), **form)[0]


def poll_until(demo: Demo, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Poll up to 200 times and return the first status for which `true` holds."""
    for _ in range(200):
        found = demo.poll()
        if found and condition(found):
            return found
    raise AssertionError("the status never became as expected")
