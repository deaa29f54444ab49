"""Aiming, log and quarantine: only for the administrator, noted, in both languages, and whatever is hostile shows as text."""

import base64
import dataclasses
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from kiosk.app.control_socket import MAX_RESPONSE_BYTES, CapturePreviewCommand, ReleaseQuarantineCommand
from kiosk.core.model import Outcome
from kiosk.storage import SqliteEventStore
from kiosk.system import logs
from kiosk.system.logs import LOG_FILE, LogBuffer, LogLine
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import audit, log_in, staff, visiting
from web_ui.auth.accounts import Role
from web_ui.i18n import text_sanitizer
from web_ui.kiosk.app import create_app
from web_ui.kiosk.pages.admin.camera_aiming import AUDIT_INTERVAL_S, LiveLooks
from web_ui.kiosk.pages.admin.log import LOG_BUFFER_EXTENSION, MAX_ROWS
from web_ui.settings import WebSettings

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100
STILL: dict[str, Any] = {
    "jpeg": base64.b64encode(JPEG).decode(),
    "size_px": (640, 360),
    "camera_px": (1280, 720),
    "mean_luma": 31.4,
    "contrast": 20.0,
    "sharpness": 12.0,
    "module_px": 2.1,
    "codes": [[(100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)]],
    "advice": [{"code": "too-dark", "is_ok": False}],
}
HOSTILE = "\"><script>alert(1)</script>\u202ednuora\x1b[31m\x00\u2066'&"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize("path", ["/admin/aiming", "/admin/log", "/admin/quarantine"])
@pytest.mark.parametrize("role", [None, Role.GUARD])
def test_only_the_administrator_sees_the_device(client: FlaskClient, path: str, role: Role | None) -> None:
    csrf = log_in(client, role) if role else "x"
    assert client.get(path).headers["Location"].startswith("/login?role=admin")
    assert client.post(path, data={"csrf": csrf, "seq": "all"}).status_code in {403, 405}


def test_a_picture_is_only_taken_when_it_is_asked_for_and_then_it_is_noted(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = STILL
    assert "data:image" not in client.get("/admin/aiming").text
    assert daemon.commands == []
    answer = client.post("/admin/aiming", data={"csrf": csrf})
    assert daemon.commands == [CapturePreviewCommand()]
    assert audit(tmp_path)[-2:] == [("admin", "capture-preview", "requested"), ("admin", "capture-preview", "done")]
    assert f'href="data:image/jpeg;base64,{STILL["jpeg"]}"' in answer.text
    assert "The picture is too dark" in answer.text
    assert "2.1 px" in answer.text
    assert 'points="100.0,100.0 200.0,100.0 200.0,200.0 100.0,200.0"' in answer.text


def test_a_picture_may_be_kept_by_nobody_and_only_this_page_may_show_one(
    client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = STILL
    answer = client.post("/admin/aiming", data={"csrf": csrf})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "img-src 'self' data:;" in answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    for path in ("/admin", "/"):
        assert "img-src 'self';" in client.get(path).headers["Content-Security-Policy"]


def test_nothing_of_a_picture_is_on_disk(tmp_path: Path, client: FlaskClient, daemon: FakeControlServer) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = STILL
    client.post("/admin/aiming", data={"csrf": csrf})
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert JPEG not in kept
    assert STILL["jpeg"].encode() not in kept


@pytest.mark.parametrize(
    "change",
    [
        {"jpeg": "not base64!"},
        {"jpeg": base64.b64encode(b"<svg onload=alert(1)>").decode()},
        {"jpeg": base64.b64encode(JPEG + b"x" * 200_000).decode()},
        {"size_px": (0, 0)},
        {"codes": [[("<", 1)]]},
        {"mean_luma": "bright"},
        {"advice": [{"is_ok": True}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_that_is_no_picture_is_told_so(
    client: FlaskClient, daemon: FakeControlServer, change: dict[str, Any]
) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = {**STILL, **change}
    assert len(json.dumps(daemon.detail)) < MAX_RESPONSE_BYTES
    answer = client.post("/admin/aiming", data={"csrf": csrf})
    assert answer.status_code == 502
    assert "answered without a picture" in answer.text
    assert "data:image" not in answer.text


def test_a_camera_without_a_picture_is_told_in_words(client: FlaskClient, daemon: FakeControlServer) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.refuses = "The camera gives no picture; the self-check says why."
    answer = client.post("/admin/aiming", data={"csrf": csrf})
    assert answer.status_code == 502
    assert daemon.refuses in answer.text


def written(run_dir: Path, *found: LogLine) -> None:
    text = "".join(json.dumps(dataclasses.asdict(line)) + "\n" for line in found)
    (run_dir / LOG_FILE).write_text(text, encoding="utf-8")


def a_line(text: str, level: str = "INFO") -> LogLine:
    return LogLine(datetime.now(UTC).isoformat(), level, "kiosk.core.gate", text)


def shown(html: str) -> list[str]:
    return re.findall(r'<bdi class="text">(.*?)</bdi>', html, re.DOTALL)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("", ["d", "c", "b"]),
        ("info", ["d", "c", "b", "a"]),
        ("warning", ["d", "c", "b"]),
        ("error", ["d", "c"]),
        ("<script>", ["d", "c", "b"]),
    ],
)
def test_the_log_is_shown_newest_first_and_filtered_by_level(
    tmp_path: Path, client: FlaskClient, level: str, expected: list[str]
) -> None:
    written(tmp_path, a_line("a"), a_line("b", "WARNING"), a_line("c", "ERROR"), a_line("d", "ODD"))
    log_in(client, Role.ADMIN)
    assert shown(client.get("/admin/log", query_string={"level": level}).text) == expected
    assert audit(tmp_path)[-1] == ("admin", "view-log", "done")


def test_a_long_log_is_shown_in_part_and_says_so(tmp_path: Path, client: FlaskClient) -> None:
    words = [f"{'a' * (number % 50 + 1)}{'b' * (number // 50)}" for number in range(MAX_ROWS + 7)]
    written(tmp_path, *map(a_line, words))
    log_in(client, Role.ADMIN)
    html = client.get("/admin/log?level=info").text
    assert shown(html)[0] == words[-1]
    assert len(shown(html)) == MAX_ROWS
    assert "7 older lines" in html


def test_the_log_is_searched_by_words_in_any_order(tmp_path: Path, client: FlaskClient) -> None:
    written(tmp_path, a_line("Camera failed: no frame"), a_line("the disk is full"), a_line("camera recovered"))
    log_in(client, Role.ADMIN)
    query = {"level": "info", "find": "FAILED camera"}
    assert shown(client.get("/admin/log", query_string=query).text) == ["Camera failed: no frame"]
    assert "No lines." in client.get("/admin/log", query_string={**query, "find": "nothing"}).text


def test_lines_that_repeat_are_one_row_with_their_number(tmp_path: Path, client: FlaskClient) -> None:
    repeated = [a_line(f"camera failed after {number} s", "ERROR") for number in range(30)]
    written(tmp_path, *repeated, a_line("camera recovered", "WARNING"))
    log_in(client, Role.ADMIN)
    html = client.get("/admin/log").text
    assert shown(html) == ["camera recovered", "camera failed after 29 s"]
    assert "(30 times)" in html


def test_live_pictures_are_a_part_of_the_page_and_one_entry_a_minute(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = STILL
    answers = [client.post("/admin/aiming/live", data={"csrf": csrf}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "<html" not in answers[0].text
    assert STILL["jpeg"] in answers[0].text
    assert answers[0].headers["Cache-Control"] == "no-store"
    assert audit(tmp_path).count(("admin", "capture-preview", "done")) == 1
    assert daemon.commands == [CapturePreviewCommand()] * 3
    daemon.refuses = "no picture"
    refused = client.post("/admin/aiming/live", data={"csrf": csrf})
    assert refused.status_code == 502
    assert "Live pictures go on" in refused.text
    assert client.post("/admin/aiming/live", data={"csrf": "x"}).status_code == 403


def test_a_look_is_due_again_after_a_minute_for_each_login() -> None:
    now = [0.0]
    looks = LiveLooks(monotonic=lambda: now[0])
    assert [looks.is_due("a"), looks.is_due("a"), looks.is_due("b")] == [True, False, True]
    now[0] += AUDIT_INTERVAL_S
    assert looks.is_due("a")


def test_hostile_log_lines_show_as_text(tmp_path: Path, client: FlaskClient) -> None:
    log = logging.getLogger("test.hostile")
    log.setLevel(logging.INFO)
    with logs.log_file_handler(tmp_path):
        log.info("%s%s", HOSTILE, "A" * 65_536)
    log_in(client, Role.ADMIN)
    html = client.get("/admin/log?level=info").text
    (line,) = shown(html)
    assert line.startswith(
        "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩dnuora⟨U+001B⟩[31m⟨U+0000⟩⟨U+2066⟩&#39;&amp;AAA"
    )
    assert len(html) < 20_000
    assert not set(HOSTILE) & {"\u202e", "\x1b", "\x00", "\u2066"} & set(html)


def test_the_pages_own_lines_are_shown_too(tmp_path: Path) -> None:
    recent = LogBuffer()
    recent.handle(logging.LogRecord("web_ui", logging.ERROR, "", 0, "the page stumbled", None, None))
    app, live = create_app(WebSettings(tmp_path, state_dir=staff(tmp_path / "state")), recent)
    with app.test_client() as browser:
        log_in(browser, Role.ADMIN)
        assert shown(browser.get("/admin/log?source=page").text) == ["the page stumbled"]
        assert shown(browser.get("/admin/log").text) == []
    live.close()
    assert app.extensions[LOG_BUFFER_EXTENSION] is recent


def refused(database: Path, *why: str) -> None:
    """A database with three passages, whose first ones the centre refused for these reasons."""
    store = SqliteEventStore(database)
    for number in range(3):
        store.commit(dataclasses.replace(an_event(number), outcome=Outcome.FAIL))
    store.acknowledge(up_to_seq=0, rejected=[(seq, reason) for seq, reason in enumerate(why, 1)])
    store.close()


def test_quarantine_shows_which_passage_when_why_and_how_often(tmp_path: Path, client: FlaskClient) -> None:
    refused(tmp_path / "p.db", "too-large", HOSTILE)
    with closing(sqlite3.connect(tmp_path / "p.db")) as writer, writer:
        writer.execute("UPDATE rejection_count SET times = 3 WHERE seq = 1")
    log_in(client, Role.ADMIN)
    html = client.get("/admin/quarantine").text
    first = re.search(r"<tr><td.*?</tr>", html, re.DOTALL)
    assert first
    for told in (
        "<b>1</b>",
        str(an_event(0).id),
        an_event(0).pseudonym.hex()[:8],
        "08:00:00",
        "The record is larger than allowed.",
        '<code class="address">too-large</code>',
        'class="figure">3</td>',
    ):
        assert told in first[0]
    assert an_event(0).pseudonym.hex() not in html
    assert "<script>" not in html
    assert "⟨U+202E⟩" in html
    assert "2 records" in html
    assert audit(tmp_path)[-1] == ("admin", "view-quarantine", "done")


@pytest.mark.parametrize(("given", "order"), [("2", ReleaseQuarantineCommand(2)), ("all", ReleaseQuarantineCommand())])
def test_one_record_or_all_are_sent_again(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, given: str, order: ReleaseQuarantineCommand
) -> None:
    refused(tmp_path / "p.db", "bad-data", "bad-data")
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = {"released": 1}
    assert f'name="seq" value="{given}"' in client.get("/admin/quarantine").text
    answer = client.post("/admin/quarantine", data={"csrf": csrf, "seq": given})
    assert answer.status_code == 200
    assert "Back in the queue" in answer.text
    assert daemon.commands == [order]
    assert audit(tmp_path)[-2:] == [
        ("admin", "release-quarantine", "requested"),
        ("admin", "release-quarantine", "done"),
    ]


def test_what_is_no_longer_in_quarantine_cannot_be_sent_again(client: FlaskClient, daemon: FakeControlServer) -> None:
    csrf = log_in(client, Role.ADMIN)
    daemon.detail = {"released": 0}
    assert client.post("/admin/quarantine", data={"csrf": csrf, "seq": "7"}).status_code == 409


@pytest.mark.parametrize("given", ["", "0", "-1", "two", "1.5", "9" * 19, "0x1", "9" * 500, "١", "1 OR 1=1"])
def test_a_number_that_is_none_gives_no_order(client: FlaskClient, daemon: FakeControlServer, given: str) -> None:
    csrf = log_in(client, Role.ADMIN)
    assert client.post("/admin/quarantine", data={"csrf": csrf, "seq": given}).status_code == 400
    assert daemon.commands == []


def test_an_empty_quarantine_is_good_news_and_a_missing_database_is_told(tmp_path: Path, client: FlaskClient) -> None:
    log_in(client, Role.ADMIN)
    assert "The centre has returned no records." in client.get("/admin/quarantine").text
    (tmp_path / "p.db").unlink()
    answer = client.get("/admin/quarantine")
    assert answer.status_code == 503
    assert "The event database cannot be read." in answer.text


@given(text=st.text())
def test_nothing_that_a_browser_obeys_or_hides_is_left_in_a_text(text: str) -> None:
    made = text_sanitizer.sanitize(text)
    assert isinstance(made, str)
    made.encode("utf-8")
    assert not re.search(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]", made
    )
    assert text_sanitizer.sanitize(made) == made


def test_vietnamese_and_our_own_markup_stay_as_they_are() -> None:
    text = "Mời qua: chợ Đông Ba, nước sông Hương\n\tệ̃"
    assert text_sanitizer.sanitize(text) is text
    markup = Markup("<b>\u200b</b>")
    assert text_sanitizer.sanitize(markup) is markup
    assert text_sanitizer.sanitize(7) == 7


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    assert text_sanitizer.truncate("x" * 5000) == "x" * text_sanitizer.MAX_TEXT_LENGTH + " … (+1000)"
    assert text_sanitizer.truncate("short") == "short"
