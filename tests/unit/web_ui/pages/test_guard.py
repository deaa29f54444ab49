"""The guard's screen: one answer at a time, told by shape, word and sentence; silence is said as silence."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.system.messages import check_message
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import NO_PICTURE, QUEUE, a_status, answers, browsing, publish


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
    assert sentence.endswith("Use the paper list until the lamp shows ready.")


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
