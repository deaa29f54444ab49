"""HCERT, the EU's certificate and Vietnam's vaccine passport: `HC1:` + base45(zlib(COSE_Sign1)) (hcert-spec 1.0.8).

Real ones are dirty: the signature is judged strictly, the content leniently. Text and inflation are capped.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kiosk.core.model import Assurance, Claim, Identifier, CodeKind, Reason, Refusal, Subject
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.formats.cose import NotCose, Sign1
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList

PREFIX = b"HC1:"
MAX_TEXT_BYTES = 4296
"""What the largest QR holds in alphanumeric mode (ISO/IEC 18004 table 7, version 40-L)."""
MAX_INFLATED_BYTES = 10_000
"""The largest real one has 870."""
EXP, IAT, HCERT = 4, 6, -260
USES = ("v", "t", "r")


def unpack(data: bytes) -> bytes:
    """Text to the COSE bytes in it. Raises ValueError (NotCose is one); the message names the rule."""
    if not data.startswith(PREFIX) or len(data) > MAX_TEXT_BYTES:
        raise NotCose("no HCERT")
    packed = base45.decode(data[len(PREFIX) :])
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, MAX_INFLATED_BYTES)
    except zlib.error:
        raise NotCose("not zlib") from None
    if not unpacker.eof:
        raise NotCose("inflates beyond the limit, or ends too early")
    return raw


def parse(data: bytes) -> Sign1:
    """Text to COSE_Sign1, not yet believed. Raises ValueError (NotCose is one); the message names the rule."""
    return cose.parse_foreign(unpack(data))


def verify(data: bytes, trust_list: TrustList, lists_at: datetime) -> Claim | Refusal:
    """Judge an HCERT but for its validity in time, which is for the rules."""
    try:
        sign1 = parse(data)
    except ValueError as trouble:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, str(trouble))
    kid = sign1.protected.get(cose.HEADER_KID) or sign1.unprotected.get(cose.HEADER_KID)
    if not isinstance(kid, bytes):
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, "no kid")
    keys = trust_list.find(CodeKind.HCERT, kid)
    message = sign1.signed_bytes()
    signers = [key for key in keys if cose.verifies(key.public_key, sign1.signature, message)]
    if not signers:
        return Refusal(CodeKind.HCERT, Reason.BAD_SIGNATURE if keys else Reason.UNKNOWN_KEY, f"kid {kid.hex()[:32]}")
    return _judge_content(sign1, kid, signers, lists_at)


def _judge_content(sign1: Sign1, kid: bytes, signers: Sequence[TrustedKey], lists_at: datetime) -> Claim | Refusal:
    """The signature holds; what was signed, and was its key allowed to?"""
    claims, certificate = _content(sign1.payload)
    if certificate is None:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, "signed, but no certificate inside")
    uses = {use for use in USES if certificate.get(use)}
    if not any(not key.uses or uses <= key.uses for key in signers):
        return Refusal(CodeKind.HCERT, Reason.KEY_NOT_ALLOWED, f"kid {kid.hex()[:32]}, use {'/'.join(sorted(uses))}")
    # Valid at the very second of its exp: so the EU test data has it (DK 1 to 12). Without exp it ends with its key;
    # one with exp may outlive its signer's certificate: states let those run out early, and withdraw by the trust list.
    ends_at = _time(claims.get(EXP)) or max(key.not_after_at for key in signers)
    return Claim(
        kind=CodeKind.HCERT,
        assurance=Assurance.VERIFIED,
        subject=_subject(certificate, sign1),
        not_before_at=_time(claims.get(IAT)),
        not_after_at=ends_at,
        issuer=kid.hex(),
        lists_at=lists_at,
    )


def _content(payload: bytes) -> tuple[dict[Any, Any], dict[Any, Any] | None]:
    """The CWT claims, and the certificate inside their -260 {1: ...}, whatever it is made of."""
    try:
        claims = cose.lenient(payload)
    except NotCose:
        return {}, None
    match claims:
        case {-260: {1: dict(certificate)}}:
            return claims, certificate
    return {}, None


def _time(value: Any) -> datetime | None:
    """A CWT NumericDate (RFC 8392 section 2), whole or with a fraction, or None where it is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _subject(certificate: dict[Any, Any], sign1: Sign1) -> Subject:
    """The UVCI names the certificate; where there is none, its signature does."""
    uvci = None
    for use in USES:
        match certificate.get(use):
            case [{"ci": str(found)}, *_] if found.strip():
                uvci = uvci or found.strip()
    name = certificate.get("nam")
    parts = [name.get(key) for key in ("fnt", "gnt")] if isinstance(name, dict) else []
    born = certificate.get("dob")
    return Subject(
        identifiers=(Identifier("hcert", uvci or sign1.signature.hex()),),
        name="<<".join(part for part in parts if isinstance(part, str)) or None,
        born=born.strip() if isinstance(born, str) and born.strip() else None,
    )
