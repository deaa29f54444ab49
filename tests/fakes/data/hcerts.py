"""Health certificates (HCERT) of a synthetic issuer, well formed and malformed, and how the verifier reads them."""

import zlib
from datetime import timedelta
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.core.model import Claim, CodeKind, Reason, Refusal
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.trust import trust_list
from kiosk.credentials.trust.trust_list import TrustedKey
from tests.fakes.data.people import NOW_AT, moment

KEY, OTHER = ec.derive_private_key(7, ec.SECP256R1()), ec.derive_private_key(8, ec.SECP256R1())
KID = b"8 bytes!"
EXP, IAT = int((NOW_AT + timedelta(days=30)).timestamp()), int((NOW_AT - timedelta(days=30)).timestamp())
CERTIFICATE: dict[str, Any] = {
    "ver": "1.3.0",
    "nam": {"fn": "Nguyễn", "fnt": "NGUYEN", "gn": "Thị Ánh", "gnt": "THI<ANH"},
    "dob": "1990-02-03",
    "v": [{"ci": "URN:UVCI:01:VN:ABC", "dn": 2, "sd": 2}],
}


def trusted(key: ec.EllipticCurvePrivateKey = KEY, *, uses: str = "", days: int = 700) -> TrustedKey:
    return TrustedKey(
        KID,
        CodeKind.HCERT,
        key.public_key(),
        NOW_AT - timedelta(days=700),
        NOW_AT + timedelta(days=days),
        frozenset(uses),
    )


def code_of(token: bytes) -> bytes:
    return b"HC1:" + base45.encode_base45(zlib.compress(token)).encode()


def signed(claims: Any, *, kid: bytes = KID) -> bytes:
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims)
    return code_of(cose.make_sign1(KEY, kid, payload))


def certified(certificate: Any, **changed: Any) -> bytes:
    return signed({1: "VN", 4: EXP, 6: IAT, -260: {1: certificate}} | {int(k[1:]): v for k, v in changed.items()})


def read(code: bytes, *keys: TrustedKey) -> Claim | Refusal:
    return CredentialVerifier(trust_list.make_trust_list(keys or [trusted()], number=1, issued_at=NOW_AT)).verify(
        code, moment()
    )


def claimed(code: bytes, *keys: TrustedKey) -> Claim:
    answer = read(code, *keys)
    assert isinstance(answer, Claim), answer
    return answer


def refused(code: bytes, *keys: TrustedKey) -> Reason:
    answer = read(code, *keys)
    assert isinstance(answer, Refusal)
    assert answer.kind is CodeKind.HCERT
    return answer.reason
