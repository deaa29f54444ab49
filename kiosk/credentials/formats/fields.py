"""Reads the fields of the unsigned Vietnamese codes: blanks, names, numbers and dates.

Number and number of fields decide. A field that decides nothing is read as far as it can be, and is never a reason to refuse.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

VIETNAM_TIMEZONE = timezone(timedelta(hours=7))  # no daylight saving time since 1975, in the whole country

MAX_TEXT_BYTES = 2953
"""Capacity of the largest QR code in byte mode (ISO/IEC 18004 table 7, version 40-L)."""
MAX_NAME_LENGTH = 100

DOCUMENT_NUMBER = re.compile(r"[0-9]{9}|[0-9]{12}|[A-Z][0-9]{7,8}")
"""Old and new ID card, passport."""
INSURANCE_NUMBER = re.compile(r"(?:[A-Z]{2}[0-9]{3})?([0-9]{10})")
"""Social-insurance number: ten digits, on older cards after a group and place code (2 letters and 3 digits)."""

_ASCII_MARKS = range(0x21, 0x7F)
_INVISIBLE = "".join(
    chr(code)
    for first, last in (
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F),
        (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""Blanks, control characters, byte-order mark, zero-width and direction marks. Editors, printers and forms add them to a text."""
_REMOVE_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE))
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_INVALID_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f|<>$\d]")
_MASKED_GROUP = re.compile(r"(?<![0-9*xX?])[*xX?]{1,4}(?![0-9*xX?])")
_DATE_MARKS = re.compile(r"[0-9 ./\\_-]{1,20}")


def trim_code(data: bytes) -> bytes:
    """The content of a code without invisible characters at either end, and in UTF-8 if it has a mark of UTF-16.

    No valid base45 text ends with a blank (RFC 9285: the last digit of a triplet is at most 32, a blank is 36), so a signed code
    loses nothing.
    """
    if data[:2] in _UTF16_MARKS:
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            return data
    if not data or (data[0] in _ASCII_MARKS and data[-1] in _ASCII_MARKS):
        return data
    return data.decode("utf-8", "surrogateescape").strip(_INVISIBLE).encode("utf-8", "surrogateescape")


def decode_text(data: bytes) -> str | None:
    """The text of a trimmed code: UTF-8, otherwise the Vietnamese code page 1258. None if it is neither, or too long."""
    if len(data) > MAX_TEXT_BYTES:
        return None
    for encoding in ("utf-8", "cp1258"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def split_fields(text: str) -> list[str]:
    """The fields between `|`, without invisible characters at their ends."""
    return [part.strip(_INVISIBLE) for part in text.split("|")]


def compact_number(value: str) -> str:
    """A number without blanks and invisible characters, in upper case."""
    return value.translate(_REMOVE_INVISIBLE).upper()


def has_letter(value: str) -> bool:
    """Whether a field contains a letter."""
    return any(map(str.isalpha, value))


def is_person_name(value: str) -> bool:
    """Whether a field has the usual form of a person's name: letters, blanks and the marks that occur in names."""
    return 1 <= len(value.strip()) <= MAX_NAME_LENGTH and not _INVALID_IN_NAMES.search(value)


def read_name(value: str) -> str | None:
    """A name in canonical form (NFC), at most MAX_NAME_LENGTH characters. None if the field has no letter."""
    visible = (mark if mark not in _INVISIBLE else " " if mark.isspace() else "" for mark in value)
    name = " ".join(unicodedata.normalize("NFC", "".join(visible)).split())[:MAX_NAME_LENGTH]
    return name if has_letter(name) else None


def likeness_of(document: str, name: str | None, born: str | None) -> str | None:
    """What a masked and a whole document number of one person have in common: the last six digits, the plain name, the birth year.

    None if one of them is missing. Province, year and a running number make it practically unique among the visitors of a site.
    """
    visible = document[-6:]
    year = (born or "")[:4]
    if len(document) != 12 or not re.fullmatch("[0-9]{6}", visible) or not re.fullmatch("[0-9]{4}", year) or not name:
        return None
    return f"{visible} {_plain_name(name)} {year}"


def _plain_name(name: str) -> str:
    """Upper case without diacritics, as the national QR writes a name."""
    decomposed = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def read_birth_date(value: str) -> str | None:
    """`1950`, `1950-02` or `1950-02-01`: as much as the field says. None if it says nothing.

    Many old people have only a year, or a month and a year. Day first or year first, with or without marks between, zeros
    or `*` for what is unknown.
    """
    value = _MASKED_GROUP.sub("00", value)
    if not _DATE_MARKS.fullmatch(value):
        return None
    groups = re.findall("[0-9]+", value)
    if len(groups) == 1:
        groups = _split_digits(groups[0])
    if len(groups) > 1 and len(groups[-1]) == 4:
        groups.reverse()
    if not groups or len(groups) > 3 or len(groups[0]) != 4 or not 1850 <= int(groups[0]) <= 2200:
        return None
    for count in range(len(groups), 1, -1):
        numbers = [int(group) for group in groups[:count]]
        try:
            datetime(*numbers, *[1] * (3 - count))  # type: ignore[arg-type]  # noqa: DTZ001  # year, month, day
        except ValueError:
            continue
        return "-".join([groups[0], *(f"{number:02}" for number in numbers[1:])])
    return str(groups[0])


def _split_digits(digits: str) -> list[str]:
    """The groups of a date without marks: `ddmmyyyy`, `yyyymmdd`, `mmyyyy`, `yyyymm` or `yyyy`."""
    if len(digits) not in (4, 6, 8):
        return []
    if len(digits) > 4 and 1850 <= int(digits[:4]) <= 2200 and int(digits[4:6]) <= 12 and not _is_year(digits[-4:]):
        return [digits[:4], *(digits[place : place + 2] for place in range(4, len(digits), 2))]
    return [*(digits[place : place + 2] for place in range(0, len(digits) - 4, 2)), digits[-4:]]


def _is_year(digits: str) -> bool:
    return 1850 <= int(digits) <= 2200


def parse_date(value: str, date_format: str) -> datetime | None:
    """The first moment of that day in Vietnam, in UTC. None if it is not a date. For dates that decide."""
    if not value.isascii():
        return None
    try:
        return datetime.strptime(value, date_format).replace(tzinfo=VIETNAM_TIMEZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
