"""Output for terminals of any encoding: a letter that it does not have is written without its marks, never an error."""

import codecs
import io
import sys
import unicodedata

ERROR_HANDLER = "kiosk-plain-letters"
_BASE_LETTERS = {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ß": "ss", "…": "...", "–": "-", "—": "-", "→": "->"}
_QUOTATION_MARKS = {"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u00ab": '"', "\u00bb": '"'}


def adapt_output() -> None:
    """Let standard output and standard error of this process take any text, whatever the locale is. For a command's start."""
    codecs.register_error(ERROR_HANDLER, _plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERROR_HANDLER)


def has_all_letters() -> bool:
    """Whether standard output has every letter. Data for other programs must not lose one: it is escaped otherwise."""
    return codecs.lookup(sys.stdout.encoding or "ascii").name in {"utf-8", "utf-16", "utf-32"}


def _plain_letters(error: UnicodeError) -> tuple[str, int]:
    """For `codecs.register_error`: what stands for letters that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(map(_plain_letter, missing)), error.end


def _plain_letter(letter: str) -> str:
    known = _BASE_LETTERS.get(letter) or _QUOTATION_MARKS.get(letter)
    if known is not None:
        return known
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if part.isascii())
    return plain or "?"
