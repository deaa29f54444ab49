"""Field formats of the unsigned Vietnamese codes: names, numbers and dates."""

import re
from datetime import UTC, datetime, timedelta, timezone

VIETNAM_TIMEZONE = timezone(timedelta(hours=7))  # no daylight saving time since 1975, in the whole country

MAX_TEXT_BYTES = 2953
"""Capacity of the largest QR code in byte mode (ISO/IEC 18004 table 7, version 40-L)."""

DOCUMENT_NUMBER = re.compile(r"\d{9}|\d{12}|[A-Z]\d{7,8}")
"""Old and new ID card, passport."""
INSURANCE_NUMBER = re.compile(r"(?:[A-Z]{2}\d{3})?(\d{10})")
"""Social-insurance number: ten digits, on older cards after a group and place code (2 letters and 3 digits)."""

_INVALID_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f|<>$\d]")


def decode_text(data: bytes) -> str | None:
    """UTF-8 text without byte-order mark, trailing NULs and blanks. None if it is not UTF-8 or too long."""
    if len(data) > MAX_TEXT_BYTES:
        return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff").rstrip("\x00 \r\n")
    except UnicodeDecodeError:
        return None


def is_person_name(value: str) -> bool:
    """Whether a field can be a person's name: letters, blanks and the marks that occur in names."""
    return 1 <= len(value.strip()) <= 100 and not _INVALID_IN_NAMES.search(value)


def parse_date(value: str, date_format: str) -> datetime | None:
    """The first moment of that day in Vietnam, in UTC. None if it is not a date."""
    if not value.isascii():
        return None
    try:
        return datetime.strptime(value, date_format).replace(tzinfo=VIETNAM_TIMEZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
