"""Venue codes: posters and all other web addresses. They identify a place, not a person."""

import re

from kiosk.core.model import CodeKind, Reason, Refusal

_WEB_ADDRESS = re.compile(rb"\s*(?:https?://|www\.)", re.IGNORECASE)


def is_venue_code(data: bytes) -> bool:
    """Whether the code is a web address."""
    return _WEB_ADDRESS.match(data) is not None


def refuse_venue_code() -> Refusal:
    """Refusal of a venue code."""
    return Refusal(CodeKind.VENUE_CODE, Reason.VENUE_CODE)
