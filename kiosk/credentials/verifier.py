"""Any bytes to a claim or a refusal: which kind of code is this, and what does that kind say of it?"""

from collections.abc import Callable

from kiosk.core.model import Claim, CodeKind, Moment, Reason, Refusal
from kiosk.credentials.formats import (
    entry_pass,
    fields,
    hcert,
    id_card,
    insurance,
    national_qr,
    unsupported,
    venue_code,
)
from kiosk.credentials.formats.entry_pass import Replays
from kiosk.credentials.trust.denylist import Denylist, foreign_entry
from kiosk.credentials.trust.trust_list import TrustList

_UNSIGNED: tuple[tuple[Callable[[str], bool], Callable[[str], Claim | Refusal]], ...] = (
    (insurance.looks_like, insurance.read),
    (national_qr.looks_like, national_qr.read),
    (id_card.looks_like, id_card.read),
)


class Dispatcher:
    """The verifier of the house (ports.Verifier). One thread calls `verify`; `use` may come from another."""

    def __init__(self, trust_list: TrustList, denylist: Denylist | None = None) -> None:
        self._replays = Replays()
        self.use(trust_list, denylist)

    def use(self, trust_list: TrustList, denylist: Denylist | None) -> None:
        """Go on with newer lists; both change between two codes, never within one."""
        older = trust_list.issued_at if denylist is None else min(trust_list.issued_at, denylist.issued_at)
        self._lists = trust_list, denylist, older

    def verify(self, data: bytes, now: Moment) -> Claim | Refusal:
        """Judge a code's form, signature and standing on the lists; validity in time is for the rules."""
        trust_list, denylist, lists_at = self._lists
        if data.startswith(entry_pass.PREFIX):
            answer = entry_pass.verify(data, now, trust_list, lists_at, self._replays)
        elif data.startswith(hcert.PREFIX):
            answer = hcert.verify(data, trust_list, lists_at)
        else:
            return _unsigned(data)
        if denylist is not None and isinstance(answer, Claim) and _denied(answer, denylist):
            return Refusal(answer.kind, Reason.REVOKED, f"denylist {denylist.number}")
        return answer


def known_grammar(data: bytes) -> bool:
    """Whether the bytes have a form that a misread could hardly have: base45 around CBOR, or strict fields."""
    try:
        if data.startswith(entry_pass.PREFIX):
            entry_pass.parse(data)
            return True
        if data.startswith(hcert.PREFIX):
            hcert.parse(data)
            return True
    except ValueError:
        return False
    return isinstance(_unsigned(data), Claim)


def _unsigned(data: bytes) -> Claim | Refusal:
    if venue_code.looks_like(data):
        return venue_code.read()
    mark = unsupported.mark_of(data)
    if mark is not None:
        return unsupported.read(mark)
    text = fields.text(data)
    if text is None:
        return Refusal(CodeKind.UNKNOWN, Reason.UNKNOWN_CODE, "no text")
    for looks_like, read in _UNSIGNED:
        if looks_like(text):
            return read(text)
    return Refusal(CodeKind.UNKNOWN, Reason.UNKNOWN_CODE)


def _denied(claim: Claim, denylist: Denylist) -> bool:
    name = claim.subject.identifiers[0].value
    return (bytes.fromhex(name) if claim.kind is CodeKind.ENTRY_PASS else foreign_entry(name)) in denylist.entries
