"""Locks and unlocks the private key of an authority with a password, in PEM (PKCS #8)."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from mqtt.broker.key_errors import UNREADABLE_KEY
from mqtt.broker.pki_error import LockedAuthorityKeyError, PkiError

_LOCKED_MARK = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def load_authority_key(path: Path, password: bytes | None) -> ec.EllipticCurvePrivateKey:
    """The private key of an authority. A password that the key does not need is ignored. Raises OSError, PkiError."""
    pem = path.read_bytes()
    is_locked = _LOCKED_MARK in pem
    if is_locked and not password:
        raise LockedAuthorityKeyError(f"{path} has a password. Give --password-file.")
    try:
        key = load_pem_private_key(pem, password if is_locked else None)
    except UNREADABLE_KEY as error:
        wrong = "cannot be opened: wrong password, or damaged" if is_locked else f"is no private key: {error}"
        raise PkiError(f"{path}: {wrong}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{path}: is not an EC key")
    return key


def locked_pem(pem: bytes, password: bytes) -> bytes:
    """The same private key, locked. `pem`: not locked."""
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))


def unlocked_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """For a service that runs without a person: only the rights of the file protect it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
