"""The signed, numbered and dated container of all lists.

A COSE_Sign1 by the offline root key (Ed25519) over {1: kind, 2: number, 3: issued_at, 4: count, 5: entries}. The count is
signed besides the entries, so that a truncation by the tool that made the list is detected. The number only rises, so that an
old list is not accepted again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kiosk.credentials.formats import cose
from kiosk.credentials.trust.files import MAX_LIST_BYTES, ListError
from mqtt.broker.key_errors import UNREADABLE_KEY

_AAD = b"entrance-kiosk list 1"


@dataclass(frozen=True, slots=True)
class SignedList:
    """A list with a valid signature."""

    list_kind: str
    """`trust`, `deny`, `seal` or `forget`."""
    number: int
    issued_at: datetime
    count: int
    entries: Any


def sign_list(root: Ed25519PrivateKey, contents: SignedList) -> bytes:
    """Sign a list with the root key."""
    issued_s = int(contents.issued_at.timestamp())
    payload = list_payload(contents.list_kind, contents.number, issued_s, contents.count, contents.entries)
    return cose.make_sign1(root, b"", payload, _AAD)


def list_payload(list_kind: str, number: int, issued_s: int, count: int, entries: Any) -> bytes:
    """What the root key signs. `issued_s`: Unix time."""
    return cbor2.dumps({1: list_kind, 2: number, 3: issued_s, 4: count, 5: entries}, canonical=True)


def verify_signed_list(data: bytes, root: Ed25519PublicKey, list_kind: str) -> SignedList:
    """Check a list against the root key. Raises ListError."""
    if len(data) > MAX_LIST_BYTES:
        raise ListError(f"The {list_kind} list is larger than {MAX_LIST_BYTES} bytes. Ask the centre for a new copy.")
    try:
        parts = cose.parse_sign1(data)
    except cose.CoseError as error:
        raise ListError(f"The {list_kind} list is damaged ({error}). Copy it to this device again.") from error
    if not cose.is_signature_valid(root, parts.signature, parts.signature_input(_AAD)):
        raise ListError(
            f"The {list_kind} list is not signed by this device's root key. Do not use it. Inform the centre."
        )
    # From here on the content is signed by the root key. An invalid form is an error of the tool that made it, not an attack.
    try:
        body = cose.decode_deterministic_cbor(parts.payload)
        number, issued_s, count = (_natural_number(body[place]) for place in (2, 3, 4))
        envelope = SignedList(body[1], number, datetime.fromtimestamp(issued_s, UTC), count, body[5])
    except (cose.CoseError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise ListError(f"The {list_kind} list was signed in a form that this version does not support.") from error
    if envelope.list_kind != list_kind:
        raise ListError(f"This is a {envelope.list_kind!r} list, but a {list_kind!r} list is expected. Swap the files.")
    return envelope


def _natural_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a natural number")
    return value


def load_root_public_key(pem: bytes) -> Ed25519PublicKey:
    """Read the root's public key. Raises ListError."""
    try:
        key = load_pem_public_key(pem)
    except UNREADABLE_KEY as error:
        raise ListError("The root key is not a PEM public key. `kiosk trust root` makes one.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ListError("The root key is not an Ed25519 key. `kiosk trust root` makes one.")
    return key
