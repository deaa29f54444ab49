"""Both languages are complete, and write times, numbers and spans in their own way."""

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import web_ui
from kiosk.core.model import DeviceState
from web_ui.i18n import texts, texts_admin, texts_device, texts_report
from web_ui.i18n.formatting import LANGUAGES, Language, LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonLiveness
from web_ui.kiosk.pages.view_model import format_measurement

TABLES: dict[str, Mapping[str, texts.Text]] = {
    name: value
    for module in (texts, texts_device, texts_admin, texts_report)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, dict)
}
PAGES = {**texts.PAGE_TEXTS, **texts_admin.ADMIN_TEXTS, **texts_device.DEVICE_TEXTS, **texts_report.REPORT_TEXTS}
HUE = ZoneInfo("Asia/Ho_Chi_Minh")
HOME = Path(web_ui.__file__).parent


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("table", "key"), [(table, key) for table, content in TABLES.items() for key in content], ids="/".join
)
def test_every_text_is_there_in_both_languages_with_the_same_values(table: str, key: str) -> None:
    text = TABLES[table][key]
    assert bool(text.vi) == bool(text.en)
    assert _fields(text.vi) == _fields(text.en)


def test_every_text_that_a_page_asks_for_exists_and_every_text_is_asked_for() -> None:
    sources = "\n".join(
        source.read_text(encoding="utf-8")
        for source in [*HOME.glob("templates/**/*.html"), *HOME.glob("*.py")]
        if not source.name.startswith("texts")
    )
    asked = set(re.findall(r"""\bt\(["']([a-z0-9.-]+)["'][,)]""", sources))
    mentioned = set(re.findall(r"""["']([a-z0-9.-]+)["']""", sources))
    prefixes = (*re.findall(r"""\bt\(["']([a-z.-]+\.)["'] ~""", sources), "error.", "order.")
    assert asked - set(PAGES) == set()
    assert {key for key in PAGES if key not in mentioned and not key.startswith(prefixes)} == set()


def test_no_text_stands_in_two_tables() -> None:
    assert len(PAGES) == sum(
        map(len, (texts.PAGE_TEXTS, texts_admin.ADMIN_TEXTS, texts_device.DEVICE_TEXTS, texts_report.REPORT_TEXTS))
    )


def test_every_state_has_its_sentence_and_its_remedy() -> None:
    states = {state.value for state in DeviceState} | {presence.value for presence in DaemonLiveness} - {
        DaemonLiveness.ONLINE.value
    }
    assert set(texts.STATE) == states == set(texts.REMEDY)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert LocaleFormatter("vi", HUE).number(1234567.25, 1) == "1.234.567,2"
    assert LocaleFormatter("en", HUE).number(1234567.25, 1) == "1,234,567.2"


def test_times_are_local_to_the_gate() -> None:
    at = datetime(2026, 11, 22, 18, 30, 5, tzinfo=UTC)
    assert LocaleFormatter("vi", HUE).date_time(at) == "01:30:05 23/11/2026"
    assert LocaleFormatter("en", HUE).date_time(at) == "01:30:05 2026-11-23"


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [(-1, "0 giây", "0 s"), (12.4, "12 giây", "12 s"), (119, "119 giây", "119 s"), (180, "3 phút", "3 min"),
     (7200, "2 giờ", "2 h"), (86400 * 21, "21 ngày", "21 d")],
)  # fmt: skip
def test_a_span_is_told_in_its_largest_fitting_unit(seconds: float, vi: str, en: str) -> None:
    assert (LocaleFormatter("vi", HUE).duration(seconds), LocaleFormatter("en", HUE).duration(seconds)) == (vi, en)


@given(seconds=st.floats(allow_nan=False, allow_infinity=False), language=st.sampled_from(LANGUAGES))
def test_every_span_has_a_number_and_a_unit(seconds: float, language: Language) -> None:
    number, unit = LocaleFormatter(language, HUE).duration(seconds).split(" ")
    assert number
    assert unit


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [
        ("0.6 d", "0,6 ngày", "0.6 d"),
        ("14 s", "14 giây", "14 s"),
        ("10681 MB", "10.681 MB", "10,681 MB"),
        ("52 °C", "52 °C", "52 °C"),
        ("+90 s", "90 giây", "90 s"),
        ("1274", "1.274", "1,274"),
        ("synchronised", "Đã đồng bộ", "Synchronised"),
        ("connection refused", "connection refused", "connection refused"),
        ("passages-1.db", "passages-1.db", "passages-1.db"),
        ("", "", ""),
    ],
)
def test_a_measured_value_is_written_as_the_language_writes_it(value: str, vi: str, en: str) -> None:
    assert (format_measurement(value, "vi"), format_measurement(value, "en")) == (vi, en)


@given(value=st.text(max_size=40), language=st.sampled_from(LANGUAGES))
def test_any_measured_value_can_be_written(value: str, language: Language) -> None:
    assert bool(format_measurement(value, language)) == bool(value)
