"""The national personal QR of Decision 1405/QD-BTTTT (Hue-S card, PC-Covid): six fields, unsigned.

QID and document number identify the person and decide. The exact spelling of a masked birth date was never published.
"""

import re
from typing import NamedTuple

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import fields

_DOCUMENT = re.compile(r"[0-9A-Z*]{6,15}")
_MASKED_BORN = re.compile(r"[0-9*]{4}-[0-9*]{2}-[0-9*]{2}")
_MASK_LETTERS = re.compile(r"[xX]")
_DECLARED_BY = re.compile(r"[0-9A-Za-z-]?")
_QID = re.compile(r"[0-9A-Za-z-]{6,40}")
_SEX = ("0", "1", "2")
_FIELDS = 6
_MIN_FIELDS = 4
"""Document number, name, birth date and type. QID and extension may be cut off if the document number is whole."""


def is_national_qr(text: str) -> bool:
    """Whether the first four fields stand where the Decision has them. With a real birth date one of them may be wrong."""
    parts = fields.split_fields(text)
    if len(parts) < _MIN_FIELDS:
        return False
    recognised = _recognise_fields(parts)
    if not recognised.born or sum(recognised) < (3 if len(parts) >= _FIELDS else 4):
        return False
    return _read_born(parts[2]) is not None or isinstance(parse_national_qr(text), Claim)


class _Recognised(NamedTuple):
    """Which of the first four fields can be such a field."""

    document: bool
    name: bool
    born: bool
    declared_by: bool


def _recognise_fields(parts: list[str]) -> _Recognised:
    document = fields.compact_number(parts[0])
    return _Recognised(
        document=not document or _DOCUMENT.fullmatch(document) is not None,
        name=fields.has_letter(parts[1]) or "*" in parts[1],
        born=not fields.has_letter(_MASK_LETTERS.sub("", parts[2])),
        declared_by=_DECLARED_BY.fullmatch(parts[3]) is not None,
    )


def parse_national_qr(text: str) -> Claim | Refusal:
    """Read the six fields. Identifiers are the QID, an unmasked document number and the insurance number, in this order."""
    parts = fields.split_fields(text)
    if not all(_recognise_fields(parts)):
        return Refusal(CodeKind.NATIONAL_QR, Reason.MALFORMED, "six fields, but not those of Decision 1405")
    document, name, born, _declared_by, qid, extension, *_ = [*parts, "", ""]
    if qid and not _QID.fullmatch(qid):
        return Refusal(CodeKind.NATIONAL_QR, Reason.MALFORMED, "a QID of another form")
    identifiers = _read_identifiers(document, qid, extension)
    if not identifiers:
        return Refusal(CodeKind.NATIONAL_QR, Reason.MALFORMED, "no identifier: no QID, and a masked document number")
    subject = Subject(identifiers, fields.read_name(name), _read_born(born))
    likeness = fields.likeness_of(fields.compact_number(document), subject.name, subject.born)
    return Claim(CodeKind.NATIONAL_QR, Assurance.RECOGNISED, subject, likeness=likeness)


def _read_born(value: str) -> str | None:
    """A masked birth date as it is written, or as much of a date as it says."""
    return value if _MASKED_BORN.fullmatch(value) and "*" in value else fields.read_birth_date(value)


def has_usual_national_fields(text: str) -> bool:
    """Whether all fields have the form of the Decision, which a misread can hardly have."""
    parts = fields.split_fields(text)
    return (
        len(parts) == _FIELDS
        and fields.is_person_name(parts[1])
        and _MASKED_BORN.fullmatch(parts[2]) is not None
        and parts[3] in ("0", "1")
    )


def _read_identifiers(document: str, qid: str, extension: str) -> tuple[Identifier, ...]:
    identifiers = [Identifier("qid", qid)] if qid else []
    number = fields.compact_number(document)
    if fields.DOCUMENT_NUMBER.fullmatch(number):
        identifiers.append(Identifier("document", number))
    insurance = _insurance_number(extension)
    if insurance:
        identifiers.append(Identifier("insurance", insurance))
    return tuple(identifiers)


def _insurance_number(extension: str) -> str | None:
    """The insurance number of `declarer<sex<insurance<phone[<signature]`. The declarer and its `<` may be missing."""
    parts = extension.split("<")
    if parts[0] in _SEX and not (len(parts) > 1 and parts[1] in _SEX):
        parts.insert(0, "")
    found = fields.INSURANCE_NUMBER.fullmatch(fields.compact_number(parts[2])) if len(parts) > 2 else None
    return found.group(1) if found else None
