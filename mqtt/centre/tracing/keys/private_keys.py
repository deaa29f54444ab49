"""Reads a private sealing key from a PEM file."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mqtt.broker.key_errors import UNREADABLE_KEY


class PrivateKeyError(Exception):
    """A private key cannot be used. The text says why."""


def is_private_key_file(path: Path) -> bool:
    """Whether the file is to be read as a PEM file. One that is no share is too. Raises PrivateKeyError."""
    try:
        begin = path.read_bytes()[:4096]
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be read: {error.strerror}") from error
    return b"-----BEGIN" in begin or path.suffix in {".pem", ".key"}


def load_private_key(path: Path, password: bytes | None = None) -> X25519PrivateKey:
    """The key in one file. Raises PrivateKeyError."""
    try:
        content = path.read_bytes()
        key = load_pem_private_key(content, password if b"ENCRYPTED" in content else None)
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be read: {error.strerror}") from error
    except TypeError as error:
        raise PrivateKeyError(f"{path} has a password: name it with --key-password-file") from error
    except UNREADABLE_KEY as error:
        wrong = ", or the password is wrong" if password else ""
        raise PrivateKeyError(f"{path} is not a private key in PEM form{wrong}") from error
    if isinstance(key, X25519PrivateKey):
        return key
    raise PrivateKeyError(f"{path} is not an X25519 key")
