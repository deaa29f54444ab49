"""The national personal QR of Decision 1405/QD-BTTTT (Hue-S card, PC-Covid): six fields, unsigned."""

import re

from kiosk.core.model import Assurance, Claim, Identifier, CodeKind, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_DOCUMENT = re.compile(r"[0-9A-Z*]{6,15}")
_BORN = re.compile(r"[\d*]{4}-[\d*]{2}-[\d*]{2}")
_QID = re.compile(r"[0-9A-Za-z]{6,40}")
_SEX = ("0", "1", "2")


def looks_like(text: str) -> bool:
    """Six fields."""
    return text.count("|") == 5


def read(text: str) -> Claim | Refusal:
    """Read the six fields. The QID names the person, then an unmasked document number, then the insurance number."""
    document, name, born, declared_by, qid, extension = text.split("|")
    if not (
        fields.is_name(name)
        and _BORN.fullmatch(born)
        and declared_by in ("0", "1")
        and (not qid or _QID.fullmatch(qid))
        and (not document or _DOCUMENT.fullmatch(document))
    ):
        return Refusal(CodeKind.NATIONAL, Reason.MALFORMED, "six fields, but not those of Decision 1405")
    identifiers = []
    if qid:
        identifiers.append(Identifier("qid", qid))
    if fields.DOCUMENT.fullmatch(document):
        identifiers.append(Identifier("document", document))
    insurance = _insurance(extension)
    if insurance:
        identifiers.append(Identifier("insurance", insurance))
    if not identifiers:
        return Refusal(CodeKind.NATIONAL, Reason.MALFORMED, "nobody is named: no QID, and a masked document")
    return Claim(CodeKind.NATIONAL, Assurance.RECOGNISED, Subject(tuple(identifiers), name=name.strip(), born=born))


def _insurance(extension: str) -> str | None:
    """The insurance number of `declarer<sex<insurance<phone[<signature]`, also where the declarer and its `<` are left out."""
    parts = extension.split("<")
    if parts[0] in _SEX and not (len(parts) > 1 and parts[1] in _SEX):
        parts.insert(0, "")
    found = fields.INSURANCE.fullmatch(parts[2]) if len(parts) > 2 else None
    return found.group(1) if found else None
