"""Venue codes: posters and all other web addresses. They identify a place, not a person."""

import re

from kiosk.core.model import CodeKind, Reason, Refusal

_DOMAINS = rb"vn|com|net|org|info|edu|gov|io|me|co|app|link|page|site|online|ly|gl|gg|asia|biz|eu|uk"
_WEB_ADDRESS = re.compile(
    rb"(?:URL(?:TO)?:|MEBKM:)?\s*(?:https?://|www\.|(?:[a-z0-9_-]{1,63}\.){1,5}(?:" + _DOMAINS + rb")(?:[/?#:]|\Z))",
    re.IGNORECASE,
)
"""With or without `http`. Bookmarks (`URLTO:`) are web addresses too."""


def is_venue_code(data: bytes) -> bool:
    """Whether the code is a web address."""
    return _WEB_ADDRESS.match(data) is not None


def refuse_venue_code() -> Refusal:
    """Refusal of a venue code."""
    return Refusal(CodeKind.VENUE_CODE, Reason.VENUE_CODE)
