"""Messages come from the catalogue of the language, otherwise from the English one. Numbers follow the language."""

import pytest

from kiosk.system.number_format import format_duration, format_number, format_quantity
from kiosk.system.translations import LOCALE_DIR, languages, translator


def test_each_folder_with_a_catalogue_is_a_language() -> None:
    assert languages() == tuple(sorted(path.name for path in LOCALE_DIR.iterdir()))
    assert {"en", "vi"} <= set(languages())


def test_a_message_is_returned_in_its_language_with_its_values() -> None:
    assert translator("vi")("page.receipt.ago", duration="3 phút") == "3 phút trước"
    assert translator("en")("page.receipt.ago", duration="3 min") == "3 min ago"


def test_a_language_without_a_catalogue_gets_english() -> None:
    assert translator("xx").language == "en"
    assert translator("xx")("direction.in") == "In"


def test_plural_forms_follow_the_language() -> None:
    assert translator("en").plural("quarantine.count", 1, count="1") == "1 record"
    assert translator("en").plural("quarantine.count", 2, count="2") == "2 records"
    assert translator("vi").plural("quarantine.count", 2, count="2") == "2 bản ghi"


def test_an_unknown_code_is_returned_unchanged() -> None:
    assert translator("vi").code("kind", "id-card") == "Thẻ căn cước (CCCD)"
    assert translator("vi").code("kind", "palm-print") == "palm-print"


def test_numbers_have_the_separators_of_the_language() -> None:
    assert format_number(translator("vi"), 1234567.25, 1) == "1.234.567,2"
    assert format_number(translator("en"), 1234567.25, 1) == "1,234,567.2"


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [(12.4, "12 giây", "12 s"), (119, "119 giây", "119 s"), (180, "3 phút", "3 min"), (-90, "-90 giây", "-90 s"),
     (7200, "2 giờ", "2 h"), (86400 * 21, "21 ngày", "21 d")],
)  # fmt: skip
def test_a_duration_is_written_in_its_largest_fitting_unit(seconds: float, vi: str, en: str) -> None:
    assert (format_duration(translator("vi"), seconds), format_duration(translator("en"), seconds)) == (vi, en)


@pytest.mark.parametrize(
    ("value", "unit", "vi", "en"),
    [
        (10681, "MB", "10.681 MB", "10,681 MB"),
        (52, "°C", "52 °C", "52 °C"),
        (1274, "events", "1.274 bản ghi", "1,274 events"),
        (1, "events", "1 bản ghi", "1 event"),
        (86400.0 * 3, "s", "3 ngày", "3 d"),
        (7, "", "7", "7"),
        (None, "s", "", ""),
    ],
)
def test_a_measured_value_is_written_with_its_unit(value: float | None, unit: str, vi: str, en: str) -> None:
    written = tuple(format_quantity(translator(language), value, unit) for language in ("vi", "en"))
    assert written == (vi, en)
