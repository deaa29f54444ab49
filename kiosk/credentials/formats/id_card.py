"""CCCD and Căn cước, the chip ID card: seven fields or more, UTF-8, unsigned."""

import re
import unicodedata

from kiosk.core.model import Assurance, Claim, Identifier, CodeKind, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_NUMBER = re.compile(r"[0-9]{12}")
_OLD_NUMBER = re.compile(r"[0-9]{9}|[0-9]{12}|")
_SEXES = ("nam", "nữ", "nu")


def looks_like(text: str) -> bool:
    """Seven fields or more. (An insurance card has more as well: it ends in `$`, and is asked first.)"""
    return text.count("|") >= 6


def read(text: str) -> Claim | Refusal:
    """Read the first seven fields; what a newer card adds is ignored."""
    number, old_number, name, born, sex, _address, issued = text.split("|")[:7]
    if not (
        _NUMBER.fullmatch(number)
        and _OLD_NUMBER.fullmatch(old_number)
        and fields.is_name(name)
        and fields.day(born, "%d%m%Y")
        and len(born) == 8
        and unicodedata.normalize("NFC", sex).strip().lower() in _SEXES
        and fields.day(issued, "%d%m%Y")
        and len(issued) == 8
    ):
        return Refusal(CodeKind.ID_CARD, Reason.MALFORMED, "seven fields or more, but not those of an ID card")
    identifiers = [Identifier("document", number)]
    if old_number:
        identifiers.append(Identifier("document", old_number))
    canonical_name = unicodedata.normalize("NFC", name).strip()
    canonical_born = f"{born[4:]}-{born[2:4]}-{born[:2]}"
    return Claim(CodeKind.ID_CARD, Assurance.RECOGNISED, Subject(tuple(identifiers), canonical_name, canonical_born))
