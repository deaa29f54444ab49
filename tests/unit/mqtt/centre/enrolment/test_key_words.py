"""The four words of a key: the same on both sides, in both languages, and safe to say over a telephone."""

import unicodedata

import pytest

from mqtt.centre.enrolment.key_words import LANGUAGES, key_words, same_words, word_list

PINNED_VI = ("không", "mướp", "phấn", "củ")
PINNED_EN = ("desert", "gate", "jacket", "brick")


def plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.replace("đ", "d"))
    return "".join(each for each in decomposed if not unicodedata.combining(each))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_has_256_words_that_differ_also_without_accents(language: str) -> None:
    words = word_list(language)
    assert len(words) == 256
    assert len({plain(word) for word in words}) == 256
    assert all(word == unicodedata.normalize("NFC", word).lower() for word in words)


def test_the_words_of_a_key_are_pinned_so_that_releases_agree() -> None:
    assert key_words(b"a public key", "vi") == PINNED_VI
    assert key_words(b"a public key", "en") == PINNED_EN
    assert key_words(b"a public key", "fr") == PINNED_EN


def test_another_key_has_other_words() -> None:
    assert len({key_words(bytes([number]), "vi") for number in range(20)}) == 20


@pytest.mark.parametrize("change", [str.upper, plain, lambda text: text.replace(" ", ", "), lambda text: f"  {text}. "])
def test_typed_words_count_without_accents_case_and_punctuation(change: object) -> None:
    for language in LANGUAGES:
        assert same_words(change(" ".join(key_words(b"key", language))), b"key")  # type: ignore[operator]


def test_wrong_missing_and_mixed_words_do_not_count() -> None:
    vi, en = key_words(b"key", "vi"), key_words(b"key", "en")
    wrong = [
        "",
        " ".join(vi[:3]),
        " ".join(reversed(vi)),
        " ".join((*vi[:2], *en[2:])),
        " ".join(key_words(b"other", "vi")),
    ]
    assert not [text for text in wrong if same_words(text, b"key")]
