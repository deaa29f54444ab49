"""HCERT, the EU's certificate and Vietnam's vaccine passport: `HC1:` + base45(zlib(COSE_Sign1)) (hcert-spec 1.0.8).

Real certificates deviate from the specification: the signature is checked strictly, the content leniently. The sizes of text and
inflated data are limited.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.formats.cose import CoseError, CoseSign1
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList

PREFIX = b"HC1:"
MAX_TEXT_BYTES = 4296
"""Capacity of the largest QR code in alphanumeric mode (ISO/IEC 18004 table 7, version 40-L)."""
MAX_INFLATED_BYTES = 10_000
"""The largest real one has 870."""
EXP, IAT, HCERT_CLAIM = 4, 6, -260
USES = ("v", "t", "r")


def extract_cose_bytes(data: bytes) -> bytes:
    """The COSE bytes of a code's text. Raises ValueError (CoseError is one). The message names the rule."""
    if not data.startswith(PREFIX) or len(data) > MAX_TEXT_BYTES:
        raise CoseError("not an HCERT")
    packed = base45.decode_base45(data[len(PREFIX) :])
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, MAX_INFLATED_BYTES)
    except zlib.error:
        raise CoseError("not zlib") from None
    if not unpacker.eof:
        raise CoseError("inflated data is too large or incomplete")
    return raw


def parse_hcert(data: bytes) -> CoseSign1:
    """Parse the text. The signature is not checked yet. Raises ValueError (CoseError is one). The message names the rule."""
    return cose.parse_external_sign1(extract_cose_bytes(data))


def verify_hcert(data: bytes, trust_list: TrustList, lists_at: datetime) -> Claim | Refusal:
    """Check an HCERT except for its validity in time, which the rules check."""
    try:
        sign1 = parse_hcert(data)
    except ValueError as error:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, str(error))
    kid = sign1.protected.get(cose.HEADER_KID) or sign1.unprotected.get(cose.HEADER_KID)
    if not isinstance(kid, bytes):
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, "no kid")
    keys = trust_list.find_keys(CodeKind.HCERT, kid)
    message = sign1.signature_input()
    signers = [key for key in keys if cose.is_signature_valid(key.public_key, sign1.signature, message)]
    if not signers:
        return Refusal(CodeKind.HCERT, Reason.BAD_SIGNATURE if keys else Reason.UNKNOWN_KEY, f"kid {kid.hex()[:32]}")
    return _check_content(sign1, kid, signers, lists_at)


def _check_content(sign1: CoseSign1, kid: bytes, signers: Sequence[TrustedKey], lists_at: datetime) -> Claim | Refusal:
    """Check what was signed and whether the key may sign it. The signature is valid already."""
    claims, certificate = _decode_content(sign1.payload)
    if certificate is None:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, "signed, but contains no certificate")
    uses = {use for use in USES if certificate.get(use)}
    if not any(not key.uses or uses <= key.uses for key in signers):
        return Refusal(CodeKind.HCERT, Reason.KEY_NOT_ALLOWED, f"kid {kid.hex()[:32]}, use {'/'.join(sorted(uses))}")
    # Valid including the second of exp, as in the EU test data (DK 1 to 12). Without exp it ends with its key. With exp it may be
    # valid longer than its signer's certificate: states let certificates expire early and withdraw keys by the trust list.
    ends_at = _numeric_date(claims.get(EXP)) or max(key.not_after_at for key in signers)
    return Claim(
        kind=CodeKind.HCERT,
        assurance=Assurance.VERIFIED,
        subject=_subject(certificate, sign1),
        not_before_at=_numeric_date(claims.get(IAT)),
        not_after_at=ends_at,
        issuer=kid.hex(),
        lists_at=lists_at,
    )


def _decode_content(payload: bytes) -> tuple[dict[Any, Any], dict[Any, Any] | None]:
    """The CWT claims, and the certificate in their -260 {1: ...}. None if there is no certificate."""
    try:
        claims = cose.decode_external_cbor(payload)
    except CoseError:
        return {}, None
    match claims:
        case {-260: {1: dict(certificate)}}:
            return claims, certificate
    return {}, None


def _numeric_date(value: Any) -> datetime | None:
    """A CWT NumericDate (RFC 8392 section 2), integer or with a fraction. None if it is not a time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _subject(certificate: dict[Any, Any], sign1: CoseSign1) -> Subject:
    """The UVCI identifies the certificate. If there is none, its signature does."""
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
