"""The health-insurance card (BHYT): many fields, the last one is `$`, unsigned.

The number, the number of fields and the validity decide. Old people have only a year of birth on it.
"""

import re
from datetime import datetime, timedelta

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_FIELDS_BEFORE_END = 9
_MIN_FIELDS = 8
"""Up to the end of the validity, which decides. The rest may be cut off."""
_DATE = "%d/%m/%Y"
_NO_DATE = ("", "-")
_PERSONAL_NUMBER = re.compile(r"[0-9]{12}")


def is_insurance_card(text: str) -> bool:
    """Many fields and a `$` at the end, or an insurance number and a name where the card has them."""
    parts = fields.split_fields(text)
    if len(parts) >= _FIELDS_BEFORE_END and parts[-1].endswith("$"):
        return True
    number = fields.INSURANCE_NUMBER.fullmatch(fields.compact_number(parts[0]))
    return len(parts) >= _MIN_FIELDS and number is not None and _read_name(parts[1]) is not None


def parse_insurance_card(text: str) -> Claim | Refusal:
    """Read number, name, birth date and validity. The last ten digits of the number identify the person."""
    parts = fields.split_fields(text)
    identifier = _read_identifier(parts[0])
    if identifier is None:
        return Refusal(CodeKind.INSURANCE, Reason.MALFORMED, "the fields of an insurance card, but not its number")
    valid_from, valid_to = _read_date(parts[6]), _read_date(parts[7])
    if (valid_from is None and parts[6] not in _NO_DATE) or (valid_to is None and parts[7] not in _NO_DATE):
        return Refusal(CodeKind.INSURANCE, Reason.MALFORMED, "a validity that is not a date")
    return Claim(
        kind=CodeKind.INSURANCE,
        assurance=Assurance.RECOGNISED,
        subject=Subject((identifier,), _read_name(parts[1]), fields.read_birth_date(parts[2])),
        not_before_at=valid_from,
        not_after_at=valid_to + timedelta(days=1) - timedelta.resolution if valid_to else None,
    )


def has_usual_insurance_fields(text: str) -> bool:
    """Whether number, name, birth date and sex have the usual form, which a misread can hardly have."""
    parts = fields.split_fields(text)
    return (
        fields.INSURANCE_NUMBER.fullmatch(parts[0]) is not None
        and _decode_hex(parts[1]) is not None
        and fields.read_birth_date(parts[2]) is not None
        and parts[3] in ("", "0", "1", "2")
    )


def _read_identifier(value: str) -> Identifier | None:
    """The insurance number. Twelve digits are the personal number, which is the number of the ID card."""
    number = fields.compact_number(value)
    insurance = fields.INSURANCE_NUMBER.fullmatch(number)
    if insurance:
        return Identifier("insurance", insurance.group(1))
    return Identifier("document", number) if _PERSONAL_NUMBER.fullmatch(number) else None


def _read_date(value: str) -> datetime | None:
    return fields.parse_date(value, _DATE)


def _read_name(value: str) -> str | None:
    """A name, mostly written as hex of UTF-8. None if the field is neither."""
    return _decode_hex(value) or (fields.read_name(value) if fields.is_person_name(value) else None)


def _decode_hex(value: str) -> str | None:
    try:
        return fields.read_name(bytes.fromhex(value).decode("utf-8"))
    except ValueError:
        return None
