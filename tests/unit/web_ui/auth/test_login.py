"""Login and set-up: no default password, slow guessing, and a login that ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.fakes.data.status_snapshots import browsing
from tests.fakes.parts.web_accounts import GUARD, PASSWORD, PIN, log_in, visiting
from web_ui.auth import accounts as accounts_module
from web_ui.auth.accounts import Accounts, Role
from web_ui.auth.login_throttle import FREE_ATTEMPTS
from web_ui.auth.sessions import SESSION_TIMEOUT_S, SessionStore


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a kiosk whose administrator and guard are set up."""
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize("path", ["/admin", "/admin/events", "/admin/configuration", "/guard/admit"])
def test_without_a_login_there_is_only_the_login(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?role=")


@pytest.mark.parametrize(
    "path",
    ["/admin/command/resume", "/admin/guards", "/admin/pause", "/admin/configuration", "/guard/admit", "/logout"],
)
def test_without_a_login_no_form_is_taken(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"csrf": "x", "direction": "in", "reason": "other"}).status_code == 403


def test_where_no_folder_for_accounts_exists_there_is_no_login_at_all(tmp_path: Path) -> None:
    with browsing(tmp_path, state_dir=tmp_path / "nowhere") as browser:
        assert [browser.get(path).status_code for path in ("/login", "/setup", "/admin", "/guard/admit")] == [404] * 4


def test_a_guards_pin_opens_the_admission_and_not_the_administration(client: FlaskClient) -> None:
    csrf = log_in(client, Role.GUARD)
    assert client.get("/admin").status_code == 302
    assert client.post("/admin/guards", data={"csrf": csrf, "name": "An", "pin": "730164"}).status_code == 403


def test_the_first_administrator_comes_in_with_the_one_time_code_only(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    accounts = Accounts(tmp_path / "state")
    with browsing(tmp_path, state_dir=tmp_path / "state") as browser:
        assert browser.get("/login").headers["Location"] == "/setup"
        for wrong in ("", "AAAA-AAAA-AAAA", "admin"):
            assert browser.post("/setup", data={"code": wrong, "password": PASSWORD}).status_code == 403
        code = accounts.make_setup_code()
    with browsing(tmp_path, state_dir=tmp_path / "state") as browser:
        assert browser.post("/setup", data={"code": code, "password": "short"}).status_code == 400
        assert browser.post("/setup", data={"code": f" {code.lower()} ", "password": PASSWORD}).status_code == 302
        assert browser.get("/admin").status_code == 200
        assert browser.post("/setup", data={"code": code, "password": "another password"}).status_code == 403


def test_a_set_up_code_is_void_after_an_hour(tmp_path: Path) -> None:
    now = [1000.0]
    accounts = Accounts(tmp_path, now=lambda: now[0])
    code = accounts.make_setup_code()
    now[0] += accounts_module.SETUP_CODE_VALID_S + 1
    assert not accounts.set_admin_password(code, PASSWORD)


def test_accounts_are_hashes_that_only_the_owner_may_read(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    code = accounts.make_setup_code()
    accounts.set_admin_password(code, PASSWORD)
    path = tmp_path / accounts_module.ACCOUNTS_FILE
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    assert not any(secret in text for secret in (code, PASSWORD))
    assert text.count("$argon2id$") == 1
    assert accounts.verify_password(PASSWORD)
    assert not accounts.verify_password(PIN)


def test_the_file_of_a_time_with_one_pin_for_all_guards_is_read(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    accounts.set_admin_password(accounts.make_setup_code(), PASSWORD)
    path = tmp_path / accounts_module.ACCOUNTS_FILE
    path.write_text(path.read_text("utf-8").replace('"guard_hash": ""', '"guard_hash": "$argon2id$v=19$x"'), "utf-8")
    assert accounts.verify_password(PASSWORD)


def test_after_three_guesses_even_the_right_secret_must_wait(client: FlaskClient) -> None:
    codes = [client.post("/login", data={"role": "guard", "secret": "000000"}).status_code for _ in range(4)]
    assert codes == [403] * FREE_ATTEMPTS + [429]
    answer = client.post("/login", data={"role": "guard", "secret": PIN})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_password_that_is_too_short_is_no_guess_of_the_set_up_code(client: FlaskClient) -> None:
    codes = [client.post("/setup", data={"code": "x", "password": "short"}).status_code for _ in range(5)]
    assert codes == [400] * 5


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
    sessions = SessionStore(monotonic=lambda: now[0])
    key = sessions.create(Role.ADMIN)
    now[0] += SESSION_TIMEOUT_S[Role.ADMIN] - 1
    assert sessions.find(key)
    now[0] += SESSION_TIMEOUT_S[Role.ADMIN] - 1
    assert sessions.find(key)
    now[0] += SESSION_TIMEOUT_S[Role.ADMIN] + 1
    assert sessions.find(key) is None


def test_a_new_pin_logs_the_guard_with_the_old_one_out(client: FlaskClient) -> None:
    log_in(client, Role.GUARD)
    guard = client.get_cookie("session")
    assert guard
    client.delete_cookie("session")  # another browser
    csrf = log_in(client, Role.ADMIN)
    assert client.post("/admin/guards", data={"csrf": csrf, "name": GUARD, "pin": "12ab"}).status_code == 400
    assert client.post("/admin/guards", data={"csrf": csrf, "name": GUARD, "pin": "730164"}).status_code == 200
    client.set_cookie("session", guard.value, domain="localhost")
    assert client.get("/guard/admit").status_code == 302
