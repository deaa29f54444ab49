"""The chip ID card (CCCD, Căn cước): seven or more fields, UTF-8, unsigned.

The twelve digits of the number and the number of fields decide. Readers in daily use see birth dates of a year only, old numbers
with blanks, empty sex and empty dates of issue.
"""

import re
import unicodedata

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_NUMBER = re.compile(r"[0-9]{12}")
_OLD_NUMBER = re.compile(r"[0-9]{9}|[0-9]{12}")
_FIELDS = 7
_MIN_FIELDS = 4
"""Number, old number, name and birth date. The rest decides nothing and may be cut off."""
_FIELDS_WITHOUT_BORN = 5
"""A shorter code needs a readable birth date, or any table with a long number would be an ID card."""
_SEXES = ("", "nam", "nữ", "nu")


def is_id_card(text: str) -> bool:
    """Whether number, name and birth date stand where an ID card has them. Other kinds are asked first."""
    parts = fields.split_fields(text)
    if len(parts) < _MIN_FIELDS:
        return False
    if not _NUMBER.fullmatch(fields.compact_number(parts[0])):
        return len(parts) >= _FIELDS and _is_birth_date(parts[3]) and fields.has_letter(parts[2])
    if len(parts) >= _FIELDS:
        return fields.has_letter(parts[2]) or _is_birth_date(parts[3])
    born_may_be_empty = len(parts) >= _FIELDS_WITHOUT_BORN and not fields.has_letter(parts[3])
    return fields.has_letter(parts[2]) and (born_may_be_empty or _is_birth_date(parts[3]))


def parse_id_card(text: str) -> Claim | Refusal:
    """Read numbers, name and birth date. Further fields are ignored."""
    number, old_number, name, born, *_ = fields.split_fields(text)
    number = fields.compact_number(number)
    if not _NUMBER.fullmatch(number) or not fields.has_letter(name):
        return Refusal(CodeKind.ID_CARD, Reason.MALFORMED, "the fields of an ID card, but not its number and name")
    identifiers = [Identifier("document", number)]
    old_number = re.sub(r"[ .-]", "", fields.compact_number(old_number))
    if _OLD_NUMBER.fullmatch(old_number) and old_number != number:
        identifiers.append(Identifier("document", old_number))
    subject = Subject(tuple(identifiers), fields.read_name(name), fields.read_birth_date(born))
    likeness = fields.likeness_of(number, subject.name, subject.born)
    return Claim(CodeKind.ID_CARD, Assurance.RECOGNISED, subject, likeness=likeness)


def has_usual_id_card_fields(text: str) -> bool:
    """Whether all fields have the usual form, which a misread can hardly have."""
    number, old_number, name, born, sex, _address, issued, *_ = [*fields.split_fields(text), *[""] * _FIELDS]
    return bool(
        _NUMBER.fullmatch(number)
        and (not old_number or _OLD_NUMBER.fullmatch(old_number))
        and fields.is_person_name(name)
        and _is_birth_date(born)
        and unicodedata.normalize("NFC", sex).lower() in _SEXES
        and (not issued or _is_birth_date(issued))
    )


def _is_birth_date(value: str) -> bool:
    return fields.read_birth_date(value) is not None
