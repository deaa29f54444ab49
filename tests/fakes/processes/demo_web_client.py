"""A demonstration whose pages are staffed, and a small browser that walks through them."""

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
def staffed_demonstration(*, loop: bool) -> Iterator[Demo]:
    """Everything, ready to be entered; with `loop`, people come again and again."""
    with temporary_sandbox() as premises:
        found = Demo(premises, fast_timing(30.0), loop=loop, window_s=1.0)
        staff(premises.folder / "office")
        text = premises.config_file.read_text(encoding="utf-8").replace("[web]\n", '[web]\nstate_dir = "office"\n')
        premises.config_file.write_text(text, encoding="utf-8")
        yield found


class Reader:
    """A small browser: a cookie, forms with their token."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._cookie = ""

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str]:
        """The answer's status and text."""
        headers = {"Cookie": self._cookie, "Accept-Language": "en", "Content-Type": "application/x-www-form-urlencoded"}
        with closing(http.client.HTTPConnection(self._netloc, timeout=20)) as connection:
            connection.request(method, path, urlencode(form) if form else None, headers)
            with connection.getresponse() as answer:
                text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie", []):
            morsel = http.cookies.SimpleCookie(line).get("session")
            self._cookie = f"session={morsel.value}" if morsel else self._cookie
        return answer.status, text

    def log_in(self, role: str, secret: str) -> None:
        """As `admin` or `guard`."""
        assert self.ask("POST", "/login", role=role, secret=secret)[0] == 302

    def token(self, form_page: str) -> str:
        """The CSRF token of that page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.ask("GET", form_page)[1])
        assert found
        return found[1]

    def send(self, form_page: str, path: str, **form: str) -> int:
        """Fill in the form that stands on `form_page`; the answer's status."""
        return self.ask("POST", path, csrf=self.token(form_page), **form)[0]


def turns_until(demonstration: Demo, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first snapshot that fits, of the next two hundred turns."""
    for _ in range(200):
        found = demonstration.poll()
        if found and true(found):
            return found
    raise AssertionError("the kiosk never said so")
