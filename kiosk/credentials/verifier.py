"""The verifier: finds the kind of a code and checks it, giving a claim or a refusal."""

from collections.abc import Callable
from typing import NamedTuple

from kiosk.core.model import Claim, ClockReading, CodeKind, Reason, Refusal
from kiosk.credentials.formats import (
    entry_pass,
    fields,
    hcert,
    id_card,
    insurance,
    national_qr,
    payment_code,
    unsupported,
    venue_code,
)
from kiosk.credentials.formats.replay_cache import ReplayCache
from kiosk.credentials.trust.denylist import Denylist, hcert_denylist_entry
from kiosk.credentials.trust.trust_list import TrustList


class _UnsignedFormat(NamedTuple):
    """An unsigned kind of code."""

    recognise: Callable[[str], bool]
    parse: Callable[[str], Claim | Refusal]
    has_usual_fields: Callable[[str], bool]
    """Stricter than `parse`: whether a misread can hardly have this form."""


_UNSIGNED_FORMATS = (
    _UnsignedFormat(insurance.is_insurance_card, insurance.parse_insurance_card, insurance.has_usual_insurance_fields),
    _UnsignedFormat(national_qr.is_national_qr, national_qr.parse_national_qr, national_qr.has_usual_national_fields),
    _UnsignedFormat(id_card.is_id_card, id_card.parse_id_card, id_card.has_usual_id_card_fields),
)


class CredentialVerifier:
    """Implements ports.Verifier. One thread calls `verify`. Any thread may call `set_lists`."""

    def __init__(self, trust_list: TrustList, denylist: Denylist | None = None) -> None:
        self._replay_cache = ReplayCache()
        self.set_lists(trust_list, denylist)

    def set_lists(self, trust_list: TrustList, denylist: Denylist | None) -> None:
        """Use newer lists. Both change between two codes, never during one."""
        older = trust_list.issued_at if denylist is None else min(trust_list.issued_at, denylist.issued_at)
        self._lists = trust_list, denylist, older

    def verify(self, data: bytes, now: ClockReading) -> Claim | Refusal:
        """Check the form and the signature of a code and the lists. The rules check its validity in time."""
        trust_list, denylist, lists_at = self._lists
        data = fields.trim_code(data)
        if data.startswith(entry_pass.PREFIX):
            answer = entry_pass.verify_entry_pass(data, now, trust_list, lists_at, self._replay_cache)
        elif data.startswith(hcert.PREFIX):
            answer = hcert.verify_hcert(data, trust_list, lists_at)
        else:
            return _verify_unsigned(data)
        if denylist is not None and isinstance(answer, Claim) and _is_denied(answer, denylist):
            return Refusal(answer.kind, Reason.REVOKED, f"denylist {denylist.number}")
        return answer


def is_known_format(data: bytes) -> bool:
    """Whether the bytes have a form that a misread can hardly have: base45 of CBOR, or fields of the usual form."""
    data = fields.trim_code(data)
    try:
        if data.startswith(entry_pass.PREFIX):
            entry_pass.parse_entry_pass(data)
            return True
        if data.startswith(hcert.PREFIX):
            hcert.parse_hcert(data)
            return True
    except ValueError:
        return False
    found = _find_unsigned_format(data)
    return found is not None and _has_usual_fields(*found)


def _has_usual_fields(unsigned: _UnsignedFormat, text: str) -> bool:
    return isinstance(unsigned.parse(text), Claim) and unsigned.has_usual_fields(text)


def _verify_unsigned(data: bytes) -> Claim | Refusal:
    payment = payment_code.find_payment_format(data)
    if payment is not None:
        return payment_code.refuse_payment_code(payment)
    if venue_code.is_venue_code(data):
        return venue_code.refuse_venue_code()
    mark = unsupported.find_unsupported_format(data)
    if mark is not None:
        return unsupported.refuse_unsupported(mark)
    found = _find_unsigned_format(data)
    if found is None:
        return Refusal(CodeKind.UNKNOWN, Reason.UNKNOWN_CODE)
    unsigned, text = found
    return unsigned.parse(text)


def _find_unsigned_format(data: bytes) -> tuple[_UnsignedFormat, str] | None:
    """The format whose fields these are, and the text. None if there is none."""
    if payment_code.find_payment_format(data) is not None:
        return None
    text = fields.decode_text(data)
    if text is None:
        return None
    return next(((each, text) for each in _UNSIGNED_FORMATS if each.recognise(text)), None)


def _is_denied(claim: Claim, denylist: Denylist) -> bool:
    name = claim.subject.identifiers[0].value
    return (
        bytes.fromhex(name) if claim.kind is CodeKind.ENTRY_PASS else hcert_denylist_entry(name)
    ) in denylist.entries
