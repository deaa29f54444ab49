"""The page of a device's commands: what a person asks for is in the queue and in the audit, and its result is in words."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.sending import expire_commands, save_hello
from mqtt.centre.remote.store import newest_commands, save_reply
from mqtt.remote.commands import HelloMessage, ReplyMessage, ReplyState
from tests.fakes.centre.pages import csrf, visiting
from tests.fakes.centre.sent_log import add_sent_log

PAGE = "/sites/dong-ba/devices/gate-1/commands"
WHO = "operator-46"


def give(app: Flask, name: str, why: str = "the gate is cleaned", minutes: str = "10") -> int:
    with visiting(app, WHO) as client:
        form = {"csrf": csrf(client), "name": name, "why": why, "minutes": minutes}
        return client.post(PAGE, data=form).status_code


def shown(app: Flask) -> str:
    with visiting(app, WHO) as client:
        return client.get(PAGE, headers={"Accept-Language": "en"}).text


def test_a_command_is_in_the_queue_and_in_the_audit_with_its_reason(app: Flask, city: str) -> None:
    assert give(app, "pause") == 302
    with open_query(city) as query:
        (row,) = newest_commands(query, "dong-ba/gate-1", 5)
        entry = read_audit(query, limit=1)[0].entry
    assert (row.name, row.state, row.requested_by) == ("pause", "waiting", WHO)
    assert (entry.who, entry.what, entry.about, entry.why) == (
        WHO,
        "command-pause",
        "dong-ba/gate-1",
        "the gate is cleaned",
    )
    assert entry.area > 0
    assert "Waits for a connected device" in shown(app)


@pytest.mark.parametrize(("name", "why", "minutes"), [("pause", "x", "0"), ("pause", "x", "many"), ("resume", "", "5")])
def test_an_impossible_command_is_not_taken_and_the_page_says_so(
    app: Flask, city: str, name: str, why: str, minutes: str
) -> None:
    assert give(app, name, why, minutes) == 400
    with open_query(city) as query:
        assert newest_commands(query, "dong-ba/gate-1", 5) == []


@pytest.mark.parametrize("name", ["forget", "open-the-door", ""])
def test_only_the_offered_commands_can_be_given(app: Flask, name: str) -> None:
    assert give(app, name) == 400


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (ReplyState.DONE, None, "Done"),
        (ReplyState.REFUSED, "clock-unset", "the clock of the device is not set"),
        (ReplyState.FAILED, "failed", "it failed"),
    ],
)
def test_the_result_is_in_words(app: Flask, city: str, state: ReplyState, code: str | None, words: str) -> None:
    give(app, "resume")
    now = datetime.now(UTC)
    with open_query(city) as query:
        (row,) = newest_commands(query, "dong-ba/gate-1", 5)
        save_reply(query, "dong-ba/gate-1", ReplyMessage(id=row.id, state=state, at=now, code=code), now)
    assert words in shown(app)


def test_a_command_without_an_answer_says_so_and_a_late_answer_changes_nothing(app: Flask, city: str) -> None:
    give(app, "resume")
    later = datetime.now(UTC) + timedelta(minutes=6)
    with open_query(city) as query:
        expire_commands(query, later)
        (row,) = newest_commands(query, "dong-ba/gate-1", 5)
        save_reply(query, "dong-ba/gate-1", ReplyMessage(id=row.id, state=ReplyState.DONE, at=later), later)
        assert newest_commands(query, "dong-ba/gate-1", 5) == [row]
    assert "It was not sent" in shown(app)


def test_a_reply_of_another_device_changes_nothing(app: Flask, city: str) -> None:
    give(app, "send-log")
    now, content = datetime.now(UTC), b"forged"
    with open_query(city) as query:
        (row,) = newest_commands(query, "dong-ba/gate-1", 5)
        text = base64.b64encode(content).decode()
        part = ReplyMessage(id=row.id, state=ReplyState.PART, at=now, part=1, content=text)
        digest = hashlib.sha256(content).hexdigest()
        done = ReplyMessage(id=row.id, state=ReplyState.DONE, at=now, parts=1, sha256=digest)
        for reply in (part, done):
            save_reply(query, "vy-da/gate-1", reply, now)
        assert newest_commands(query, "dong-ba/gate-1", 5) == [row]
        assert query("SELECT count(*) AS n FROM remote_content")[0]["n"] == 0


def test_the_file_of_a_device_is_saved_with_an_audit_row_and_only_below_its_device(app: Flask, city: str) -> None:
    with open_query(city) as query:
        add_sent_log(query, "1" * 32, "dong-ba/gate-1", datetime.now(UTC), b"a line\n")
    with visiting(app, WHO) as client:
        answer = client.get(f"{PAGE}/{'1' * 32}")
        assert (answer.status_code, answer.data) == (200, b"a line\n")
        assert "dong-ba.gate-1-log.txt" in answer.headers["Content-Disposition"]
        assert client.get(f"/sites/dong-ba/devices/gate-2/commands/{'1' * 32}").status_code == 404
    with open_query(city) as query:
        assert [row.entry.what for row in read_audit(query, limit=2)] == ["read-device-file"] * 2


def test_the_page_shows_which_lists_the_device_has(app: Flask, city: str) -> None:
    hello = HelloMessage(session="5" * 32, at=datetime.now(UTC), lists={"trust": 3, "deny": 7})
    with open_query(city) as query:
        save_hello(query, "dong-ba/gate-1", hello, datetime.now(UTC))
        query("INSERT INTO list_version VALUES ('deny', 9, '', 1, '', '2026-11-28')")
    text = shown(app)
    assert "number 3" in text
    assert "number 7, the newest is 9" in text
