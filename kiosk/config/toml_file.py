"""Reads TOML as editors save it: with a byte order mark too, and one clear sentence for what is not UTF-8 or not TOML."""

import codecs
import re
import tomllib
from typing import Any

MAX_DOTS_PER_LINE = 100
"""Python's parser takes quadratic time for a key of many parts. No key of ours has more than three."""
_UTF_16_AND_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class TomlError(ValueError):
    """The bytes are not TOML. The text begins with a verb: `is not TOML: ...`."""


def parse_toml(raw: bytes) -> dict[str, Any]:
    """Parse the bytes of a TOML file. A byte order mark of UTF-8 is skipped. Raises TomlError."""
    text = _decode(raw)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#") and line.count(".") > MAX_DOTS_PER_LINE:
            raise TomlError(f"is not a configuration: line {number} has more than {MAX_DOTS_PER_LINE} dots")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"is not TOML: {error}{_hint(text, str(error))}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or thousands of brackets
        raise TomlError(f"is not TOML: {str(error).partition(';')[0]}") from error


def _decode(raw: bytes) -> str:
    if raw.startswith(_UTF_16_AND_32) or b"\0" in raw[:200]:
        raise TomlError("is not UTF-8 but UTF-16 or UTF-32. Save it again with the encoding UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TomlError(
            f"is not UTF-8: line {line} has the byte 0x{raw[error.start]:02x}. Save it again with the encoding UTF-8"
        ) from error


def _hint(text: str, error: str) -> str:
    """What word processors change without being asked."""
    place = re.search(r"at line (\d+)", error)
    lines = text.splitlines()
    line = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
    if re.search("[\u201c\u201d\u2018\u2019\u00ab\u00bb]", line):
        return '. Use straight quotation marks: "'
    return ""
