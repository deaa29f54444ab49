"""Reads private sealing keys from PEM files and from folders of them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class PrivateKeyError(Exception):
    """A private key cannot be used. The text says why."""


def load_private_keys(paths: Iterable[Path]) -> tuple[X25519PrivateKey, ...]:
    """The keys in these files, and in the `*.pem` files of these folders. Raises PrivateKeyError."""
    found = tuple(load_private_key(file) for path in paths for file in _files(path))
    if not found:
        raise PrivateKeyError("there is no private key: name a file, or a folder with *.pem files")
    return found


def load_private_key(path: Path) -> X25519PrivateKey:
    """The key in one file. Raises PrivateKeyError."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be read: {error.strerror}") from error
    except TypeError as error:
        raise PrivateKeyError(
            f"{path} is encrypted. Write it without a password, on a machine without a network"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PrivateKeyError(f"{path} is not a private key in PEM form") from error
    if isinstance(key, X25519PrivateKey):
        return key
    raise PrivateKeyError(f"{path} is not an X25519 key")


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(path.glob("*.pem")) if path.is_dir() else [path]
