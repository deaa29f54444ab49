"""The project's entry pass: `HUE1:` + base45 of a small signed token. Format: docs/explanation/credentials.md.

A card is a COSE_Sign1. An app shows [token, proof]. Its token names a holder key (`cnf`, RFC 8747), and the proof is the
holder's COSE_Sign1 over {6: now} with the token as external data. The kiosk holds no secret.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk.core.model import (
    Assurance,
    Claim,
    ClockQuality,
    ClockReading,
    CodeKind,
    Identifier,
    Reason,
    Refusal,
    Subject,
)
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.formats.cose import Algorithm, CoseError, CoseSign1
from kiosk.credentials.formats.replay_cache import PROOF_CLOCK_SKEW_S, ReplayCache
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList

PREFIX = b"HUE1:"
MAX_TEXT_BYTES = 640
"""A rotating pass has 458 characters. A longer text is not an entry pass."""

# CWT claim keys (RFC 8392 section 3.1, RFC 8747 section 3.1), and our own in the private range.
EXP, IAT, CTI, CNF, STATUS = 4, 6, 7, 8, -65537
KID_BYTES, CTI_BYTES, SIGNATURE_BYTES = 4, 10, 64
_MAX_TIMESTAMP = 253402300799  # 9999-12-31, the maximum of datetime


class PassToken(NamedTuple):
    """A parsed entry pass in the one allowed form. Its signatures are not checked yet."""

    sign1: CoseSign1
    kid: bytes
    serial: bytes
    issued_at: datetime
    expires_at: datetime
    status_class: int
    declaration_h: int
    holder_key: bytes | None
    proof: CoseSign1 | None
    proof_s: int | None
    """Unix time at which the holder says that they show it."""
    token_bytes: bytes
    """The bytes that the holder's proof covers."""


def parse_entry_pass(data: bytes) -> PassToken:
    """Parse the text of a pass strictly. Raises CoseError or ValueError for all other forms."""
    if not data.startswith(PREFIX) or len(data) > MAX_TEXT_BYTES:
        raise CoseError("not an entry pass")
    raw = base45.decode_base45(data[len(PREFIX) :])
    if raw[:1] != b"\x82":
        return _parse_token(raw, None)
    match cose.decode_deterministic_cbor(raw):
        case [bytes(token), bytes(proof)]:
            return _parse_token(token, cose.parse_sign1(proof))
    raise CoseError("not a token and a proof")


def _parse_token(raw: bytes, proof: CoseSign1 | None) -> PassToken:
    sign1 = cose.parse_sign1(raw)
    match sign1.protected:
        case {1: int(), 4: bytes(kid)} if len(kid) == KID_BYTES and len(sign1.protected) == 2:
            pass
        case _:
            raise CoseError("the protected header is not {alg, kid}")
    if sign1.unprotected or len(sign1.signature) != SIGNATURE_BYTES:
        raise CoseError("an unprotected header, or a signature of another length")
    claims = cose.decode_deterministic_cbor(sign1.payload)
    match claims:
        case {4: exp, 6: iat, 7: bytes(serial), -65537: [status_class, declaration_h]} if len(serial) == CTI_BYTES:
            holder_key = _holder_key(claims) if len(claims) > 4 else None
        case _:
            raise CoseError("not the claims of an entry pass")
    for number in (exp, iat, status_class, declaration_h):
        if type(number) is not int or not 0 <= number <= _MAX_TIMESTAMP:  # isinstance takes a bool for an int
            raise CoseError("a claim out of range")
    return PassToken(
        sign1=sign1,
        kid=kid,
        serial=serial,
        issued_at=datetime.fromtimestamp(iat, UTC),
        expires_at=datetime.fromtimestamp(exp, UTC),
        status_class=status_class,
        declaration_h=min(declaration_h, 24 * 366),
        holder_key=holder_key,
        proof=proof,
        proof_s=_parse_proof_time(proof) if proof else None,
        token_bytes=raw,
    )


def _holder_key(claims: dict[Any, Any]) -> bytes:
    """The Ed25519 key of `cnf`: {1: {1: 1 (OKP), -1: 6 (Ed25519), -2: x}} (RFC 8747 section 3.2, RFC 9053 section 7.2)."""
    match claims.get(CNF):
        case {1: {1: 1, -1: 6, -2: bytes(x)}} if len(x) == 32 and len(claims) == 5 and len(claims[CNF]) == 1:
            if len(claims[CNF][1]) == 3:
                return x
    raise CoseError("a claim that an entry pass does not have")


def _parse_proof_time(proof: CoseSign1) -> int:
    match proof.protected, cose.decode_deterministic_cbor(proof.payload):
        case {1: Algorithm.EDDSA}, {6: int(proof_s), **rest} if (
            len(proof.protected) == 1 and not proof.unprotected and not rest
        ):
            if not isinstance(proof_s, bool) and 0 <= proof_s <= _MAX_TIMESTAMP:
                return proof_s
    raise CoseError("not a holder's proof")


def verify_entry_pass(
    data: bytes, now: ClockReading, trust_list: TrustList, lists_at: datetime, replay_cache: ReplayCache
) -> Claim | Refusal:
    """Check an entry pass except for its validity in time, which the rules check."""
    try:
        token = parse_entry_pass(data)
    except ValueError as error:  # includes CoseError; the message names the rule, never the content
        return Refusal(CodeKind.ENTRY_PASS, Reason.MALFORMED, str(error))
    keys = trust_list.find_keys(CodeKind.ENTRY_PASS, token.kid)
    if not keys:
        return Refusal(CodeKind.ENTRY_PASS, Reason.UNKNOWN_KEY, f"kid {token.kid.hex()}")
    key = _find_signing_key(token, keys)
    if key is None:
        return Refusal(CodeKind.ENTRY_PASS, Reason.BAD_SIGNATURE, f"kid {token.kid.hex()}")
    if not key.not_before_at <= token.issued_at <= key.not_after_at:
        return Refusal(
            CodeKind.ENTRY_PASS, Reason.KEY_NOT_ALLOWED, f"kid {token.kid.hex()}, issued outside the key's validity"
        )
    if key.uses and str(token.status_class) not in key.uses:
        return Refusal(
            CodeKind.ENTRY_PASS, Reason.KEY_NOT_ALLOWED, f"kid {token.kid.hex()}, status class {token.status_class}"
        )
    refused = _check_proof(token, now, replay_cache)
    return refused or _claim(token, lists_at)


def _find_signing_key(token: PassToken, keys: tuple[TrustedKey, ...]) -> TrustedKey | None:
    """The key that signed it. The token's algorithm must be the key's own."""
    message = token.sign1.signature_input()
    algorithm = token.sign1.protected[cose.HEADER_ALG]
    for key in keys:
        expected = Algorithm.EDDSA if isinstance(key.public_key, Ed25519PublicKey) else Algorithm.ES256
        if algorithm == expected and cose.is_signature_valid(key.public_key, token.sign1.signature, message):
            return key
    return None


def _check_proof(token: PassToken, now: ClockReading, replay_cache: ReplayCache) -> Refusal | None:
    if token.holder_key is None:
        return Refusal(CodeKind.ENTRY_PASS, Reason.MALFORMED, "a proof without a holder key") if token.proof else None
    if token.proof is None or token.proof_s is None:
        return Refusal(CodeKind.ENTRY_PASS, Reason.NO_PROOF)
    holder = Ed25519PublicKey.from_public_bytes(token.holder_key)
    if not cose.is_signature_valid(holder, token.proof.signature, token.proof.signature_input(token.token_bytes)):
        return Refusal(CodeKind.ENTRY_PASS, Reason.BAD_SIGNATURE, "holder's proof")
    apart_s = now.utc_at.timestamp() - token.proof_s
    # A clock that is certainly wrong cannot check freshness. The rules then apply the policy.
    if abs(apart_s) > PROOF_CLOCK_SKEW_S and now.quality is not ClockQuality.UNSET:
        return Refusal(CodeKind.ENTRY_PASS, Reason.STALE_PROOF, f"{apart_s:+.0f} s")
    if not replay_cache.add_if_new(token.serial, token.proof_s, now):
        return Refusal(CodeKind.ENTRY_PASS, Reason.REPLAYED)
    return None


def _claim(token: PassToken, lists_at: datetime) -> Claim:
    declared = token.declaration_h > 0
    return Claim(
        kind=CodeKind.ENTRY_PASS,
        assurance=Assurance.VERIFIED,
        subject=Subject((Identifier("pass", token.serial.hex()),)),
        not_before_at=token.issued_at,
        not_after_at=token.expires_at - timedelta.resolution,  # RFC 8392 section 3.1.4: not on or after exp
        issuer=token.kid.hex(),
        status_class=token.status_class,
        declared_at=token.issued_at if declared else None,
        declared_until_at=token.issued_at + timedelta(hours=token.declaration_h) if declared else None,
        proof=None if token.proof_s is None else f"{token.serial.hex()} {token.proof_s}",
        lists_at=lists_at,
    )
