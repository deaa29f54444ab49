"""Guards by name: each with a PIN of their own, weak ones refused, and the audit log says who."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import GUARD, PIN, log_in, token, visiting
from web_ui.auth.accounts import AccountError, Role
from web_ui.auth.guards import GUARDS_FILE, MAX_GUARDS, GuardError, Guards, clean_name, is_weak_pin

OTHER_PIN = "730164"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with visiting(tmp_path) as browser:
        yield browser


def audited(run_dir: Path) -> list[tuple[str, str, str]]:
    """Actor, name and action of each entry."""
    lines = (run_dir / "state/audit.jsonl").read_text(encoding="utf-8").splitlines()
    return [(entry["actor"], entry["name"], entry["action"]) for entry in map(json.loads, lines)]


def test_the_audit_log_says_which_guard_let_a_person_through(tmp_path: Path, client: FlaskClient) -> None:
    with FakeControlServer(tmp_path):
        csrf = log_in(client, Role.ADMIN)
        client.post("/admin/guards", data={"csrf": csrf, "name": " Nguyễn  Văn An ", "pin": OTHER_PIN})
        assert client.post("/login", data={"role": "guard", "secret": OTHER_PIN}).status_code == 302
        form = {"csrf": token(client, "/guard/admit"), "direction": "in", "reason": "other"}
        assert client.post("/guard/admit", data=form).status_code == 302
    assert ("guard", "Nguyễn Văn An", "admit") in audited(tmp_path)
    log_in(client, Role.ADMIN)
    assert "Guard (Nguyễn Văn An)" in client.get("/admin/audit").text


def test_a_removed_guard_is_logged_out_and_the_pin_opens_nothing(client: FlaskClient) -> None:
    log_in(client, Role.GUARD)
    guard = client.get_cookie("session")
    assert guard
    client.delete_cookie("session")  # another browser
    csrf = log_in(client, Role.ADMIN)
    assert client.post("/admin/guards/remove", data={"csrf": csrf, "name": GUARD}).status_code == 200
    assert client.post("/admin/guards/remove", data={"csrf": csrf, "name": GUARD}).status_code == 404
    client.set_cookie("session", guard.value, domain="localhost")
    assert client.get("/guard/admit").status_code == 302
    assert client.post("/login", data={"role": "guard", "secret": PIN}).status_code == 403


def test_a_new_pin_of_one_guard_leaves_the_others_logged_in(client: FlaskClient) -> None:
    log_in(client, Role.GUARD)
    guard = client.get_cookie("session")
    assert guard
    client.delete_cookie("session")  # another browser
    csrf = log_in(client, Role.ADMIN)
    client.post("/admin/guards", data={"csrf": csrf, "name": "An", "pin": OTHER_PIN})
    client.set_cookie("session", guard.value, domain="localhost")
    assert client.get("/guard/admit").status_code == 200


def test_the_login_names_no_guard(client: FlaskClient) -> None:
    assert GUARD not in client.get("/login?role=guard").text


@pytest.mark.parametrize(
    "pin",
    [
        "000000", "111111", "121212", "123123", "123456", "654321", "012345", "890123", "112233", "123321", "100001",
        "141414", "147258", "159753", "010190", "311299", "01011990", "19900101", "20240229", "000001",
    ],
)  # fmt: skip
def test_a_pin_that_people_guess_first_is_refused(tmp_path: Path, pin: str) -> None:
    with pytest.raises(GuardError, match="weak"):
        Guards(tmp_path).set_pin("An", pin)


@given(st.from_regex(r"[0-9]{6,12}", fullmatch=True))
def test_most_pins_are_good_and_the_answer_never_depends_on_anything_else(pin: str) -> None:
    assert is_weak_pin(pin) == is_weak_pin(pin)
    assert not is_weak_pin(PIN)
    assert not is_weak_pin(OTHER_PIN)


def test_enough_pins_are_good() -> None:
    weak = sum(is_weak_pin(f"{number:06}") for number in range(0, 1_000_000, 37))
    assert weak < 0.12 * 1_000_000 / 37


@pytest.mark.parametrize("pin", ["", "12345", "1" * 13, "73016a", "٧٣٠١٦٤", "730164\n"])
def test_a_pin_of_another_form_is_refused(tmp_path: Path, pin: str) -> None:
    with pytest.raises(GuardError, match="form"):
        Guards(tmp_path).set_pin("An", pin)


def test_two_guards_never_have_one_pin(tmp_path: Path) -> None:
    guards = Guards(tmp_path)
    guards.set_pin("An", PIN)
    with pytest.raises(GuardError, match="taken"):
        guards.set_pin("Bình", PIN)
    guards.set_pin("An", PIN)
    assert guards.names() == ("An",)


def test_the_number_of_guards_is_limited(tmp_path: Path) -> None:
    (tmp_path / GUARDS_FILE).write_text(
        json.dumps({"salt": "00" * 16, "guards": [{"name": f"G{n}", "pin_hash": "00"} for n in range(MAX_GUARDS)]})
    )
    guards = Guards(tmp_path)
    with pytest.raises(GuardError, match="too-many"):
        guards.set_pin("one more", PIN)
    assert guards.set_pin("G0", PIN) == "G0"


@given(secret=st.text(max_size=400))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_text_is_the_pin(tmp_path: Path, secret: str) -> None:
    guards = Guards(tmp_path)
    if not guards.names():
        guards.set_pin("An", PIN)
    assert guards.identify(secret) == ("An" if secret == PIN else None)


def test_the_file_has_no_pin_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    Guards(tmp_path).set_pin("An", PIN)
    path = tmp_path / GUARDS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert PIN not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"salt": 1}', '{"salt": "00", "guards": [{"name": "A"}]}'])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / GUARDS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(AccountError, match="damaged"):
        Guards(tmp_path).identify(PIN)


@given(st.text(max_size=60))
def test_a_name_has_one_spelling_or_is_refused(name: str) -> None:
    try:
        kept = clean_name(name)
    except GuardError:
        return
    assert clean_name(kept) == kept
    assert kept.isprintable()
