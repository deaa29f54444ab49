"""The denylist: passes that were withdrawn before their time, by a 10-byte name each."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials.trust import files, signed_list
from kiosk.credentials.trust.files import ListTrouble
from kiosk.credentials.trust.signed_list import Envelope
from kiosk.credentials.trust.trust_list import ROOT_FILE

ENTRY_BYTES = 10


@dataclass(frozen=True, slots=True)
class Denylist:
    """Withdrawn passes; `entries` holds a pass's serial (cti), or `foreign_entry` of an HCERT."""

    number: int
    issued_at: datetime
    entries: frozenset[bytes] = field(repr=False)


EMPTY = Denylist(0, datetime.fromtimestamp(0, UTC), frozenset())


def foreign_entry(uvci: str) -> bytes:
    """The denylist name of an HCERT: the first 10 bytes of SHA-256 of its UVCI, so that the list tells no UVCI."""
    return hashlib.sha256(uvci.encode("utf-8")).digest()[:ENTRY_BYTES]


def of(entries: Iterable[bytes], *, number: int, issued_at: datetime) -> Denylist:
    """Make a denylist. Raises ValueError where an entry is not 10 bytes long."""
    names = frozenset(entries)
    if any(len(name) != ENTRY_BYTES for name in names):
        raise ValueError(f"an entry of a denylist is {ENTRY_BYTES} bytes long")
    return Denylist(number, issued_at, names)


def seal(root: Ed25519PrivateKey, denylist: Denylist) -> bytes:
    """Sign a denylist for the kiosks: the entries lie sorted in one byte string."""
    blob = b"".join(sorted(denylist.entries))
    return signed_list.seal(root, Envelope("deny", denylist.number, denylist.issued_at, len(denylist.entries), blob))


def parse(data: bytes, root_pem: bytes) -> Denylist:
    """Check and read a signed denylist. Raises ListTrouble."""
    found = signed_list.open_(data, signed_list.load_root(root_pem), "deny")
    blob = found.entries
    if not isinstance(blob, bytes) or len(blob) != found.count * ENTRY_BYTES:
        raise ListTrouble("The denylist's length does not agree with its count. Ask the centre for it again.")
    entries = frozenset(blob[start : start + ENTRY_BYTES] for start in range(0, len(blob), ENTRY_BYTES))
    if len(entries) != found.count:
        raise ListTrouble("The denylist names passes twice. Ask the centre for it again.")
    return Denylist(found.number, found.issued_at, entries)


def load(path: Path, root_path: Path | None = None) -> Denylist:
    """Read a denylist from a file; the root's public key is `root.pem` beside it unless named. Raises ListTrouble."""
    return parse(files.read(path), files.read(root_path or path.with_name(ROOT_FILE)))
