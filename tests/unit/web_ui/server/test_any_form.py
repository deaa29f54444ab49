"""Any form and any query on any page, as guard, as administrator and without a login: no answer is a server error."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.examples import examples
from tests.fakes.data.access_events import a_store
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import staff
from tests.paths import PROJECT
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.kiosk.app import create_app
from web_ui.server.security_headers import MAX_BODY_BYTES
from web_ui.settings import WebSettings

STREAMS = "/live/<any(status, guard):page>/events"  # never ends
QUERY_FIELDS = ("lang", "then", "role", "source", "level", "since", "until", "before", "outcome", "reason", "filename")
Fields = tuple[tuple[bytes, bytes], ...]
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
ODD_TEXTS = (
    "9" * 5000,
    "-1",
    "1e999",
    "NaN",
    "١٢٣",
    "0x10",
    "9999-12-31",
    "0001-01-01",
    "2026-02-30",
    "2026-11-28T25:61",
    "\0",
    "\u202eevil",
    "a" * 30_000,
    "../../etc/passwd",
    "{{7*7}}",
    "%s%s%n",
    "all",
    "in",
    "other",
)
ODD_BYTES = (b"\xff\xfe", b"\xed\xa0\x80", b"\xc3(", b"%", b"%zz", b"\x80" * 1000, "Nguyễn".encode("utf-16"))
ODD_CONFIGS = (
    "window_s = " + "9" * 5000,
    "a." * 15_000 + "a = 1",
    "[" * 20_000,
    "a = " + "[" * 20_000,
    "[visit]\nrepeat_window_s = 1e400",
    "[access]\nopening_hours = ['" + "mon-" * 5000 + "']",
    'x = "\\ud800"',
    "[site]\nsite = 5\ndevice = []",
    "\ufeff[site]",
    "[web]\nport = -9223372036854775809",
    "a = 9999-12-31T23:59:60Z",
    "[site]\ntimezone = '" + "../" * 1000 + "'",
    "[site]\ntimezone = '\\u0000'",
)


@cache
def form_fields() -> tuple[str, ...]:
    """Names of all fields of our own forms."""
    html = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "web_ui/templates").rglob("*.html"))
    return tuple(sorted({*re.findall(r'name="([a-z]+)"', html), *QUERY_FIELDS} - {"csrf", "viewport"}))


def addresses() -> list[tuple[str, str]]:
    """Method and rule of each page, with the admin pages."""
    app, live = create_app(WebSettings(Path("/nowhere"), state_dir=PROJECT))
    live.close()
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule != STREAMS]
    return sorted((method, rule.rule) for rule in rules for method in (rule.methods or set()) & {"GET", "POST"})


VALUES = (
    st.sampled_from(ODD_TEXTS).map(str.encode)
    | st.sampled_from(ODD_BYTES)
    | st.sampled_from(ODD_CONFIGS).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.integers().map(lambda number: str(number).encode())
    | st.dates().map(lambda day: day.isoformat().encode())
)
NAMES = st.sampled_from(form_fields()).map(str.encode) | st.binary(max_size=20)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple)
SEGMENTS = st.sampled_from(
    ["pause", "resume", "signal-pass", "status", "guard", "style.css", "..%2f", "%00", "%ff", "a" * 300]
)


def encoded(fields: Fields) -> str:
    return "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in fields)


def multipart(fields: Fields) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return b"".join(head % field for field in fields) + b"--x--\r\n"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A browser on a kiosk with events, accounts, a configuration and a daemon that takes each command."""
    run_dir = tmp_path_factory.mktemp("run")
    publish(run_dir, a_status())
    a_store(run_dir / "p.db", 3).close()
    (run_dir / "kiosk.toml").write_text("", encoding="utf-8")
    with (
        FakeControlServer(run_dir) as daemon,
        browsing(
            run_dir,
            state_dir=staff(run_dir / "state"),
            database=run_dir / "p.db",
            config_path=run_dir / "kiosk.toml",
        ) as made,
    ):
        daemon.detail = {"released": 1}
        made.application.testing = False  # an exception becomes an answer, as in the server
        yield made


@dataclass(frozen=True, slots=True)
class AnyRequest:
    """What a browser may send."""

    method: str
    rule: str
    role: Role | None = Role.ADMIN
    query: Fields = ()
    form: Fields = ()
    segment: str = "pause"
    """Instead of the variable part of the rule."""
    content_type: str = FORM
    csrf: bytes | None = None
    """Instead of the right token."""

    def send(self, browser: FlaskClient) -> TestResponse:
        """With a fresh login of the role, because a request before may have ended it."""
        token = self._log_in(browser)
        fields = ((b"csrf", token if self.csrf is None else self.csrf), *self.form)
        body = multipart(fields) if self.content_type == MULTIPART else encoded(fields)
        return browser.open(
            re.sub(r"<[^>]*>", lambda _: self.segment, self.rule),
            method=self.method,
            query_string=encoded(self.query),
            data=body if self.method == "POST" else None,
            content_type=self.content_type,
        )

    def _log_in(self, browser: FlaskClient) -> bytes:
        """Returns the token of the forms."""
        with browser.application.app_context():
            sessions = access_control.auth_context().sessions
        if self.role is None:
            browser.delete_cookie("session", domain="localhost")
            return b"x"
        key = sessions.create(self.role)
        session = sessions.find(key)
        assert session
        browser.set_cookie("session", key, domain="localhost")
        return session.csrf_token.encode()


def check(browser: FlaskClient, request: AnyRequest) -> None:
    """502 is the answer to a picture that the daemon of this test does not have, 503 of /readyz that it is silent."""
    answer = request.send(browser)
    by_design = {"/admin/aiming": 502, "/admin/aiming/live": 502, "/readyz": 503}.get(request.rule)
    assert answer.status_code < 500 or answer.status_code == by_design, answer.text[:300]
    answer.close()


@pytest.mark.parametrize("address", addresses(), ids=" ".join)
def test_no_fields_whatever_are_a_server_error(browser: FlaskClient, address: tuple[str, str]) -> None:
    @given(
        role=st.sampled_from([Role.ADMIN, Role.ADMIN, Role.GUARD, None]),
        query=FIELDS,
        form=FIELDS,
        segment=SEGMENTS,
        content_type=st.sampled_from([FORM, FORM, FORM, MULTIPART, "text/plain", "application/json", ""]),
        csrf=st.none() | st.none() | VALUES,
    )
    @settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
    def any_request(**fields: Any) -> None:
        check(browser, AnyRequest(*address, **fields))

    any_request()


@pytest.mark.parametrize("address", addresses(), ids=" ".join)
def test_no_odd_value_in_any_field_is_a_server_error(browser: FlaskClient, address: tuple[str, str]) -> None:
    for value in [text.encode() for text in ODD_TEXTS] + list(ODD_BYTES):
        fields = tuple((name.encode(), value) for name in form_fields())
        shortened = tuple((name, text[:500]) for name, text in fields)
        fitting = fields[: MAX_BODY_BYTES // (3 * len(value) + 20)]
        check(browser, AnyRequest(*address, query=shortened, form=fitting))
        check(browser, AnyRequest(*address, csrf=value))


@pytest.mark.parametrize("text", ODD_CONFIGS, ids=range(len(ODD_CONFIGS)))
def test_an_odd_configuration_is_a_list_of_mistakes(browser: FlaskClient, text: str) -> None:
    answer = AnyRequest("POST", "/admin/configuration", form=((b"text", text.encode()),)).send(browser)
    assert answer.status_code == 200
    assert '<div class="lost" role="alert">' in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"csrf=%ff&a=" + b"x" * MAX_BODY_BYTES),
        (FORM, b"&".join(b"f%d=1" % number for number in range(9000))),
        (FORM + "; charset=utf-16", b"\xff\xfe"),
        (MULTIPART, b"--x\r\n" * 12_000),
        (MULTIPART, b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(60))),
        (MULTIPART, b"garbage"),
        ("multipart/form-data", b""),
    ],
)
def test_a_body_of_too_many_bytes_or_parts_is_refused(browser: FlaskClient, content_type: str, body: bytes) -> None:
    AnyRequest("GET", "/admin").send(browser)
    assert browser.post("/admin/guards", data=body, content_type=content_type).status_code in {400, 403, 413}


@given(before=st.text(max_size=40) | st.integers().map(str), since=st.text(max_size=20) | st.dates().map(str))
@example(before="9" * 4301, since="0001-01-01")
@example(before="-9223372036854775809", since="9999-12-31")
@example(before="0", since="0001-01-02T00:00+14:00")
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
def test_any_filter_of_the_events_gives_events_or_a_sentence(browser: FlaskClient, before: str, since: str) -> None:
    AnyRequest("GET", "/admin").send(browser)
    answer = browser.get("/admin/events", query_string={"before": before, "since": since, "until": since})
    assert answer.status_code in {200, 400}
