"""Names that are printed on cards: one spelling for each name, and only letters that the font has."""

import unicodedata
from functools import cache
from pathlib import Path

import fontpkg_be_vietnam_pro  # type: ignore[import-untyped]  # it has no types; one path is read of it
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # it has no types; its character map is read

from kiosk.core.ports import KioskError
from kiosk.credentials.formats.fields import is_person_name

FONT_WEIGHTS = ("Regular", "Bold")
MAX_NAME_CHARACTERS = 100
MAX_REFERENCE_CHARACTERS = 40
# Letters that look like a Vietnamese one and would never be found by a search: Icelandic Eth, African D.
_LOOK_ALIKES = str.maketrans({"\u00d0": "\u0110", "\u0189": "\u0110", "\u0256": "\u0111"})
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


class TextError(KioskError):
    """A text cannot be printed. The message names the character."""


def font_file(weight: str) -> str:
    """Path of a weight of the font."""
    return str(Path(fontpkg_be_vietnam_pro.__file__).parent / "files" / f"BeVietnamPro-{weight}.ttf")


def parse_name(text: str) -> str:
    """A person's name in NFC with single blanks. Raises TextError."""
    name = printable_text(text, "the name", MAX_NAME_CHARACTERS)
    if not is_person_name(name) or ";" in name:
        raise TextError("the name is empty, or has digits or characters that are not allowed in names")
    return name


def printable_text(text: str, what: str, max_characters: int = 200) -> str:
    """Any text for print, in NFC with single blanks. `what` begins the message. Raises TextError."""
    composed = unicodedata.normalize("NFC", text).translate(_LOOK_ALIKES)
    for character in composed:
        if unicodedata.category(character) in _INVISIBLE:
            raise TextError(f"{what} has the invisible character {_code_point(character)}")
    printable = " ".join(composed.split())
    if len(printable) > max_characters:
        raise TextError(f"{what} has {len(printable)} characters. At most {max_characters} are allowed")
    require_letters(printable, what)
    return printable


def require_letters(text: str, what: str) -> None:
    """Raises TextError with the first character that the font lacks, or that it cannot join to the letter before."""
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.combining(character):
            raise TextError(f"{what} has the mark {_code_point(character)}, which cannot be printed over its letter")
        if ord(character) not in _letters() or character == "\ufffd":
            raise TextError(
                f"{what} has {character} ({_code_point(character)}), which the font for print does not have"
            )


@cache
def _letters() -> frozenset[int]:
    """Code points that every weight of the font has."""
    found: list[frozenset[int]] = []
    for weight in FONT_WEIGHTS:
        with TTFont(font_file(weight), lazy=True) as font:
            found.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*found)


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
