"""COSE_Sign1 (RFC 9052): taking one apart, making one, and checking its signature with a key that the caller chose.

Signatures are cryptography's, CBOR is cbor2's. The algorithm always comes from the key, never from the token.
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

TAG = 18  # RFC 9052 section 2, table 1
HEADER_ALG = 1
HEADER_KID = 4
MAX_DEPTH = 24  # the deepest real HCERT nests 8 levels

_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)  # RFC 8230 section 2: the salt is as long as the hash
_ECDSA = ec.ECDSA(SHA256())
# What cbor2 lets out for hostile bytes, besides its own errors: tags that build dates, decimals, addresses, patterns.
_CBOR_TROUBLE = (cbor2.CBORError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)


def _refuse_tag(*_: object) -> NoReturn:
    raise NotCose("a tag that no code here has")


# cbor2 would, for whoever asks, compile a pattern (35: a small certificate costs most of a second), parse a mail (36), reduce
# fractions (30), raise to powers (4, 5), and tie knots (25, 28, 29, 256). No certificate has any of them.
_REFUSED_TAGS = dict.fromkeys((4, 5, 25, 28, 29, 30, 35, 36, 256), _refuse_tag)


class Algorithm(IntEnum):
    """Signature algorithms that are verified here (IANA COSE registry)."""

    ES256 = -7
    EDDSA = -8
    PS256 = -37


class NotCose(ValueError):
    """The bytes are no COSE_Sign1, or not in the one allowed form. The message names the rule, never the content."""


class Sign1(NamedTuple):  # made for every code: a tuple is made three times as fast as a frozen dataclass
    """A COSE_Sign1, taken apart and not yet believed."""

    protected_raw: bytes
    protected: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes
    signature: bytes

    def signed_bytes(self, external_aad: bytes = b"") -> bytes:
        """The Sig_structure that the signature covers (RFC 9052 section 4.4)."""
        return cbor2.dumps(["Signature1", self.protected_raw, external_aad, self.payload])


def canonical(data: bytes) -> Any:
    """Decode exactly one deterministically encoded CBOR item (RFC 8949 section 4.2.1). Raises NotCose."""
    try:
        item = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_REFUSED_TAGS,
        )
        same = cbor2.dumps(item, canonical=True) == data
    except _CBOR_TROUBLE as trouble:
        raise NotCose("not CBOR") from trouble
    if not same:
        raise NotCose("not deterministic CBOR")
    return item


def lenient(data: bytes) -> Any:
    """Decode one CBOR item as foreign encoders write it: indefinite lengths, any order. Raises NotCose."""
    try:
        return cbor2.loads(data, max_depth=MAX_DEPTH, semantic_decoders=_REFUSED_TAGS)
    except _CBOR_TROUBLE as trouble:
        raise NotCose("not CBOR") from trouble


def parse(data: bytes) -> Sign1:
    """Take apart one COSE_Sign1 in deterministic CBOR at every level but the payload's own. Raises NotCose."""
    item = canonical(data)
    if not isinstance(item, cbor2.CBORTag) or item.tag != TAG:
        raise NotCose("no COSE_Sign1 tag")
    return _parts(item.value, _strict_header)


def parse_foreign(data: bytes) -> Sign1:
    """Take apart a COSE_Sign1 with or without its tag, inside a CWT tag or not (RFC 8392 section 6). Raises NotCose."""
    item = lenient(data)
    for tag in (61, TAG):
        if isinstance(item, cbor2.CBORTag) and item.tag == tag:
            item = item.value
    return _parts(item, _lenient_header)


def _parts(value: Any, read_header: Callable[[bytes], Mapping[Any, Any]]) -> Sign1:
    match value:
        case [bytes(protected_raw), Mapping() as unprotected, bytes(payload), bytes(signature)]:
            return Sign1(protected_raw, read_header(protected_raw), unprotected, payload, signature)
    raise NotCose("not four parts of a COSE_Sign1")


@lru_cache(maxsize=64)
def _strict_header(raw: bytes) -> Mapping[Any, Any]:
    """A protected header in deterministic CBOR. All passes of one issuer have the same, so it is read once."""
    return _map(canonical(raw) if raw else {})


@lru_cache(maxsize=64)
def _lenient_header(raw: bytes) -> Mapping[Any, Any]:
    """A protected header as foreign encoders write it."""
    return _map(lenient(raw) if raw else {})


def _map(header: object) -> Mapping[Any, Any]:
    if not isinstance(header, dict):
        raise NotCose("the protected header is no map")
    return MappingProxyType(header)


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's own over `message`: EdDSA, ES256 (r and s, 64 bytes) or PS256, as the key is."""
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


def sign(key: SigningKey, kid: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """Make a tagged COSE_Sign1 with {1: alg, 4: kid}; an empty kid is left out. Deterministic CBOR and signature."""
    is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
    header: dict[int, Any] = {HEADER_ALG: int(Algorithm.ES256 if is_ec else Algorithm.EDDSA)}
    if kid:
        header[HEADER_KID] = kid
    protected_raw = cbor2.dumps(header, canonical=True)
    message = Sign1(protected_raw, header, {}, payload, b"").signed_bytes(external_aad)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = key.sign(message)
    return cbor2.dumps(cbor2.CBORTag(TAG, [protected_raw, {}, payload, signature]), canonical=True)
