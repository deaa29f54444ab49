"""Private key files of an issuer or of the root: encrypted with a password, or readable by the owner only."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from kiosk.core.ports import KioskError
from kiosk.credentials.issuing.output_files import OutputError, write_new_file
from kiosk.credentials.issuing.passes import IssuerKey
from mqtt.broker.key_errors import UNREADABLE_KEY

MAX_KEY_FILE_BYTES = 64 * 1024


class KeyFileError(KioskError):
    """A key file cannot be used. The message says what to do."""


class LockedKeyError(KeyFileError):
    """The key has a password, and none was given."""


def write_issuer_key(key: IssuerKey, path: Path, password: bytes | None) -> None:
    """Write an issuer's key with its limits. Raises KeyFileError if the file exists."""
    tree = {
        "what": "entrance-kiosk issuer key",
        "label": key.label,
        "not_before_at": key.not_before_at.isoformat(),
        "not_after_at": key.not_after_at.isoformat(),
        "status_classes": sorted(key.status_classes),
        "private_key": _private_key_pem(key.private_key, password).decode("ascii"),
    }
    _write_new(path, json.dumps(tree, ensure_ascii=False, indent=1).encode("utf-8"))


def read_issuer_key(path: Path, password: bytes | None) -> IssuerKey:
    """Read an issuer's key. Raises KeyFileError."""
    try:
        tree: Any = json.loads(_read_file(path))
        return IssuerKey(
            private_key=_load_private_key(tree["private_key"].encode("ascii"), password, path),
            not_before_at=datetime.fromisoformat(tree["not_before_at"]),
            not_after_at=datetime.fromisoformat(tree["not_after_at"]),
            status_classes=frozenset(int(each) for each in tree["status_classes"]),
            label=str(tree["label"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise KeyFileError(f"{path} is not an issuer key made by `kiosk issue`.") from error


def write_root_key(key: Ed25519PrivateKey, path: Path, password: bytes | None) -> None:
    """Write the root key as PEM. Raises KeyFileError if the file exists."""
    _write_new(path, _private_key_pem(key, password))


def read_root_key(path: Path, password: bytes | None) -> Ed25519PrivateKey:
    """Read the root key. Raises KeyFileError."""
    return _load_private_key(_read_file(path), password, path)


def read_password(path: Path | None) -> bytes | None:
    """The first line of a password file. None if `path` is None. Raises KeyFileError if the line is empty."""
    if path is None:
        return None
    password = _read_file(path).split(b"\n", 1)[0].rstrip(b"\r")
    if not password:
        raise KeyFileError(f"{path} has no password in its first line.")
    return password


def public_key_pem(key: Ed25519PrivateKey) -> bytes:
    """The public key, as devices store it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private_key_pem(key: Ed25519PrivateKey, password: bytes | None) -> bytes:
    lock: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def _load_private_key(pem: bytes, password: bytes | None, path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password)
    except TypeError as error:
        if password is None:
            raise LockedKeyError(f"{path} has a password. Give --password-file.") from error
        raise KeyFileError(f"{path} has no password. Omit --password-file.") from error
    except UNREADABLE_KEY as error:
        raise KeyFileError(f"{path} cannot be opened: wrong password, or not a private key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key.")
    return key


def _write_new(path: Path, content: bytes) -> None:
    try:
        write_new_file(path, content)
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists. A key is never overwritten. Move it away, or give another name.") from error
    except OutputError as error:
        raise KeyFileError(str(error)) from error


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}.") from error
