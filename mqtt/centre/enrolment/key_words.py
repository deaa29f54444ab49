"""Four words for a public key, to be compared by two people. Pure: kiosk and centre compute the same words.

A word stands for one byte. 32 bits are few, so the hash is made slow with scrypt: another key with the same four words costs
2**32 times 16 MiB and some 50 ms. An invitation ends after an hour.
"""

import hashlib
import unicodedata
from functools import lru_cache
from importlib.resources import files

WORD_COUNT = 4
LANGUAGES = ("vi", "en")
_SALT = b"entrance-kiosk/enrolment-words/1"
_COST = 2**14
_BLOCK = 8


@lru_cache(maxsize=256)
def key_words(public_key_der: bytes, language: str) -> tuple[str, ...]:
    """The words of a key. `public_key_der`: SubjectPublicKeyInfo. A language without a list gets the English words.

    Takes some 50 ms on a PC and 0.5 s on a Pi, and 16 MiB.
    """
    digest = hashlib.scrypt(public_key_der, salt=_SALT, n=_COST, r=_BLOCK, p=1, dklen=WORD_COUNT)
    words = word_list(language if language in LANGUAGES else "en")
    return tuple(words[byte] for byte in digest)


@lru_cache(maxsize=len(LANGUAGES))
def word_list(language: str) -> tuple[str, ...]:
    """The 256 words of a language. They differ also without accents, in small letters."""
    text = files("mqtt.centre.enrolment").joinpath(f"data/words-{language}.txt").read_text(encoding="utf-8")
    return tuple(text.split())


def same_words(given: str, public_key_der: bytes) -> bool:
    """Whether a person typed the words of this key, in any of the languages. Accents, case and punctuation do not count."""
    typed = _plain(given)
    return any(typed == _plain(" ".join(key_words(public_key_der, language))) for language in LANGUAGES)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    letters = "".join(" " if not each.isalpha() else each for each in decomposed if not unicodedata.combining(each))
    return " ".join(letters.split())
