"""The chip ID card (CCCD, Căn cước): seven or more fields, UTF-8, unsigned."""

import re
import unicodedata

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_NUMBER = re.compile(r"[0-9]{12}")
_OLD_NUMBER = re.compile(r"[0-9]{9}|[0-9]{12}|")
_SEXES = ("nam", "nữ", "nu")


def is_id_card(text: str) -> bool:
    """Seven or more fields. An insurance card has more too, but ends in `$` and is tested first."""
    return text.count("|") >= 6


def parse_id_card(text: str) -> Claim | Refusal:
    """Read the first seven fields. Further fields of newer cards are ignored."""
    number, old_number, name, born, sex, _address, issued = text.split("|")[:7]
    if not (
        _NUMBER.fullmatch(number)
        and _OLD_NUMBER.fullmatch(old_number)
        and fields.is_person_name(name)
        and fields.parse_date(born, "%d%m%Y")
        and len(born) == 8
        and unicodedata.normalize("NFC", sex).strip().lower() in _SEXES
        and fields.parse_date(issued, "%d%m%Y")
        and len(issued) == 8
    ):
        return Refusal(CodeKind.ID_CARD, Reason.MALFORMED, "seven or more fields, but not those of an ID card")
    identifiers = [Identifier("document", number)]
    if old_number:
        identifiers.append(Identifier("document", old_number))
    canonical_name = unicodedata.normalize("NFC", name).strip()
    canonical_born = f"{born[4:]}-{born[2:4]}-{born[:2]}"
    return Claim(CodeKind.ID_CARD, Assurance.RECOGNISED, Subject(tuple(identifiers), canonical_name, canonical_born))
