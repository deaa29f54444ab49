"""Each reason, outcome, direction, kind and state has a text in both languages."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from kiosk.core import messages
from kiosk.core.model import CodeKind, DeviceState, Direction, Outcome, Reason

TABLES = [
    (messages.REASON_TEXTS, Reason),
    (messages.OUTCOME_TEXTS, Outcome),
    (messages.KIND_TEXTS, CodeKind),
    (messages.DIRECTION_TEXTS, Direction),
    (messages.STATE_TEXTS, DeviceState),
]
DIACRITICS = set("ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ")


@pytest.mark.parametrize(("table", "values"), TABLES)
def test_every_value_has_a_text(table: Mapping[Any, messages.LocalizedText], values: type[StrEnum]) -> None:
    assert set(table) == set(values)
    for value, sentence in table.items():
        assert sentence.vi.strip() == sentence.vi != ""
        assert sentence.en.strip() == sentence.en != ""
        assert sentence.en.isascii(), value
        assert sentence.in_language("vi") is sentence.vi
        assert sentence.in_language("en") is sentence.en


def test_no_two_reasons_have_the_same_text() -> None:
    for language in ("vi", "en"):
        sentences = [sentence.in_language(language) for sentence in messages.REASON_TEXTS.values()]
        assert len(set(sentences)) == len(sentences)


def test_vietnamese_texts_have_diacritics_and_end_as_sentences() -> None:
    for sentence in messages.REASON_TEXTS.values():
        assert DIACRITICS & set(sentence.vi.lower())
        assert sentence.vi.endswith(".")
        assert sentence.en.endswith(".")
