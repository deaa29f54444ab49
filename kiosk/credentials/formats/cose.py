"""COSE_Sign1 (RFC 9052): parse, make, and check the signature with a key chosen by the caller.

Signatures are made by `cryptography`, CBOR by `cbor2`. The algorithm always comes from the key, never from the token.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
SigningKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

COSE_SIGN1_TAG = 18  # RFC 9052 section 2, table 1
HEADER_ALG = 1
HEADER_KID = 4
MAX_DEPTH = 24  # the deepest real HCERT has 8 levels

_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)  # RFC 8230 section 2: the salt is as long as the hash
_ECDSA = ec.ECDSA(SHA256())
# Errors of cbor2 for malicious bytes, besides its own: from tags that build dates, decimals, addresses or patterns.
_CBOR_ERRORS = (cbor2.CBORError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)


def _reject_tag(*_: object) -> NoReturn:
    raise CoseError("a CBOR tag that is not allowed")


# For these tags cbor2 would compile a pattern (35: a small certificate takes most of a second), parse a mail (36), reduce
# fractions (30), compute powers (4, 5) or build cyclic references (25, 28, 29, 256). No certificate uses them.
_REJECTED_TAGS = dict.fromkeys((4, 5, 25, 28, 29, 30, 35, 36, 256), _reject_tag)


class Algorithm(IntEnum):
    """Signature algorithms that are verified (IANA COSE registry)."""

    ES256 = -7
    EDDSA = -8
    PS256 = -37


class CoseError(ValueError):
    """The bytes are not a COSE_Sign1, or not in the one allowed form. The message names the rule, never the content."""


class CoseSign1(NamedTuple):  # made for each code; a tuple is made three times faster than a frozen dataclass
    """A parsed COSE_Sign1. Its signature is not checked yet."""

    protected_bytes: bytes
    protected: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes
    signature: bytes

    def signature_input(self, external_aad: bytes = b"") -> bytes:
        """The Sig_structure that the signature covers (RFC 9052 section 4.4)."""
        return cbor2.dumps(["Signature1", self.protected_bytes, external_aad, self.payload])


def decode_deterministic_cbor(data: bytes) -> Any:
    """Decode exactly one deterministically encoded CBOR item (RFC 8949 section 4.2.1). Raises CoseError."""
    try:
        item = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_REJECTED_TAGS,
        )
        same = cbor2.dumps(item, canonical=True) == data
    except _CBOR_ERRORS as error:
        raise CoseError("not CBOR") from error
    if not same:
        raise CoseError("not deterministic CBOR")
    return item


def decode_external_cbor(data: bytes) -> Any:
    """Decode one CBOR item of another implementation: indefinite lengths and any order are allowed. Raises CoseError."""
    try:
        return cbor2.loads(data, max_depth=MAX_DEPTH, semantic_decoders=_REJECTED_TAGS)
    except _CBOR_ERRORS as error:
        raise CoseError("not CBOR") from error


def parse_sign1(data: bytes) -> CoseSign1:
    """Parse one COSE_Sign1 in deterministic CBOR. The payload itself is not decoded. Raises CoseError."""
    item = decode_deterministic_cbor(data)
    if not isinstance(item, cbor2.CBORTag) or item.tag != COSE_SIGN1_TAG:
        raise CoseError("missing COSE_Sign1 tag")
    return _sign1_from_parts(item.value, _strict_header)


def parse_external_sign1(data: bytes) -> CoseSign1:
    """Parse a COSE_Sign1 with or without its tag, also inside a CWT tag (RFC 8392 section 6). Raises CoseError."""
    item = decode_external_cbor(data)
    for tag in (61, COSE_SIGN1_TAG):
        if isinstance(item, cbor2.CBORTag) and item.tag == tag:
            item = item.value
    return _sign1_from_parts(item, _external_header)


def _sign1_from_parts(value: Any, read_header: Callable[[bytes], Mapping[Any, Any]]) -> CoseSign1:
    match value:
        case [bytes(protected_raw), Mapping() as unprotected, bytes(payload), bytes(signature)]:
            return CoseSign1(protected_raw, read_header(protected_raw), unprotected, payload, signature)
    raise CoseError("not the four parts of a COSE_Sign1")


@lru_cache(maxsize=64)
def _strict_header(raw: bytes) -> Mapping[Any, Any]:
    """A protected header in deterministic CBOR. Cached, because all passes of one issuer have the same."""
    return _header_map(decode_deterministic_cbor(raw) if raw else {})


@lru_cache(maxsize=64)
def _external_header(raw: bytes) -> Mapping[Any, Any]:
    return _header_map(decode_external_cbor(raw) if raw else {})


def _header_map(header: object) -> Mapping[Any, Any]:
    if not isinstance(header, dict):
        raise CoseError("the protected header is not a map")
    return MappingProxyType(header)


def is_signature_valid(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with the key: EdDSA, ES256 (r and s, 64 bytes) or PS256, by the key's type."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, _PSS, SHA256())
        elif len(signature) == 64:  # RFC 9053 section 2.1
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), message, _ECDSA)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def make_sign1(key: SigningKey, kid: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """Make a tagged COSE_Sign1 with {1: alg, 4: kid}. An empty kid is left out. CBOR and signature are deterministic."""
    is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
    header: dict[int, Any] = {HEADER_ALG: int(Algorithm.ES256 if is_ec else Algorithm.EDDSA)}
    if kid:
        header[HEADER_KID] = kid
    protected_raw = cbor2.dumps(header, canonical=True)
    message = CoseSign1(protected_raw, header, {}, payload, b"").signature_input(external_aad)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = key.sign(message)
    return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1_TAG, [protected_raw, {}, payload, signature]), canonical=True)
