"""A place's code: venue posters and every other web address. It says where one is, not who one is."""

import re

from kiosk.core.model import CodeKind, Reason, Refusal

_ADDRESS = re.compile(rb"\s*(?:https?://|www\.)", re.IGNORECASE)


def looks_like(data: bytes) -> bool:
    """A web address."""
    return _ADDRESS.match(data) is not None


def read() -> Refusal:
    """The answer: this is a place's code, show your own."""
    return Refusal(CodeKind.VENUE, Reason.PLACE_CODE)
