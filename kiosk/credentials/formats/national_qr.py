"""The national personal QR of Decision 1405/QD-BTTTT (Hue-S card, PC-Covid): six fields, unsigned."""

import re

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_DOCUMENT = re.compile(r"[0-9A-Z*]{6,15}")
_BORN = re.compile(r"[\d*]{4}-[\d*]{2}-[\d*]{2}")
_QID = re.compile(r"[0-9A-Za-z]{6,40}")
_SEX = ("0", "1", "2")


def is_national_qr(text: str) -> bool:
    """Six fields."""
    return text.count("|") == 5


def parse_national_qr(text: str) -> Claim | Refusal:
    """Read the six fields. Identifiers are the QID, an unmasked document number and the insurance number, in this order."""
    document, name, born, declared_by, qid, extension = text.split("|")
    if not (
        fields.is_person_name(name)
        and _BORN.fullmatch(born)
        and declared_by in ("0", "1")
        and (not qid or _QID.fullmatch(qid))
        and (not document or _DOCUMENT.fullmatch(document))
    ):
        return Refusal(CodeKind.NATIONAL_QR, Reason.MALFORMED, "six fields, but not those of Decision 1405")
    identifiers = []
    if qid:
        identifiers.append(Identifier("qid", qid))
    if fields.DOCUMENT_NUMBER.fullmatch(document):
        identifiers.append(Identifier("document", document))
    insurance = _insurance_number(extension)
    if insurance:
        identifiers.append(Identifier("insurance", insurance))
    if not identifiers:
        return Refusal(CodeKind.NATIONAL_QR, Reason.MALFORMED, "no identifier: no QID, and a masked document number")
    return Claim(CodeKind.NATIONAL_QR, Assurance.RECOGNISED, Subject(tuple(identifiers), name=name.strip(), born=born))


def _insurance_number(extension: str) -> str | None:
    """The insurance number of `declarer<sex<insurance<phone[<signature]`. The declarer and its `<` may be missing."""
    parts = extension.split("<")
    if parts[0] in _SEX and not (len(parts) > 1 and parts[1] in _SEX):
        parts.insert(0, "")
    found = fields.INSURANCE_NUMBER.fullmatch(parts[2]) if len(parts) > 2 else None
    return found.group(1) if found else None
