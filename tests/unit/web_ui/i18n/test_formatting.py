"""A reader gets a language that has a catalogue, and its way of writing times and durations."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import LanguageAccept

from kiosk.system.translations import languages
from web_ui.i18n.formatting import LocaleFormatter, choose_language, language_names

HUE = ZoneInfo("Asia/Ho_Chi_Minh")


def test_every_language_is_offered_by_its_own_name() -> None:
    assert dict(language_names()) == {"en": "English", "vi": "Tiếng Việt"}


@pytest.mark.parametrize(
    ("requested", "cookie", "accepts", "expected"),
    [
        ("en", "vi", [("vi", 1.0)], "en"),
        (None, "en", [("vi", 1.0)], "en"),
        (None, None, [("en-GB", 1.0), ("en", 0.8), ("vi", 0.5)], "en"),
        ("xx", "yy", [("fr", 1.0)], "vi"),
    ],
)
def test_the_link_wins_then_the_cookie_then_the_browser_then_the_site(
    requested: str | None, cookie: str | None, accepts: list[tuple[str, float]], expected: str
) -> None:
    assert choose_language(requested, cookie, LanguageAccept(accepts), "vi") == expected


def test_times_are_local_to_the_gate() -> None:
    at = datetime(2026, 11, 22, 18, 30, 5, tzinfo=UTC)
    assert LocaleFormatter("vi", HUE).date_time(at) == "01:30:05 23/11/2026"
    assert LocaleFormatter("en", HUE).date_time(at) == "01:30:05 2026-11-23"


def test_a_duration_is_never_negative() -> None:
    assert LocaleFormatter("vi", HUE).duration(-1) == "0 giây"
    assert LocaleFormatter("en", HUE).duration(180) == "3 min"


@given(seconds=st.floats(allow_nan=False, allow_infinity=False), language=st.sampled_from(languages()))
def test_every_duration_has_a_number_and_a_unit(seconds: float, language: str) -> None:
    number, unit = LocaleFormatter(language, HUE).duration(seconds).split(" ")
    assert number
    assert unit
