"""HCERT, the EU's certificate and Vietnam's vaccine passport: `HC1:` + base45(zlib(COSE_Sign1)) (hcert-spec 1.0.8).

Real certificates deviate from the specification: the signature is checked strictly, the content leniently. The sizes of text and
inflated data are limited.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, Subject
from kiosk.credentials.formats import base45, cose, fields
from kiosk.credentials.formats.cose import CoseError, CoseSign1
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList

PREFIX = b"HC1:"
MAX_TEXT_BYTES = 4296
"""Capacity of the largest QR code in alphanumeric mode (ISO/IEC 18004 table 7, version 40-L)."""
MAX_INFLATED_BYTES = 10_000
"""The largest real one has 870."""
EXP, NBF, IAT, HCERT_CLAIM = 4, 5, 6, -260
USES = ("v", "t", "r")
_YEARS = range(1970, 2200)
EVENT_DATES = (("v", "dt"), ("t", "sc"), ("r", "fr"))
"""Entry and field of the dates of vaccination, sample and first positive test (hcert schema 1.3.0)."""
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_DETECTED = "260373001"
"""Test result "detected" (SNOMED CT, value set of hcert-spec 1.0.8)."""
_FIRST_TIMEZONE, _LAST_TIMEZONE = timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))


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
    if not uses:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, "signed, but neither vaccination, test nor recovery")
    if not any(not key.uses or uses <= key.uses for key in signers):
        return Refusal(CodeKind.HCERT, Reason.KEY_NOT_ALLOWED, f"kid {kid.hex()[:32]}, use {'/'.join(sorted(uses))}")
    # Valid including the second of exp, as in the EU test data (DK 1 to 12). Without exp it ends with its key. With exp it may be
    # valid longer than its signer's certificate: states let certificates expire early and withdraw keys by the trust list.
    try:
        ends_at = _read_time(claims, EXP) or max(key.not_after_at for key in signers)
        ends_at = min(ends_at, _recovery_end(certificate) or ends_at)
        issued_at = _read_time(claims, IAT)
        starts_at = max(filter(None, (issued_at, _read_time(claims, NBF), *_event_times(certificate))), default=None)
        _check_birth_date(certificate, issued_at or starts_at or ends_at)
    except CoseError as error:
        return Refusal(CodeKind.HCERT, Reason.MALFORMED, str(error))
    return Claim(
        kind=CodeKind.HCERT,
        assurance=Assurance.VERIFIED,
        subject=_subject(certificate, sign1),
        not_before_at=starts_at,
        not_after_at=ends_at,
        issuer=kid.hex(),
        speaks_against_entry=_has_detected_test(certificate),
        vaccination_complete=_has_all_doses(certificate) if uses == {"v"} else None,
        tested_at=_newest_sample(certificate) if uses == {"t"} else None,
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


def _read_time(claims: dict[Any, Any], claim: int) -> datetime | None:
    """A CWT NumericDate (RFC 8392 section 2), integer or with a fraction, also with CBOR tag 0 or 1. None if it is absent.

    Raises CoseError for any other value, such as text, milliseconds or a year outside _YEARS: it is not "no limit".
    """
    if claim not in claims:
        return None
    value = claims[claim]
    try:
        if isinstance(value, datetime):
            moment = value.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            raise CoseError(f"claim {claim} is not a time")
    except (ValueError, OverflowError, OSError):
        raise CoseError(f"claim {claim} is not a time") from None
    if moment.year not in _YEARS:
        raise CoseError(f"claim {claim} is not a time of this age")
    return moment


def _has_detected_test(certificate: dict[Any, Any]) -> bool:
    return any(str(entry.get("tr", "")).strip() == _DETECTED for entry in _entries(certificate, "t"))


def _recovery_end(certificate: dict[Any, Any]) -> datetime | None:
    """The last moment of a recovery (`du`), at the end of that day everywhere on earth. None if it does not say.

    Raises CoseError if it is not a date.
    """
    days = [str(entry["du"]).strip() for entry in _entries(certificate, "r") if entry.get("du") is not None]
    try:
        ends = [datetime.fromisoformat(day[:10]).replace(tzinfo=_LAST_TIMEZONE) for day in days if day]
    except ValueError:
        raise CoseError("the end of the recovery is not a date") from None
    return max(ends) + timedelta(days=1) - timedelta.resolution if ends else None


def _check_birth_date(certificate: dict[Any, Any], latest_at: datetime) -> None:
    """A person is born before their certificate is issued. Raises CoseError if not. A birth date may be a year only."""
    born = certificate.get("dob")
    read = fields.read_birth_date(born.strip()[:10]) if isinstance(born, str) else None
    if read is not None and read > f"{latest_at + timedelta(days=1):%Y-%m-%d}"[: len(read)]:
        raise CoseError("issued before its holder was born")


def _event_times(certificate: dict[Any, Any]) -> Iterator[datetime]:
    """When the vaccinations, samples and infections were that it states. Before them it cannot be valid."""
    for use, name in EVENT_DATES:
        for entry in _entries(certificate, use):
            at = _read_event_time(entry.get(name))
            if at is not None:
                yield at


def _read_event_time(value: object) -> datetime | None:
    """A date or a time in ISO 8601. Without a zone it is the earliest moment on earth with that name. None if it is neither."""
    try:
        at = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        return None if at is None else (at if at.tzinfo else at.replace(tzinfo=_FIRST_TIMEZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _newest_sample(certificate: dict[Any, Any]) -> datetime:
    """When the newest sample was taken. What cannot be read counts as old, never as new."""
    times = [_read_event_time(entry.get("sc")) or UNKNOWN_TIME for entry in _entries(certificate, "t")]
    return max(times, default=UNKNOWN_TIME)


def _has_all_doses(certificate: dict[Any, Any]) -> bool:
    """One vaccination is the last of its series, or a booster after it."""
    return any(_is_last_dose(entry.get("dn"), entry.get("sd")) for entry in _entries(certificate, "v"))


def _is_last_dose(dose: object, doses: object) -> bool:
    return type(dose) is int and type(doses) is int and dose >= doses > 0  # a bool is an int too


def _entries(certificate: dict[Any, Any], use: str) -> list[dict[Any, Any]]:
    found = certificate.get(use)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


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
