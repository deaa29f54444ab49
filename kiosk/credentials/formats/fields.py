"""Fields of the unsigned Vietnamese codes: what a name, a number or a date may look like."""

import re
from datetime import UTC, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))  # no summer time since 1975, in the whole country

MAX_TEXT_BYTES = 2953
"""What the largest QR holds in byte mode (ISO/IEC 18004 table 7, version 40-L)."""

DOCUMENT = re.compile(r"\d{9}|\d{12}|[A-Z]\d{7,8}")
"""Old and new ID card, passport."""
INSURANCE = re.compile(r"(?:[A-Z]{2}\d{3})?(\d{10})")
"""Social-insurance number: ten digits, on older cards after a group and place code (2 letters and 3 digits)."""

_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f|<>$\d]")


def text(data: bytes) -> str | None:
    """UTF-8 text without a byte-order mark and without trailing NULs and blanks, or None."""
    if len(data) > MAX_TEXT_BYTES:
        return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff").rstrip("\x00 \r\n")
    except UnicodeDecodeError:
        return None


def is_name(value: str) -> bool:
    """Whether a field can be a person's name: letters, blanks and the marks that names have."""
    return 1 <= len(value.strip()) <= 100 and not _NOT_IN_NAMES.search(value)


def day(value: str, date_format: str) -> datetime | None:
    """A date as the first moment of that day in Vietnam, in UTC; None where it is no date."""
    if not value.isascii():
        return None
    try:
        return datetime.strptime(value, date_format).replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
