"""The health-insurance card (BHYT): many fields, the last one is `$`, unsigned."""

import unicodedata
from datetime import timedelta

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_MIN_FIELDS = 9
_DATE = "%d/%m/%Y"


def is_insurance_card(text: str) -> bool:
    """Many fields and a `$` at the end."""
    return text.endswith("$") and text.count("|") >= _MIN_FIELDS - 1


def parse_insurance_card(text: str) -> Claim | Refusal:
    """Read number, name, birth date and validity. The last ten digits of the number identify the person."""
    parts = text.split("|")
    number = fields.INSURANCE_NUMBER.fullmatch(parts[0])
    name = _decode_hex_text(parts[1])
    born = fields.parse_date(parts[2], _DATE)
    valid_from, valid_to = fields.parse_date(parts[6], _DATE), fields.parse_date(parts[7], _DATE)
    dates_are_whole = (valid_from or parts[6] in ("-", "")) and (valid_to or parts[7] in ("-", ""))
    if not (number and name and fields.is_person_name(name) and born and parts[3] in ("1", "2") and dates_are_whole):
        return Refusal(
            CodeKind.INSURANCE, Reason.MALFORMED, "ends in $, but does not have the fields of an insurance card"
        )
    return Claim(
        kind=CodeKind.INSURANCE,
        assurance=Assurance.RECOGNISED,
        subject=Subject(
            identifiers=(Identifier("insurance", number.group(1)),),
            name=unicodedata.normalize("NFC", name).strip(),
            born="-".join(reversed(parts[2].split("/"))),
        ),
        not_before_at=valid_from,
        not_after_at=valid_to + timedelta(days=1) - timedelta.resolution if valid_to else None,
    )


def _decode_hex_text(value: str) -> str | None:
    try:
        return bytes.fromhex(value).decode("utf-8")
    except ValueError:
        return None
