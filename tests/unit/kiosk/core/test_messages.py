"""A sentence in both languages for everything that a person can be told."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from kiosk.core import messages
from kiosk.core.model import Direction, CodeKind, Outcome, Reason, State

TABLES = [
    (messages.REASONS, Reason),
    (messages.OUTCOMES, Outcome),
    (messages.KINDS, CodeKind),
    (messages.DIRECTIONS, Direction),
    (messages.STATES, State),
]
DIACRITICS = set("ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ")


@pytest.mark.parametrize(("table", "values"), TABLES)
def test_nothing_is_left_without_words(table: Mapping[Any, messages.Sentence], values: type[StrEnum]) -> None:
    assert set(table) == set(values)
    for value, sentence in table.items():
        assert sentence.vi.strip() == sentence.vi != ""
        assert sentence.en.strip() == sentence.en != ""
        assert sentence.en.isascii(), value
        assert sentence.in_language("vi") is sentence.vi
        assert sentence.in_language("en") is sentence.en


def test_no_two_reasons_read_alike() -> None:
    for language in ("vi", "en"):
        sentences = [sentence.in_language(language) for sentence in messages.REASONS.values()]
        assert len(set(sentences)) == len(sentences)


def test_vietnamese_is_written_with_its_diacritics_and_ends_like_a_sentence() -> None:
    for sentence in messages.REASONS.values():
        assert DIACRITICS & set(sentence.vi.lower())
        assert sentence.vi.endswith(".")
        assert sentence.en.endswith(".")
