"""Signs entry passes: an issuer's key, and the text of a code."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.core.model import CodeKind
from kiosk.credentials.formats import base45, cose, entry_pass
from kiosk.credentials.formats.cose import PublicKey
from kiosk.credentials.trust.trust_list import TrustedKey, public_key_der

MAX_CARD_CHARACTERS = 178
"""Characters of a card's code: QR version 7 at level M."""


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key that signs passes, with its limits. `private_key` never leaves the issuer."""

    private_key: Ed25519PrivateKey = field(repr=False)
    not_before_at: datetime
    not_after_at: datetime
    status_classes: frozenset[int] = frozenset()
    """Status classes that it may issue. Empty: all."""
    label: str = ""

    @property
    def kid(self) -> bytes:
        """Key id, as its passes carry it."""
        return key_id(self.private_key.public_key())

    def trusted_key(self) -> TrustedKey:
        """The public half, as a trust list carries it."""
        return TrustedKey(
            kid=self.kid,
            kind=CodeKind.ENTRY_PASS,
            public_key=self.private_key.public_key(),
            not_before_at=self.not_before_at,
            not_after_at=self.not_after_at,
            uses=frozenset(str(status_class) for status_class in self.status_classes),
            label=self.label,
        )


def key_id(public_key: PublicKey) -> bytes:
    """First 4 bytes of SHA-256 of the public key (DER SubjectPublicKeyInfo)."""
    return hashlib.sha256(public_key_der(public_key)).digest()[: entry_pass.KID_BYTES]


def make_issuer_key(
    not_before_at: datetime,
    not_after_at: datetime,
    *,
    status_classes: frozenset[int] = frozenset(),
    label: str = "",
    seed: bytes | None = None,
) -> IssuerKey:
    """Make an issuer's key. A `seed` of 32 bytes makes it repeatable, for tests only."""
    private_key = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
    return IssuerKey(private_key, not_before_at, not_after_at, status_classes, label)


@dataclass(frozen=True, slots=True)
class PassClaims:
    """Content of a pass, as the issuer sets it."""

    serial: bytes
    """10 random bytes."""
    issued_at: datetime
    expires_at: datetime
    status_class: int = 1
    declaration_h: int = 0
    """Hours after `issued_at` for which the holder's declaration counts; 0: none was made."""
    holder_key: bytes | None = None
    """Raw Ed25519 key of the app that may show it. None for a card."""


def encode_claims(claims_of_pass: PassClaims) -> bytes:
    """The claims of a pass as CBOR, to be signed."""
    claims: dict[int, Any] = {
        entry_pass.EXP: int(claims_of_pass.expires_at.timestamp()),
        entry_pass.IAT: int(claims_of_pass.issued_at.timestamp()),
        entry_pass.CTI: claims_of_pass.serial,
        entry_pass.STATUS: [claims_of_pass.status_class, claims_of_pass.declaration_h],
    }
    if claims_of_pass.holder_key is not None:
        claims[entry_pass.CNF] = {1: {1: 1, -1: 6, -2: claims_of_pass.holder_key}}
    return cbor2.dumps(claims, canonical=True)


def sign_pass(
    key: IssuerKey,
    serial: bytes,
    issued_at: datetime,
    expires_at: datetime,
    *,
    status_class: int = 1,
    declaration_h: int = 48,
    holder_key: bytes | None = None,
) -> bytes:
    """Sign a pass and return the text of its code. With a `holder_key` (raw Ed25519) it is a token for `make_rotating_pass`."""
    claims = encode_claims(PassClaims(serial, issued_at, expires_at, status_class, declaration_h, holder_key))
    return entry_pass.PREFIX + base45.encode_base45(cose.make_sign1(key.private_key, key.kid, claims)).encode("ascii")


def make_rotating_pass(pass_text: bytes, holder: Ed25519PrivateKey, shown_at: datetime) -> bytes:
    """The code that an app shows: the token of a pass with the holder's signature over the time."""
    token = base45.decode_base45(pass_text.removeprefix(entry_pass.PREFIX))
    proof = cose.make_sign1(holder, b"", cbor2.dumps({entry_pass.IAT: int(shown_at.timestamp())}), token)
    both = cbor2.dumps([token, proof], canonical=True)
    return entry_pass.PREFIX + base45.encode_base45(both).encode("ascii")
