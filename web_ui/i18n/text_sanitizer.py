"""Makes characters visible that a browser would obey or hide: control characters and marks of direction.

The templates escape markup. This is for characters that escaping leaves unchanged. Jinja calls it for every value of every
template (`finalize`), so no page can forget it.
"""

import re

from markupsafe import Markup

MAX_TEXT_LENGTH = 4_000
"""Characters of one foreign value, such as a setting or a log line."""

# C0 without tab and line ends, DEL, C1; marks and overrides of direction (Unicode 9.0, UAX 9) and invisible joiners that can
# make two texts look the same; line and paragraph separators; lone surrogates, which cannot be encoded; the byte order mark.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)


def sanitize(value: object) -> object:
    """A value for a template. Unsafe characters of strings become visible. Our own markup and other values stay unchanged."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSAFE.sub(_code_point_label, value) if _UNSAFE.search(value) else value


def truncate(text: str, max_length: int = MAX_TEXT_LENGTH) -> str:
    """The beginning of a text that is too long, with the number of missing characters."""
    return text if len(text) <= max_length else f"{text[:max_length]} … (+{len(text) - max_length})"


def _code_point_label(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"  # control pictures (U+2400) are in few fonts
