"""Valid and malformed entry passes of the sample issuer, and the verifier's refusal of them."""

from datetime import timedelta
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.core.model import ClockReading, CodeKind, Reason, Refusal
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.issuing import sign_pass
from tests.fakes.data.people import NOW_AT, WORLD, dispatcher, moment

VALID = WORLD["valid"].data
RAW = base45.decode_base45(VALID[5:])
PARTS = cose.parse_sign1(RAW)
ISSUER = WORLD.issuer
SERIAL = bytes(range(10))
HOLDER = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
HOLDER_RAW = HOLDER.public_key().public_bytes_raw()
CLAIMS: dict[int, Any] = {4: 1_800_000_000, 6: int(NOW_AT.timestamp()), 7: SERIAL, -65537: [1, 48]}
"""Required claims of a pass: expiry, time of issue, serial, status class with the hours of a declaration."""


def text(raw: bytes) -> bytes:
    return b"HUE1:" + base45.encode_base45(raw).encode()


def token(
    protected: bytes | None = None,
    unprotected: Any = None,
    payload: bytes | None = None,
    signature: bytes | None = None,
) -> bytes:
    """The valid pass with some parts replaced."""
    parts = [
        PARTS.protected_bytes if protected is None else protected,
        {} if unprotected is None else unprotected,
        PARTS.payload if payload is None else payload,
        PARTS.signature if signature is None else signature,
    ]
    return text(cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True))


def signed(claims: Any) -> bytes:
    """A pass with any claims and a valid signature of the issuer."""
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims, canonical=True)
    return text(cose.make_sign1(ISSUER.private_key, ISSUER.kid, payload))


def reason(code: bytes, now: ClockReading | None = None, verifier: CredentialVerifier | None = None) -> Reason | None:
    """Why the code was refused. None if it was accepted."""
    answer = (verifier or dispatcher()).verify(code, now or moment())
    assert answer.kind is CodeKind.ENTRY_PASS
    return answer.reason if isinstance(answer, Refusal) else None


def rotating() -> bytes:
    return sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)
