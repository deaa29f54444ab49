"""The signature of the centre's orders: a COSE_Sign1 (RFC 9052) by the fleet key (Ed25519), in one single form.

    d2 84 43 a1 01 27 a0 <byte string: payload> 58 40 <signature>

Tag 18, an array of four, the protected header {1: -8}, an empty unprotected header. Nothing that is not signed is decoded.
"""

from collections.abc import Sequence
from enum import Enum

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from mqtt.broker.key_errors import UNREADABLE_KEY

MAX_ORDER_BYTES = 64 * 1024
"""A longer message is not looked at."""
_PROTECTED = bytes.fromhex("a10127")  # {1: -8}: EdDSA
_HEAD = bytes.fromhex("d28443a10127a0")
_SIGNATURE_HEAD = bytes.fromhex("5840")
_SIGNATURE_BYTES = 64
_PEM_END = b"-----END PUBLIC KEY-----"


class OrderUse(Enum):
    """What an order is for. It is signed too (external_aad), so that no order passes for one of another kind."""

    COMMAND = b"entrance-kiosk command 1"
    CONFIGURATION = b"entrance-kiosk configuration 1"


class FleetKeyError(ValueError):
    """The file is not the key that is needed. The text is a sentence."""


def sign_order(key: Ed25519PrivateKey, use: OrderUse, payload: bytes) -> bytes:
    """Sign an order."""
    signature = key.sign(_signed_bytes(use, payload))
    return _HEAD + cbor2.dumps(payload) + _SIGNATURE_HEAD + signature


def open_order(keys: Sequence[Ed25519PublicKey], use: OrderUse, data: bytes) -> bytes | None:
    """The payload of an order that one of these keys signed for this use. None for all other bytes."""
    end = len(data) - _SIGNATURE_BYTES
    if len(data) > MAX_ORDER_BYTES or not data.startswith(_HEAD) or data[end - 2 : end] != _SIGNATURE_HEAD:
        return None
    payload = _byte_string(data[len(_HEAD) : end - 2])
    if payload is None:
        return None
    message = _signed_bytes(use, payload)
    return payload if any(_is_valid(key, data[end:], message) for key in keys) else None


def _byte_string(data: bytes) -> bytes | None:
    """The content of exactly one CBOR byte string with the shortest length (RFC 8949 section 4.2.1)."""
    for head_bytes in (1, 2, 3, 5):
        if cbor2.dumps(data[head_bytes:]) == data:
            return data[head_bytes:]
    return None


def _signed_bytes(use: OrderUse, payload: bytes) -> bytes:
    """The Sig_structure (RFC 9052 section 4.4)."""
    return cbor2.dumps(["Signature1", _PROTECTED, use.value, payload])


def _is_valid(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def load_fleet_public_keys(pem: bytes) -> tuple[Ed25519PublicKey, ...]:
    """The public keys of a file. It has two while the fleet key changes: the present one and the next. Raises FleetKeyError."""
    blocks = [block + _PEM_END for block in pem.split(_PEM_END)[:-1]]
    if not blocks:
        raise FleetKeyError("this is not a public key in PEM form. `kiosk pki fleet-key` makes one.")
    keys = []
    for block in blocks:
        try:
            key = load_pem_public_key(block.strip())
        except UNREADABLE_KEY as error:
            raise FleetKeyError("this is not a public key in PEM form. `kiosk pki fleet-key` makes one.") from error
        if not isinstance(key, Ed25519PublicKey):
            raise FleetKeyError("this is not an Ed25519 key. `kiosk pki fleet-key` makes one.")
        keys.append(key)
    return tuple(keys)


def load_fleet_private_key(pem: bytes) -> Ed25519PrivateKey:
    """The private key, which the centre signs with. Raises FleetKeyError."""
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise FleetKeyError("this key has a password. The centre needs the fleet key without one.") from error
    except UNREADABLE_KEY as error:
        raise FleetKeyError("this is not a private key in PEM form. `kiosk pki fleet-key` makes one.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FleetKeyError("this is not an Ed25519 key. `kiosk pki fleet-key` makes one.")
    return key
