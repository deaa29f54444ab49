"""The signed, numbered, dated envelope that trust list and denylist arrive in.

A COSE_Sign1 by the offline root key (Ed25519) over {1: what, 2: number, 3: issued_at, 4: count, 5: entries}. The count is signed
apart from the entries, so that a maker's truncation shows; the number only ever rises, so that an old list cannot come back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kiosk.credentials.formats import cose
from kiosk.credentials.trust.files import MAX_BYTES, ListTrouble

_AAD = b"entrance-kiosk list 1"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A list whose signature held."""

    what: str
    """`trust` or `deny`."""
    number: int
    issued_at: datetime
    count: int
    entries: Any


def seal(root: Ed25519PrivateKey, contents: Envelope) -> bytes:
    """Sign a list with the root key."""
    payload = cbor2.dumps(
        {
            1: contents.what,
            2: contents.number,
            3: int(contents.issued_at.timestamp()),
            4: contents.count,
            5: contents.entries,
        },
        canonical=True,
    )
    return cose.sign(root, b"", payload, _AAD)


def open_(data: bytes, root: Ed25519PublicKey, list_kind: str) -> Envelope:
    """Check a list against the root key. Raises ListTrouble."""
    if len(data) > MAX_BYTES:
        raise ListTrouble(f"The {list_kind} list is larger than {MAX_BYTES} bytes. Ask the centre for a new copy.")
    try:
        parts = cose.parse(data)
    except cose.NotCose as trouble:
        raise ListTrouble(f"The {list_kind} list is damaged ({trouble}). Copy it to this device again.") from trouble
    if not cose.verifies(root, parts.signature, parts.signed_bytes(_AAD)):
        raise ListTrouble(f"The {list_kind} list is not signed by this device's root key. Do not use it; tell the centre.")
    # From here on it is the root key's own word; a wrong shape is a maker's mistake, not an attack.
    try:
        body = cose.canonical(parts.payload)
        envelope = Envelope(body[1], body[2], datetime.fromtimestamp(body[3], UTC), body[4], body[5])
    except (cose.NotCose, KeyError, TypeError, ValueError, OverflowError) as trouble:
        raise ListTrouble(f"The {list_kind} list was signed in a form that this version does not know.") from trouble
    if envelope.what != list_kind:
        raise ListTrouble(f"This is a {envelope.what!r} list where a {list_kind!r} list belongs. Swap the files.")
    return envelope


def load_root(pem: bytes) -> Ed25519PublicKey:
    """Read the root's public key. Raises ListTrouble."""
    try:
        key = load_pem_public_key(pem)
    except ValueError as trouble:
        raise ListTrouble("The root key is no PEM public key. `kiosk trust root` makes one.") from trouble
    if not isinstance(key, Ed25519PublicKey):
        raise ListTrouble("The root key is not an Ed25519 key. `kiosk trust root` makes one.")
    return key
