"""What the status page promises to a guard: the state in one sentence, never a stale green, no personal data."""

import dataclasses
import html as html_words
import os
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, ListStatus
from kiosk.core.status import HealthCheck as Check
from kiosk.system.messages import check_message
from kiosk.system.status_file import STATUS_FILE
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import GOOD, NO_PICTURE, a_status, answers, browsing, publish
from web_ui.kiosk.data.daemon_status import DaemonLiveness, read_daemon_status


def page(run_dir: Path, language: str = "en") -> str:
    with browsing(run_dir) as client:
        answer = client.get("/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def headline(html: str) -> str:
    found = re.search(r"<h1[^>]*>.*?<span>(.*?)</span></h1>", html, re.DOTALL)
    assert found
    return html_words.unescape(found[1])


@pytest.mark.parametrize("state", list(DeviceState))
@pytest.mark.parametrize("language", languages())
def test_every_state_of_the_daemon_is_said_in_one_sentence(tmp_path: Path, state: DeviceState, language: str) -> None:
    publish(tmp_path, a_status(state))
    assert headline(page(tmp_path, language)) == translator(language)(f"status.sentence.{state}")


def test_a_kiosk_that_does_not_run_is_said_at_once_with_the_way_to_start_it(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert headline(html) == "The kiosk is not running."
    assert "systemctl start kiosk" in html


@pytest.mark.parametrize("old", ["told", "written"])
def test_an_old_snapshot_is_never_shown_as_the_present(tmp_path: Path, old: str) -> None:
    then = datetime.now(UTC) - timedelta(seconds=12)
    publish(tmp_path, a_status(DeviceState.READY, now=then if old == "told" else None))
    if old == "written":
        os.utime(tmp_path / STATUS_FILE, (then.timestamp(), then.timestamp()))
    html = page(tmp_path)
    assert headline(html) == "The kiosk has not responded for 12 s."
    assert translator("en")("status.sentence.ready") not in html
    assert "Old figures" in html


def test_a_snapshot_from_the_future_is_not_believed(tmp_path: Path) -> None:
    publish(tmp_path, a_status(now=datetime.now(UTC) + timedelta(hours=7)))
    assert read_daemon_status(tmp_path).liveness is DaemonLiveness.STALE


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 99}', b"\xff\xfe", b'{"format": 2, "now_at": "yesterday"}'],
)
def test_a_snapshot_that_is_not_one_is_said_to_be_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATUS_FILE).write_bytes(content)
    assert headline(page(tmp_path)) == translator("en")("status.sentence.unreadable")


def test_a_time_without_a_zone_makes_a_snapshot_unreadable(tmp_path: Path) -> None:
    publish(tmp_path, a_status(started_at="2026-11-23T08:00:00"))
    assert read_daemon_status(tmp_path).liveness is DaemonLiveness.UNREADABLE


@given(content=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_breaks_the_reading_of_the_snapshot(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATUS_FILE).write_bytes(content)
    assert read_daemon_status(tmp_path).liveness is DaemonLiveness.UNREADABLE


def test_what_is_wrong_stands_under_the_state_with_what_to_do(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER))
    html = page(tmp_path, "vi")
    assert (
        html.index("Máy tạm ngừng quét")
        < html.index(check_message(translator("vi"), NO_PICTURE))
        < html.index("Ghi vào sổ giấy cho đến")
    )


@pytest.mark.parametrize("language", languages())
def test_the_latest_decisions_are_listed_newest_first_with_their_reason(tmp_path: Path, language: str) -> None:
    told = a_status()
    publish(tmp_path, told)
    sentences = re.findall(r'<span class="reason">(.*?)</span>', page(tmp_path, language))
    expected = [translator(language)(f"reason-label.{shown.reason}") for shown in reversed(told.recent_decisions)]
    assert [sentence.replace("&#39;", "'") for sentence in sentences] == expected[: len(sentences)]
    assert len(sentences) >= 8


def test_the_lamp_shows_an_answer_for_seconds_and_then_the_state(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(now=now, recent_decisions=answers(now, last_s_ago=0.5)))
    assert re.search(r'class="bulb is-pass lit"', page(tmp_path))
    publish(tmp_path, a_status(now=now, recent_decisions=answers(now, last_s_ago=8)))
    assert " lit" not in page(tmp_path)


def test_the_lamp_of_a_silent_kiosk_is_dark(tmp_path: Path) -> None:
    then = datetime.now(UTC) - timedelta(seconds=30)
    publish(tmp_path, a_status(now=then, recent_decisions=answers(then, last_s_ago=0)))
    assert " lit" not in page(tmp_path)


def test_waiting_passages_are_told_with_their_number_age_and_comfort(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    html = page(tmp_path, "vi")
    assert "1.274" in html
    assert "47 phút" in html
    assert translator("vi")("page.kept") in html


def test_a_reason_that_this_version_does_not_know_stands_for_itself(tmp_path: Path) -> None:
    told = a_status()
    publish(
        tmp_path,
        a_status(
            recent_decisions=(*told.recent_decisions[:-1], _with_reason(told.recent_decisions[-1], "from-the-future"))
        ),
    )
    assert "from-the-future" in page(tmp_path)


def _with_reason(shown: object, reason: str) -> object:
    import dataclasses

    return dataclasses.replace(shown, reason=reason)  # type: ignore[type-var]  # a Shown, which is a dataclass


HOSTILE = "\"><script>alert(1)</script>\u202e\x1b[31m'&" + "A" * 64_000


def test_markup_and_control_characters_in_values_show_as_text(tmp_path: Path) -> None:
    fact = Check("x", CheckStatus.WARN, 1, HOSTILE, HOSTILE, HOSTILE)
    publish(
        tmp_path,
        a_status(
            DeviceState.DEGRADED,
            checks=(fact,),
            site=HOSTILE,
            device=HOSTILE,
            lists={HOSTILE: ListStatus(1, datetime.now(UTC).isoformat())},
        ),
    )
    html = page(tmp_path)
    assert "<script>alert" not in html
    assert html.count("<script") == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "style" in named or any(name.startswith("on") for name in named) or (tag == "script" and "src" not in named):
            self.inline.append(tag)
        for value in (named.get("src"), named.get("href")):
            if value and "//" in value:
                self.foreign.append(value)


def test_a_page_has_nothing_inline_and_asks_nobody_else(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    tags = _Tags()
    tags.feed(page(tmp_path))
    assert tags.inline == []
    assert tags.foreign == []


def test_the_page_and_all_that_it_loads_weigh_less_than_100_kb(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    html = page(tmp_path)
    with browsing(tmp_path) as client:
        loaded = [client.get(path, buffered=True).data for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', html)]
    assert len(loaded) >= 3
    assert len(html.encode()) + sum(map(len, loaded)) < 100_000


def test_the_browser_chooses_the_language_and_the_switch_overrules_it_for_good(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        assert '<html lang="vi">' in client.get("/").text
        assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "en-GB,en;q=0.8,vi;q=0.5"}).text
        assert '<html lang="vi">' in client.get("/?lang=vi", headers={"Accept-Language": "en"}).text
        assert '<html lang="vi">' in client.get("/", headers={"Accept-Language": "en"}).text
        assert '<html lang="vi">' in client.get("/?lang=xx", headers={"Accept-Language": "en"}).text


def test_a_browser_with_another_language_gets_the_sites_own(tmp_path: Path) -> None:
    with browsing(tmp_path, language="en") as client:
        assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "fr"}).text


@pytest.mark.parametrize(
    ("ago", "en", "vi"),
    [
        (timedelta(days=9, hours=3), "9 d ago", "9 ngày trước"),
        (timedelta(hours=14, minutes=5), "14 h ago", "14 giờ trước"),
        (timedelta(minutes=5), "5 min ago", "5 phút trước"),
    ],
)
def test_lists_are_told_with_number_date_and_age_in_the_readers_way(
    tmp_path: Path, ago: timedelta, en: str, vi: str
) -> None:
    issued_at = datetime.now(UTC) - ago
    lists = {
        "trust": ListStatus(12, issued_at.isoformat(timespec="seconds")),
        "from-the-future": ListStatus(7, issued_at.isoformat(timespec="seconds")),
    }
    publish(tmp_path, a_status(lists=lists))
    local = issued_at.astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    assert f"number 12, {local:%Y-%m-%d} ({en})" in page(tmp_path, "en")
    html = page(tmp_path, "vi")
    assert f"số 12, {local:%d/%m/%Y} ({vi})" in html
    assert "<dt>from-the-future</dt>" in html


@pytest.mark.parametrize(
    ("inside", "capacity", "words"),
    [(213, None, ""), (213, 300, ""), (270, 300, "Nearly full"), (300, 300, "Full"), (350, 300, "Full"), (5, 0, "")],
)
def test_people_inside_are_told_against_the_most_that_may_be(
    tmp_path: Path, inside: int, capacity: int | None, words: str
) -> None:
    publish(tmp_path, a_status(occupancy=inside, capacity=capacity))
    html = page(tmp_path)
    assert (f"{capacity} at most" in html) is bool(capacity)
    assert re.findall(r"</svg> (Nearly full|Full)</span>", html) == ([words] if words else [])
    with browsing(tmp_path) as client:
        guard = client.get("/guard", headers={"Accept-Language": "en"}).text
    assert (f"{capacity} at most" in guard) is bool(capacity)
    assert ('class="full"' in guard) is (words == "Full")


def test_a_page_of_another_version_than_the_kiosk_says_so(tmp_path: Path) -> None:
    publish(tmp_path, a_status(version=version("entrance-kiosk")))
    assert "Version of this page" not in page(tmp_path)
    publish(tmp_path, a_status(version="0.0.1"))
    assert "Version of this page" in page(tmp_path)


def test_good_checks_are_collapsed_and_the_others_are_open(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    with browsing(tmp_path) as client:
        html = client.get("/live/status/parts?lang=en").json["checks"]  # type: ignore[index]
    above, _, below = html.partition("<details")
    good = len(GOOD) - 1
    assert (above.count("<li"), below.count("<li")) == (1, good)
    assert 'class="is-warn"' in above
    assert f"{good} of {good + 1} checks are good" in below
    assert "is-warn" not in below
    assert "open" not in below.partition(">")[0]


def test_a_pause_says_paused_on_the_status_page_and_not_out_of_service(tmp_path: Path) -> None:
    paused = Check("paused", CheckStatus.FAIL)
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER, checks=(*GOOD, paused)))
    t = translator("en")
    with browsing(tmp_path) as client:
        html = client.get("/live/status/parts?lang=en").json["status_header"]  # type: ignore[index]
        api = client.get("/api/v1/status").json
    assert t("status.sentence.paused") in html
    assert t("status.remedy.paused") in html
    assert t("status.sentence.out-of-order") not in html
    assert html.count(" lit") == 2
    assert api
    assert api["state"] == "out-of-order"


@pytest.mark.parametrize(("sharpness", "status", "grade"), [(400.0, "pass", "good"), (0.4, "warn", "soft")])
def test_the_camera_has_grades_that_a_person_understands(
    tmp_path: Path, sharpness: float, status: str, grade: str
) -> None:
    shown = a_status()
    publish(tmp_path, dataclasses.replace(shown, camera=dataclasses.replace(shown.camera, sharpness=sharpness)))
    with browsing(tmp_path) as client:
        html = client.get("/live/status/parts?lang=en").json["camera"]  # type: ignore[index]
    assert f'Focus</dt><dd><span class="is-{status}">' in html
    assert f" {translator('en')(f'frame-grade.{grade}')}</span>" in html


def test_a_clock_that_runs_by_itself_is_neither_green_nor_a_fault(tmp_path: Path) -> None:
    clock = Check("clock", CheckStatus.PASS, reason="free-running")
    publish(tmp_path, dataclasses.replace(a_status(), checks=(clock,)))
    with browsing(tmp_path) as client:
        parts = client.get("/live/status/parts?lang=en").json
    assert parts
    assert '<li class="is-notice">' in parts["checks"]
    assert "is-pass" not in parts["checks"]
    assert "failing" not in parts["status_header"]
