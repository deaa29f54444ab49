"""The guard's page for undoing: he sees which passage it is, says why, and only that one is taken back."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.app.control_socket import AdmitCommand, UndoCommand
from kiosk.core.model import Direction, ManualReason, Reason
from kiosk.core.reversal import UndoRefusal
from kiosk.core.status import UndoStatus
from kiosk.storage import SqliteEventStore
from kiosk.system.translations import translator
from tests.examples import examples
from tests.fakes.data.access_events import an_event, an_undo_event
from tests.fakes.data.status_snapshots import a_status, answers, browsing, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, PIN, audit, staff, token, visiting
from web_ui.auth.accounts import Role
from web_ui.kiosk.data.hourly_counts import HourlyCounts

HUE = ZoneInfo("Asia/Ho_Chi_Minh")


def last_one(seq: int = 48213) -> UndoStatus:
    return UndoStatus(seq, datetime.now(UTC).isoformat(), "in", "ok", "insurance", 21.0)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with visiting(tmp_path, a_status(undo=last_one())) as browser:
        yield browser


def log_in(client: FlaskClient) -> str:
    answer = client.post("/login", data={"role": Role.GUARD, "secret": PIN, "then": "undo"})
    assert answer.headers["Location"] == "/guard/undo"
    return token(client, "/guard/undo")


def test_the_button_is_there_only_while_there_is_something_to_undo(tmp_path: Path, client: FlaskClient) -> None:
    def offered() -> tuple[bool, bool]:
        return 'href="/guard/undo"' in client.get("/guard").text, bool(client.get("/live/guard/parts").json["undo"])  # type: ignore[index]

    assert offered() == (True, True)
    publish(tmp_path, a_status())
    assert offered() == (False, False)
    then = datetime.now(UTC) - timedelta(seconds=4)
    publish(tmp_path, a_status(now=then, undo=last_one()))
    assert offered() == (False, False), "a kiosk that is silent undoes nothing"


def test_without_logins_there_is_no_button(tmp_path: Path) -> None:
    publish(tmp_path, a_status(undo=last_one()))
    with browsing(tmp_path) as browser:
        assert "/guard/undo" not in browser.get("/guard").text
        assert browser.get("/guard/undo").status_code == 404


def test_the_login_leads_back_to_the_undo_and_nowhere_else(client: FlaskClient) -> None:
    asked = client.get("/guard/undo").headers["Location"]
    assert asked == "/login?role=guard&then=undo"
    assert 'name="then" value="undo"' in client.get(asked).text
    for elsewhere in ("https://evil.example", "admin.home", '"><script>'):
        html = client.get("/login", query_string={"role": "guard", "then": elsewhere}).text
        assert 'name="then"' not in html
        assert "<script>" not in html
        answer = client.post("/login", data={"role": "guard", "secret": PIN, "then": elsewhere})
        assert answer.headers["Location"] == "/guard/admit"


def test_without_a_login_or_its_token_nothing_is_undone(client: FlaskClient, daemon: FakeControlServer) -> None:
    data = {"csrf": "x", "seq": "48213", "reason": "other"}
    assert client.post("/guard/undo", data=data).status_code == 403
    csrf = log_in(client)
    assert client.post("/guard/undo", data=data).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/guard/undo", data={**data, "csrf": csrf}, headers=foreign).status_code == 403
    assert daemon.commands == []


def test_the_guard_sees_which_passage_it_is_and_his_word_goes_with_the_order(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client)
    html = client.get("/guard/undo").text
    for told in ("<b>In</b>", "Health-insurance card", "record 48,213", 'name="seq" value="48213"'):
        assert told in html
    reasons = re.findall(r'name="reason" value="([^"]+)"', html)
    assert reasons == ["turned-back", "wrong-person", "mistake", "other"]
    answer = client.post("/guard/undo", data={"csrf": csrf, "seq": "48213", "reason": "wrong-person"})
    assert answer.headers["Location"] == "/guard"
    assert daemon.commands == [UndoCommand(ManualReason.WRONG_PERSON, 48213)]
    assert audit(tmp_path)[-2:] == [("guard", "undo", "requested"), ("guard", "undo", "done")]


@pytest.mark.parametrize("why", list(UndoRefusal))
@pytest.mark.parametrize("language", ["vi", "en"])
def test_why_nothing_was_undone_is_said_in_words(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, why: UndoRefusal, language: str
) -> None:
    csrf = log_in(client)
    daemon.refuses, daemon.refuses_with = "the daemon's own words", why
    answer = client.post(f"/guard/undo?lang={language}", data={"csrf": csrf, "seq": "48213", "reason": "other"})
    assert answer.status_code == 409
    assert translator(language)(f"command.{why}") in answer.text
    assert audit(tmp_path)[-1] == ("guard", "undo", why)


def test_a_kiosk_that_does_not_hear_the_order_is_told(client: FlaskClient) -> None:
    csrf = log_in(client)
    answer = client.post("/guard/undo", data={"csrf": csrf, "seq": "48213", "reason": "other"})
    assert answer.status_code == 502
    assert translator("en")("command.unreachable") in answer.text


@given(
    seq=st.text(max_size=30) | st.integers().map(str),
    reason=st.text(max_size=30) | st.sampled_from([each.value for each in ManualReason]),
)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_whatever_orders_more_than_a_number_and_a_word(
    client: FlaskClient, daemon: FakeControlServer, seq: str, reason: str
) -> None:
    csrf = token(client, "/guard/undo") if client.get_cookie("session") else log_in(client)
    before = len(daemon.commands)
    code = client.post("/guard/undo", data={"csrf": csrf, "seq": seq, "reason": reason}).status_code
    ordered = daemon.commands[before:]
    assert code in ({302} if ordered else {400})
    assert all(isinstance(one, UndoCommand) and one.manual_reason is not ManualReason.BUTTON for one in ordered)


def test_why_somebody_was_let_through_by_hand_goes_with_the_order_too(
    client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client)
    client.post("/guard/admit", data={"csrf": csrf, "direction": "out", "reason": "assisted"})
    assert daemon.commands == [AdmitCommand(Direction.OUT, ManualReason.ASSISTED)]


def test_when_there_is_nothing_left_to_undo_the_page_says_so(tmp_path: Path, client: FlaskClient) -> None:
    log_in(client)
    publish(tmp_path, a_status())
    html = client.get("/guard/undo").text
    assert translator("en")("undo.none") in html
    assert 'name="reason"' not in html


def test_the_screen_says_for_some_seconds_that_it_was_undone(tmp_path: Path, client: FlaskClient) -> None:
    now = datetime.now(UTC)
    shown = answers(now, last_s_ago=0.5)
    passed = dataclasses.replace(shown[-1], annulled=True)
    undo = dataclasses.replace(
        passed, number=1300, outcome="check-again", reason="annulled", kind=None, seq=48300, annulled=False
    )
    publish(
        tmp_path,
        a_status(now=now, recent_decisions=(*shown[:-1], passed, dataclasses.replace(undo, annuls_seq=passed.seq))),
    )
    screen = client.get("/live/guard/parts").json["screen"]  # type: ignore[index]
    assert 'class="show tone-check-again"' in screen
    assert "The last passage was cancelled." in screen
    latest = client.get("/live/status/parts").json["recent_decisions"]  # type: ignore[index]
    assert "<s>Let through</s>" in latest
    assert "(undone)" in latest


def recorded(path: Path) -> None:
    """Three passes of today, the second one undone; and somebody let in by hand."""
    now = datetime.now(UTC)
    store = SqliteEventStore(path)
    for number in (1, 2, 3):
        store.commit(dataclasses.replace(an_event(number), occurred_at=now))
        if number == 2:
            undone = dataclasses.replace(an_event(2), occurred_at=now)
            store.commit(dataclasses.replace(an_undo_event(20, undone), occurred_at=now))
    by_hand = dataclasses.replace(an_event(30, sealed_bytes=0), occurred_at=now, kind=None, pseudonym=b"")
    store.commit(dataclasses.replace(by_hand, reason=Reason.MANUAL, manual_reason=ManualReason.NOTHING_TO_SHOW))
    store.close()


def test_the_counts_of_the_day_hold_neither_the_undone_nor_its_undoing(tmp_path: Path) -> None:
    recorded(tmp_path / "p.db")
    day = HourlyCounts(tmp_path / "p.db", HUE).last_day(datetime.now(UTC))
    assert day
    assert (day.today, day.directions, day.annulled) == ({"pass": 3}, {"in": 2, "out": 1}, 1)
    publish(tmp_path, a_status())
    with browsing(tmp_path, database=tmp_path / "p.db") as browser:
        people = browser.get("/live/status/parts", headers={"Accept-Language": "en"}).json["occupancy"]  # type: ignore[index]
    assert "1 undone, not counted here" in people


def test_without_a_database_the_daemons_own_counts_leave_the_undone_out(tmp_path: Path) -> None:
    publish(tmp_path, a_status(counters={"pass": 12, "fail": 3, "annulled": 2}))
    with browsing(tmp_path) as browser:
        people = browser.get("/live/status/parts", headers={"Accept-Language": "en"}).json["occupancy"]  # type: ignore[index]
    assert re.findall(r"<dd>(\d+)</dd>", people)[-3:] == ["10", "0", "3"]


def test_the_events_name_both_records_and_the_guards_reasons(tmp_path: Path) -> None:
    publish(tmp_path, a_status())
    recorded(tmp_path / "p.db")
    with browsing(tmp_path, state_dir=staff(tmp_path / "state"), database=tmp_path / "p.db") as browser:
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        browser.post("/login", data={"role": "admin", "secret": PASSWORD})
        everything = browser.get("/admin/events").text
        undoings = browser.get("/admin/events?reason=annulled").text
    assert "<s>Let through</s>" in everything
    assert "(undone by record 3)" in everything
    assert "(Turned back, did not pass · undoes record 2)" in everything
    assert "(No code or papers)" in everything
    assert undoings.count("<tr><td") == 1
