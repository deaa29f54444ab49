"""The guard's screen: one answer at a time, with shape, word and sentence. Silence is shown as silence."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, HealthCheck, UndoStatus
from kiosk.system.messages import check_message
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import NO_BROKER, NO_PICTURE, QUEUE, a_status, answers, browsing, publish
from web_ui.kiosk.data.daemon_status import DaemonLiveness, DaemonStatus
from web_ui.kiosk.pages import guard


def screen(run_dir: Path, language: str) -> tuple[str, str, str]:
    """Tone, word and sentence of the guard's screen."""
    with browsing(run_dir) as client:
        html = client.get("/guard", headers={"Accept-Language": language}).text
    found = re.search(
        r'class="show tone-([a-z-]+)".*?<h1 class="word">([^<]+?)(?: <span.*?)?</h1>\s*<p class="sentence">(.*?)</p>',
        html,
        re.DOTALL,
    )
    assert found
    return found[1], found[2], found[3].replace("&#39;", "'")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("index", range(len(QUEUE)))
def test_an_answer_fills_the_screen_with_its_word_and_its_reason(tmp_path: Path, index: int, language: str) -> None:
    outcome, reason, direction = QUEUE[index]
    now = datetime.now(UTC)
    publish(tmp_path, a_status(now=now, recent_decisions=_ending_with(index, now)))
    t = translator(language)
    word = t(f"outcome.pass.{direction}" if outcome == "pass" else f"outcome.{outcome}")
    assert screen(tmp_path, language) == (outcome, word, t(f"reason.{reason}"))


def test_a_refusal_has_a_line_for_the_guard_and_a_pass_has_none(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with browsing(tmp_path) as client:
        publish(tmp_path, a_status(now=now, recent_decisions=_ending_with(1, now)))
        refused = client.get("/guard", headers={"Accept-Language": "en"}).text
        publish(tmp_path, a_status(now=now, recent_decisions=_ending_with(0, now)))
        passed = client.get("/guard", headers={"Accept-Language": "en"}).text
    assert translator("en")("reason-guard.expired") in refused
    assert 'class="hint"' not in passed


def _ending_with(index: int, now: datetime) -> tuple[object, ...]:
    shown = answers(now + timedelta(seconds=7 * (len(QUEUE) - 1 - index)), last_s_ago=0.5)
    return shown[: index + 1]


@pytest.mark.parametrize("state", [DeviceState.STARTING, DeviceState.READY, DeviceState.DEGRADED])
def test_after_some_seconds_the_screen_tells_the_state(tmp_path: Path, state: DeviceState) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(state, now=now, recent_decisions=answers(now, last_s_ago=4)))
    assert screen(tmp_path, "en")[:2] == (state, translator("en")(f"state.{state}"))


def test_out_of_order_hides_the_last_answer_and_says_why_and_what_to_do(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER, now=now, recent_decisions=answers(now, last_s_ago=0.5)))
    tone, _, sentence = screen(tmp_path, "en")
    assert tone == "out-of-order"
    assert sentence.startswith(check_message(translator("en"), NO_PICTURE))
    assert sentence.count("paper list") == 1


@pytest.mark.parametrize("language", languages())
def test_a_pause_is_a_state_of_its_own_and_names_the_paper_list_once(tmp_path: Path, language: str) -> None:
    paused = HealthCheck("paused", CheckStatus.FAIL)
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER, checks=(paused,)))
    t = translator(language)
    tone, word, sentence = screen(tmp_path, language)
    assert (tone, word) == ("paused", t("state.paused"))
    assert sentence == f"{t('status.sentence.paused')} {t('status.remedy.paused')}"
    assert sentence.count(t("guard.paper-list")) == 1


def test_a_pause_with_another_fault_is_out_of_order(tmp_path: Path) -> None:
    paused = HealthCheck("paused", CheckStatus.FAIL)
    publish(tmp_path, a_status(DeviceState.OUT_OF_ORDER, checks=(paused, NO_PICTURE)))
    assert screen(tmp_path, "en")[0] == "out-of-order"


@pytest.mark.parametrize("language", languages())
def test_degraded_says_what_is_wrong_with_its_remedy(tmp_path: Path, language: str) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    assert check_message(translator(language), NO_BROKER) in screen(tmp_path, language)[2]


def recent(run_dir: Path) -> list[str]:
    """The words below the screen, newest first."""
    with browsing(run_dir) as client:
        html = client.get("/live/guard/parts?lang=en").json["recent"]  # type: ignore[index]
    return re.findall(r"</svg> (\S[^<]*)</b>", html)


def test_the_last_answer_stays_below_the_screen_with_the_two_before(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(now=now, recent_decisions=answers(now, last_s_ago=5)))
    t = translator("en")
    assert recent(tmp_path) == [t(f"outcome-label.{each[0]}") for each in reversed(QUEUE[-3:])]


def test_the_answer_that_fills_the_screen_is_not_repeated_below(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(now=now, recent_decisions=answers(now, last_s_ago=0.5)))
    t = translator("en")
    assert recent(tmp_path) == [t(f"outcome-label.{each[0]}") for each in reversed(QUEUE[-4:-1])]


@pytest.mark.parametrize("silent", [True, False])
def test_where_no_code_opens_the_gate_no_answer_is_left_on_the_screen(tmp_path: Path, *, silent: bool) -> None:
    now = datetime.now(UTC) - timedelta(seconds=4 if silent else 0)
    state = DeviceState.READY if silent else DeviceState.OUT_OF_ORDER
    publish(tmp_path, a_status(state, now=now, recent_decisions=answers(now, last_s_ago=5)))
    assert recent(tmp_path) == []


def test_the_seconds_left_to_undo_are_on_the_button_and_count_down_while_the_snapshot_ages(tmp_path: Path) -> None:
    undo = UndoStatus(1, datetime.now(UTC).isoformat(), "in", "ok", None, 21.0)
    status = a_status(undo=undo)
    assert guard.undo_seconds_left(DaemonStatus(DaemonLiveness.ONLINE, status, 0.0)) == 21
    assert guard.undo_seconds_left(DaemonStatus(DaemonLiveness.ONLINE, status, 2.5)) == 18
    assert guard.undo_seconds_left(DaemonStatus(DaemonLiveness.ONLINE, status, 30.0)) == 0
    assert guard.undo_seconds_left(DaemonStatus(DaemonLiveness.STALE, status, 0.0)) == 0


def test_a_silent_kiosk_is_never_a_pass_and_sends_the_guard_to_paper(tmp_path: Path) -> None:
    then = datetime.now(UTC) - timedelta(seconds=4)
    publish(tmp_path, a_status(now=then, recent_decisions=answers(then, last_s_ago=0)))
    tone, word, sentence = screen(tmp_path, "vi")
    assert (tone, word) == ("stale", "Không phản hồi")
    assert "Ghi vào sổ giấy" in sentence
    assert "systemctl" not in sentence


def test_every_answer_carries_its_number_so_that_a_new_one_sounds_once(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    shown = answers(now, last_s_ago=0.2)
    publish(tmp_path, a_status(now=now, recent_decisions=shown))
    with browsing(tmp_path) as client:
        parts = client.get("/live/guard/parts").json
    assert parts is not None
    assert f'data-number="{shown[-1].number}"' in parts["screen"]


def test_a_phone_can_keep_the_screen_as_an_application(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        html = client.get("/guard").text
        link = re.search(r'rel="manifest" href="([^"]+)"', html)
        assert link
        answer = client.get(link[1])
    assert answer.mimetype == "application/manifest+json"
    manifest = json.loads(answer.text)
    assert (manifest["start_url"], manifest["display"]) == ("/guard", "fullscreen")


def test_the_screen_weighs_less_than_100_kb(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        html = client.get("/guard").text
        paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
        assert len(html) + sum(len(client.get(path, buffered=True).data) for path in paths) < 100_000
