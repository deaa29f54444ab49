"""The screen for people at the gate: the answer, what to do now, who helps; never a name, in two languages."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState, Outcome, Reason
from kiosk.core.status import RecentDecision
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import a_status, answers, browsing, publish
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonLiveness, DaemonStatus
from web_ui.kiosk.pages.citizen import CitizenScreen, citizen_screen
from web_ui.settings import DEFAULT_ZONE, PlaceNames

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
"""A Monday in Hue."""
PLACE = PlaceNames("Chợ Đông Ba", "Cổng 1", "Ban quản lý chợ", "0234 3 999 999")


def screen(
    decision: RecentDecision | None = None,
    state: DeviceState = DeviceState.READY,
    *,
    liveness: DaemonLiveness = DaemonLiveness.ONLINE,
    language: str = "vi",
    opening_hours: tuple[str, ...] = (),
) -> CitizenScreen:
    status = a_status(state, now=NOON, recent_decisions=(decision,) if decision else ())
    daemon = DaemonStatus(liveness, status, 0.1)
    return citizen_screen(daemon, NOON, LocaleFormatter(language, DEFAULT_ZONE), PLACE, opening_hours)


def a_decision(outcome: Outcome, reason: Reason, direction: str | None = None) -> RecentDecision:
    return dataclasses.replace(
        answers(NOON, 0.5)[0], at=NOON.isoformat(), outcome=outcome, reason=reason, direction=direction
    )


def test_a_pass_is_an_invitation_in_both_languages_without_more_words() -> None:
    found = screen(a_decision(Outcome.PASS, Reason.OK, "in"))
    assert (found.shape, found.direction) == ("pass", "in")
    assert (found.main.word, found.main.sentence) == ("Mời vào", "")
    assert (found.second.language, found.second.word) == ("en", "Please go in")
    assert found.notes == ()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in {Reason.OK, Reason.MANUAL}])
def test_every_refusal_says_what_to_do_and_who_helps_and_never_sounds_like_a_permission(
    reason: Reason, language: str
) -> None:
    found = screen(a_decision(Outcome.FAIL, reason), language=language)
    assert found.main.sentence == translator(language)(f"reason.{reason}")
    assert found.main.sentence != found.second.sentence
    assert "được qua" not in f"{found.main.word} {found.main.sentence}"
    assert any("0234 3 999 999" in note for note in found.notes)


def test_a_closed_gate_shows_the_hours_of_today_only() -> None:
    hours = ("mon-fri 07:30-11:30", "mon 13:30-17:00", "sun 08:00-10:00")
    found = screen(a_decision(Outcome.FAIL, Reason.CLOSED), opening_hours=hours)
    assert found.notes[0] == "Giờ mở cửa hôm nay: 07:30-11:30, 13:30-17:00"


def test_on_a_closed_day_no_hours_are_shown() -> None:
    found = screen(a_decision(Outcome.FAIL, Reason.CLOSED), opening_hours=("sat 08:00-12:00",))
    assert all("mở cửa" not in note for note in found.notes)


@pytest.mark.parametrize("state", [DeviceState.READY, DeviceState.DEGRADED])
def test_while_codes_are_read_the_person_is_asked_for_one(state: DeviceState) -> None:
    found = screen(state=state)
    assert (found.shape, found.main.word, found.number) == (state, "Mời đưa mã QR", 0)
    assert found.notes == ()


@pytest.mark.parametrize("liveness", [DaemonLiveness.NOT_RUNNING, DaemonLiveness.STALE, DaemonLiveness.UNREADABLE])
def test_a_silent_program_sends_the_person_to_the_guard(liveness: DaemonLiveness) -> None:
    found = screen(liveness=liveness)
    assert (found.shape, found.main.word, found.main.sentence) == ("paused", "Máy tạm ngừng", "Xin gặp bảo vệ.")
    assert found.notes == ("Cần giúp: Ban quản lý chợ 0234 3 999 999",)


def test_a_kiosk_that_is_out_of_order_sends_the_person_to_the_guard_and_names_no_cause() -> None:
    found = screen(state=DeviceState.OUT_OF_ORDER)
    assert (found.main.word, found.main.sentence) == ("Máy tạm ngừng", "Xin gặp bảo vệ.")


def test_an_answer_goes_when_the_lamp_goes() -> None:
    old = dataclasses.replace(a_decision(Outcome.PASS, Reason.OK), at=(NOON - timedelta(seconds=4)).isoformat())
    assert screen(old).shape == "ready"


@pytest.mark.parametrize("language", languages())
def test_the_page_shows_the_answer_of_the_moment_and_follows_the_kiosk(tmp_path: Path, language: str) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, a_status(now=now, recent_decisions=answers(now, 0.2)))
    with browsing(tmp_path) as client:
        html = client.get("/welcome", headers={"Accept-Language": language}).text
        parts = client.get("/live/welcome/parts", headers={"Accept-Language": language}).json
    assert translator(language)("outcome.pass.in") in html
    assert parts is not None
    assert list(parts) == ["citizen"]
