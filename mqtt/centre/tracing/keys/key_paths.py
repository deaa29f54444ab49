"""The private keys that `--key` names: PEM files, files with shares, and folders of both."""

from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.tracing.keys.private_keys import PrivateKeyError, is_private_key_file, load_private_key
from mqtt.centre.tracing.keys.shares import SUFFIX, keys_of_shares, read_share


def keys_of_paths(paths: Collection[Path], password: bytes | None = None) -> tuple[X25519PrivateKey, ...]:
    """All keys. `password`: of PEM files that have one. Raises PrivateKeyError where there is no key."""
    folders = [path for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir()]
    for folder in folders:
        files += [*sorted(folder.glob("*.pem")), *sorted(folder.glob(f"*{SUFFIX}"))]
    pem_files = [path for path in files if is_private_key_file(path)]
    shares = [read_share(path) for path in files if path not in pem_files]
    found = (*(load_private_key(path, password) for path in pem_files), *keys_of_shares(shares))
    if not found:
        raise PrivateKeyError("there is no private key: name a file, a folder of keys, or the folders of two holders")
    return found
