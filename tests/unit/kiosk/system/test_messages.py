"""Each outcome, reason, kind, direction and state has a text in each language."""

from enum import StrEnum

import pytest

from kiosk.core.model import CodeKind, DeviceState, Direction, Outcome, Reason
from kiosk.system.translations import languages, translator

FAMILIES: list[tuple[str, type[StrEnum]]] = [
    ("reason", Reason),
    ("outcome", Outcome),
    ("kind", CodeKind),
    ("direction", Direction),
    ("state", DeviceState),
]
DIACRITICS = set("ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize(("family", "values"), FAMILIES)
def test_each_value_has_a_text(language: str, family: str, values: type[StrEnum]) -> None:
    t = translator(language)
    for value in values:
        assert t.has(f"{family}.{value}"), value
        assert t(f"{family}.{value}").strip() == t(f"{family}.{value}") != ""


@pytest.mark.parametrize("language", languages())
def test_no_two_reasons_have_the_same_text(language: str) -> None:
    t = translator(language)
    assert len({t(f"reason.{reason}") for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("language", languages())
def test_reasons_are_sentences(language: str) -> None:
    t = translator(language)
    assert all(t(f"reason.{reason}").endswith(".") for reason in Reason)


def test_vietnamese_reasons_have_diacritics() -> None:
    t = translator("vi")
    assert all(DIACRITICS & set(t(f"reason.{reason}").lower()) for reason in Reason)
