"""What is said: each answer once, the newest only, never an old one, and that the kiosk is out of service."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import DeviceState, Outcome, Reason
from kiosk.hardware.speech.announcements import OUT_OF_SERVICE, Announcer, all_messages, answer_announcement
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import a_status, answers

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def a_snapshot(count: int = 10, state: DeviceState = DeviceState.READY, age_s: float = 0.1) -> dict[str, Any]:
    """A status whose newest decision is the one with that number."""
    status = a_status(
        state, now=NOW, recent_decisions=answers(NOW + timedelta(seconds=7 * (10 - count)), age_s)[:count]
    )
    return dataclasses.asdict(status)


def test_what_happened_before_the_start_is_not_said() -> None:
    assert Announcer().next(a_snapshot(), NOW) == ()


def test_each_answer_is_said_once_with_its_reason() -> None:
    announcer = Announcer()
    announcer.next(a_snapshot(1), NOW)
    assert announcer.next(a_snapshot(2), NOW) == ("outcome.fail", "reason.expired")
    assert announcer.next(a_snapshot(2), NOW) == ()
    assert announcer.next(a_snapshot(3), NOW) == ("outcome.pass.out",)


def test_of_several_answers_only_the_newest_is_said() -> None:
    announcer = Announcer()
    announcer.next(a_snapshot(1), NOW)
    assert announcer.next(a_snapshot(6), NOW) == ("outcome.pass.in",)


def test_an_answer_of_a_person_who_has_gone_is_not_said() -> None:
    announcer = Announcer()
    announcer.next(a_snapshot(1), NOW)
    assert announcer.next(a_snapshot(2, age_s=4.0), NOW) == ()


def test_the_first_answer_of_a_daemon_that_started_again_is_said() -> None:
    announcer = Announcer()
    announcer.next(a_snapshot(2), NOW)
    again = a_snapshot(2) | {"started_at": "2026-11-23T04:59:00+00:00"}
    assert announcer.next(again, NOW) == ("outcome.fail", "reason.expired")


def test_out_of_service_is_said_once_and_again_after_it_was_in_service() -> None:
    announcer = Announcer()
    out = a_snapshot(1, DeviceState.OUT_OF_ORDER)
    assert announcer.next(out, NOW) == ()
    announcer.next(a_snapshot(1), NOW)
    assert [announcer.next(out, NOW), announcer.next(out, NOW)] == [OUT_OF_SERVICE, ()]
    announcer.next(a_snapshot(1), NOW)
    assert [announcer.next(None, NOW), announcer.next(None, NOW)] == [OUT_OF_SERVICE, ()]


@given(st.text(max_size=12), st.text(max_size=12), st.none() | st.text(max_size=6))
def test_codes_of_another_version_are_never_said(outcome: str, reason: str, direction: str | None) -> None:
    assert set(answer_announcement(outcome, reason, direction)) <= set(all_messages())


@pytest.mark.parametrize("language", languages())
def test_every_sentence_exists_and_no_refusal_contains_a_permission(language: str) -> None:
    t = translator(language)
    for message in all_messages():
        assert t.has(message), message
    for reason in Reason:
        said = " ".join(t(message) for message in answer_announcement(Outcome.FAIL, reason, None))
        assert "được qua" not in said
        assert "go in" not in said
