"""Login, set-up and actions: no default password, slow guessing, forms only from our own pages, everything noted."""

import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import control
from kiosk.control import Admit, Pause, ShowLamp
from kiosk.model import Direction, Grounds, Outcome
from kiosk.store import Store
from tests.daemons import Ordered
from tests.passages import a_passage, a_store
from tests.snapshots import browsing
from tests.staffed_office import PASSWORD, PIN, audit, log_in, visiting
from web_ui import accounts as accounts_module
from web_ui.accounts import Accounts, Role
from web_ui.audit import AUDIT_FILE, Audit
from web_ui.sessions import ALL_FAILURES, FREE_FAILURES, LASTS_S, Sessions, Throttle


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a kiosk whose administrator and guard are set up."""
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize("path", ["/admin", "/admin/events", "/admin/settings", "/guard/admit"])
def test_without_a_login_there_is_only_the_login(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?role=")


@pytest.mark.parametrize("path", ["/admin/order/pause", "/admin/pin", "/admin/settings", "/guard/admit", "/logout"])
def test_without_a_login_no_form_is_taken(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"csrf": "x", "direction": "in", "reason": "other"}).status_code == 403


def test_where_no_folder_for_accounts_exists_there_is_no_login_at_all(tmp_path: Path) -> None:
    with browsing(tmp_path, state_dir=tmp_path / "nowhere") as browser:
        assert [browser.get(path).status_code for path in ("/login", "/setup", "/admin", "/guard/admit")] == [404] * 4


def test_a_guards_pin_opens_the_admission_and_not_the_administration(client: FlaskClient) -> None:
    csrf = log_in(client, Role.GUARD)
    assert client.get("/admin").status_code == 302
    assert client.post("/admin/pin", data={"csrf": csrf, "pin": "111111"}).status_code == 403


def test_the_first_administrator_comes_in_with_the_one_time_code_only(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    accounts = Accounts(tmp_path / "state")
    with browsing(tmp_path, state_dir=tmp_path / "state") as browser:
        assert browser.get("/login").headers["Location"] == "/setup"
        for wrong in ("", "AAAA-AAAA-AAAA", "admin"):
            assert browser.post("/setup", data={"code": wrong, "password": PASSWORD}).status_code == 403
        code = accounts.make_code()
    with browsing(tmp_path, state_dir=tmp_path / "state") as browser:
        assert browser.post("/setup", data={"code": code, "password": "short"}).status_code == 400
        assert browser.post("/setup", data={"code": f" {code.lower()} ", "password": PASSWORD}).status_code == 302
        assert browser.get("/admin").status_code == 200
        assert browser.post("/setup", data={"code": code, "password": "another password"}).status_code == 403


def test_a_set_up_code_is_void_after_an_hour(tmp_path: Path) -> None:
    now = [1000.0]
    accounts = Accounts(tmp_path, now=lambda: now[0])
    code = accounts.make_code()
    now[0] += accounts_module.CODE_S + 1
    assert not accounts.set_up(code, PASSWORD)


def test_accounts_are_hashes_that_only_the_owner_may_read(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    code = accounts.make_code()
    accounts.set_up(code, PASSWORD)
    accounts.set_pin(PIN)
    path = tmp_path / accounts_module.ACCOUNTS_FILE
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    assert not any(secret in text for secret in (code, PASSWORD, PIN))
    assert text.count("$argon2id$") == 2
    assert accounts.check(Role.ADMIN, PASSWORD)
    assert not accounts.check(Role.ADMIN, PIN)
    assert not accounts.check(Role.GUARD, PASSWORD)


@given(secret=st.text(max_size=400))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_text_is_the_pin(tmp_path: Path, secret: str) -> None:
    accounts = Accounts(tmp_path)
    if not accounts.has_guard:
        accounts.set_pin(PIN)
    assert accounts.check(Role.GUARD, secret) is (secret == PIN)


def test_guessing_is_slowed_more_and_more_and_a_right_secret_must_wait_too(client: FlaskClient) -> None:
    codes = [client.post("/login", data={"role": "guard", "secret": "000000"}).status_code for _ in range(4)]
    assert codes == [403] * FREE_FAILURES + [429]
    answer = client.post("/login", data={"role": "guard", "secret": PIN})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_delay_doubles_to_a_limit_and_ends() -> None:
    now = [0.0]
    throttle = Throttle(monotonic=lambda: now[0])
    waits = []
    for _ in range(14):
        throttle.failed("10.0.0.9")
        waits.append(throttle.wait_s("10.0.0.9"))
    assert waits[:6] == [0, 0, 1, 2, 4, 8]
    assert max(waits) == 300
    assert throttle.wait_s("10.0.0.8") == 0
    now[0] += 300
    assert throttle.wait_s("10.0.0.9") == 0


def test_many_addresses_together_are_slowed_as_well() -> None:
    throttle = Throttle(monotonic=lambda: 0.0)
    for number in range(ALL_FAILURES):
        throttle.failed(f"10.0.{number}.1")
    assert throttle.wait_s("10.9.9.9") > 0


def test_a_login_has_a_token_of_its_own_whatever_was_planted_before(client: FlaskClient) -> None:
    client.set_cookie("session", "planted", domain="localhost")
    log_in(client, Role.ADMIN)
    cookie = client.get_cookie("session")
    assert cookie
    assert cookie.value != "planted"
    assert cookie.http_only
    assert cookie.same_site == "Strict"


def test_after_logout_the_old_cookie_opens_nothing(client: FlaskClient) -> None:
    csrf = log_in(client, Role.ADMIN)
    cookie = client.get_cookie("session")
    assert cookie
    assert client.post("/logout", data={"csrf": csrf}).status_code == 302
    client.set_cookie("session", cookie.value, domain="localhost")
    assert client.get("/admin").status_code == 302


def test_a_login_ends_by_itself() -> None:
    now = [0.0]
    sessions = Sessions(monotonic=lambda: now[0])
    key = sessions.begin(Role.ADMIN)
    now[0] += LASTS_S[Role.ADMIN] - 1
    assert sessions.find(key)
    now[0] += LASTS_S[Role.ADMIN] - 1
    assert sessions.find(key)
    now[0] += LASTS_S[Role.ADMIN] + 1
    assert sessions.find(key) is None


def test_a_new_pin_logs_every_guard_out(client: FlaskClient) -> None:
    log_in(client, Role.GUARD)
    guard = client.get_cookie("session")
    assert guard
    csrf = log_in(client, Role.ADMIN)
    assert client.post("/admin/pin", data={"csrf": csrf, "pin": "12ab"}).status_code == 400
    assert client.post("/admin/pin", data={"csrf": csrf, "pin": "999888"}).status_code == 200
    client.set_cookie("session", guard.value, domain="localhost")
    assert client.get("/guard/admit").status_code == 302


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({}, ""),
        ({}, "wrong"),
        ({"Origin": "https://evil.example"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({"Sec-Fetch-Site": "same-site"}, None),
        ({"Origin": "null"}, None),
    ],
)
def test_a_form_of_another_page_is_refused(
    client: FlaskClient, daemon: Ordered, headers: dict[str, str], csrf: str | None
) -> None:
    good = log_in(client, Role.ADMIN)
    data = {"csrf": good if csrf is None else csrf}
    assert client.post("/admin/order/pause", data=data, headers=headers).status_code == 403
    assert client.post("/login", data={"secret": PASSWORD}, headers=headers).status_code == (403 if headers else 302)
    assert daemon.orders == []


@pytest.mark.parametrize("way", list(Direction))
def test_a_guard_lets_somebody_through_by_hand_and_it_is_noted(
    tmp_path: Path, client: FlaskClient, daemon: Ordered, way: Direction
) -> None:
    csrf = log_in(client, Role.GUARD)
    answer = client.post("/guard/admit", data={"csrf": csrf, "direction": way, "reason": "nothing-to-show"})
    assert answer.headers["Location"] == "/guard"
    assert daemon.orders == [Admit(way, Grounds.NOTHING_TO_SHOW)]
    assert audit(tmp_path)[-2:] == [("guard", "admit", "asked"), ("guard", "admit", "done")]


@pytest.mark.parametrize(
    "data", [{}, {"direction": "in"}, {"direction": "up", "reason": "other"}, {"direction": "in", "reason": "<b>"}]
)
def test_an_admission_needs_a_way_and_a_known_reason(
    client: FlaskClient, daemon: Ordered, data: dict[str, str]
) -> None:
    csrf = log_in(client, Role.GUARD)
    assert client.post("/guard/admit", data={"csrf": csrf, **data}).status_code == 400
    assert daemon.orders == []


def test_an_order_that_the_kiosk_refuses_or_does_not_hear_is_told_in_words(
    tmp_path: Path, client: FlaskClient, daemon: Ordered
) -> None:
    csrf = log_in(client, Role.GUARD)
    data = {"csrf": csrf, "direction": "in", "reason": "other"}
    daemon.refuses = "the disk takes no record <b>"
    answer = client.post("/guard/admit", data=data)
    assert answer.status_code == 502
    assert "the disk takes no record &lt;b&gt;" in answer.text
    daemon.close()
    answer = client.post("/guard/admit", data=data)
    assert answer.status_code == 502
    assert "The kiosk does not take orders." in answer.text
    assert audit(tmp_path)[-1] == ("guard", "admit", "not heard")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("lamp-pass", ShowLamp(Outcome.PASS)),
        ("lamp-look-again", ShowLamp(Outcome.LOOK_AGAIN)),
        ("pause", Pause(paused=True)),
        ("resume", Pause(paused=False)),
    ],
)
def test_every_button_of_the_administrator_gives_its_order(
    client: FlaskClient, daemon: Ordered, name: str, order: control.Order
) -> None:
    csrf = log_in(client, Role.ADMIN)
    assert f'action="/admin/order/{name}"' in client.get("/admin").text
    assert client.post(f"/admin/order/{name}", data={"csrf": csrf}).status_code == 200
    assert daemon.orders == [order]


def test_wrong_logins_and_looks_at_events_are_in_the_audit_log(tmp_path: Path, client: FlaskClient) -> None:
    client.post("/login", data={"role": "admin", "secret": "wrong"})
    log_in(client, Role.ADMIN)
    client.get("/admin/events?outcome=fail")
    assert audit(tmp_path) == [
        ("-", "login as admin", "refused"),
        ("admin", "login", "done"),
        ("admin", "look at events", "done"),
    ]
    assert PASSWORD not in (tmp_path / "state" / AUDIT_FILE).read_text(encoding="utf-8")


def test_the_audit_log_is_bounded_and_newest_first(tmp_path: Path) -> None:
    log = Audit(tmp_path)
    log.write("admin", "::1", "first", "done", "x" * 1000)
    log.write("admin", "::1", "second", "done")
    with (tmp_path / AUDIT_FILE).open("a") as file:
        file.write("not a line of ours\n")
    assert [entry.what for entry in log.last(10)] == ["second", "first"]
    assert len(log.last(10)[1].detail) == 200


def test_events_are_listed_newest_first_page_by_page_with_short_pseudonyms_only(
    tmp_path: Path, client: FlaskClient
) -> None:
    a_store(tmp_path / "p.db", 120).close()
    log_in(client, Role.ADMIN)
    seen: list[int] = []
    path = "/admin/events"
    while path:
        html = client.get(path).text
        seen += map(int, re.findall(r'class="figure">(\d+)</td></tr>', html))
        assert a_passage(119).pseudonym.hex() not in html
        older = re.search(r'<a href="([^"]+)">Older', html)
        path = "/admin/events" + older[1].replace("&amp;", "&") if older else ""
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("outcome=pass", 3),
        ("outcome=fail", 0),
        ("reason=expired", 0),
        ("since=2026-11-24", 0),
        ("since=2026-11-23&until=2026-11-23", 3),
        ("until=2026-11-22", 0),
    ],
)
def test_events_are_filtered_by_outcome_reason_and_local_day(
    tmp_path: Path, client: FlaskClient, query: str, count: int
) -> None:
    a_store(tmp_path / "p.db", 3).close()
    log_in(client, Role.ADMIN)
    assert client.get(f"/admin/events?{query}").text.count("</td></tr>") == count


@pytest.mark.parametrize(
    "query", ["outcome=x", "reason='--", "since=yesterday", "until=9999-12-31", "before=x", "since=0000"]
)
def test_a_filter_that_is_none_is_told_so(client: FlaskClient, query: str) -> None:
    log_in(client, Role.ADMIN)
    answer = client.get(f"/admin/events?{query}")
    assert answer.status_code == 400
    assert "The filter is wrong." in answer.text


def test_the_support_bundle_helps_and_names_nobody(tmp_path: Path, client: FlaskClient) -> None:
    a_store(tmp_path / "p.db", 5).close()
    csrf = log_in(client, Role.ADMIN)
    answer = client.post("/admin/bundle", data={"csrf": csrf})
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert bundle.testzip() is None
        content = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert json.loads(content["status.json"])["device"] == "cong-1"
    assert "entrance-kiosk" in content["packages.txt"]
    everything = "".join(content.values())
    assert not any(a_passage(number).pseudonym.hex()[:8] in everything for number in range(5))
    assert "$argon2" not in everything
    assert ("admin", "support bundle", "done") in audit(tmp_path)


def test_an_oversized_form_is_refused(client: FlaskClient) -> None:
    csrf = log_in(client, Role.ADMIN)
    answer = client.post("/admin/settings", data={"csrf": csrf, "text": "x" * 70_000})
    assert answer.status_code == 413


def test_events_between_two_days_of_local_time_do_not_use_utc(tmp_path: Path, client: FlaskClient) -> None:
    """01:00 UTC on the 23rd is 08:00 in Hue; 18:00 UTC on the 22nd is already the 23rd there."""

    store = Store(tmp_path / "p.db")
    store.commit(dataclasses.replace(a_passage(1), occurred_at=datetime(2026, 11, 22, 16, 0, tzinfo=UTC)))
    store.commit(dataclasses.replace(a_passage(2), occurred_at=datetime(2026, 11, 22, 18, 0, tzinfo=UTC)))
    store.close()
    log_in(client, Role.ADMIN)
    assert client.get("/admin/events?since=2026-11-23").text.count("</td></tr>") == 1
