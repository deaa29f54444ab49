"""The denylist: revoked passes, identified by 10 bytes each."""

import hashlib
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials.trust import files, signed_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.signed_list import SignedList
from kiosk.credentials.trust.sorted_entries import SortedEntries
from kiosk.credentials.trust.trust_list import ROOT_PUBLIC_KEY_FILE

ENTRY_BYTES = 10


@dataclass(frozen=True, slots=True)
class Denylist:
    """Revoked passes. An entry is the serial of a pass (cti), or `hcert_denylist_entry` of an HCERT."""

    number: int
    issued_at: datetime
    entries: Set[bytes] = field(repr=False)


EMPTY_DENYLIST = Denylist(0, datetime.fromtimestamp(0, UTC), frozenset())


def hcert_denylist_entry(uvci: str) -> bytes:
    """The entry of an HCERT: the first 10 bytes of SHA-256 of its UVCI. A hash, so that the list reveals no UVCI."""
    return hashlib.sha256(uvci.encode("utf-8")).digest()[:ENTRY_BYTES]


def make_denylist(entries: Iterable[bytes], *, number: int, issued_at: datetime) -> Denylist:
    """Make a denylist. Raises ValueError if an entry is not 10 bytes long."""
    names = frozenset(entries)
    if any(len(name) != ENTRY_BYTES for name in names):
        raise ValueError(f"an entry of a denylist is {ENTRY_BYTES} bytes long")
    return Denylist(number, issued_at, names)


def sign_denylist(root: Ed25519PrivateKey, denylist: Denylist) -> bytes:
    """Sign a denylist for the kiosks. Its entries are sorted in one byte string."""
    blob = b"".join(sorted(denylist.entries))
    return signed_list.sign_list(
        root, SignedList("deny", denylist.number, denylist.issued_at, len(denylist.entries), blob)
    )


def parse_denylist(data: bytes, root_pem: bytes) -> Denylist:
    """Check and read a signed denylist. Raises ListError."""
    found = signed_list.verify_signed_list(data, signed_list.load_root_public_key(root_pem), "deny")
    blob = found.entries
    if not isinstance(blob, bytes) or len(blob) != found.count * ENTRY_BYTES:
        raise ListError("The denylist's length does not match its count. Ask the centre for it again.")
    return Denylist(found.number, found.issued_at, _sorted_entries(blob))


def _sorted_entries(blob: bytes) -> SortedEntries:
    """Lists of other tools may not be sorted. Raises ListError."""
    try:
        return SortedEntries(blob, ENTRY_BYTES)
    except ValueError:
        entries = [blob[start : start + ENTRY_BYTES] for start in range(0, len(blob), ENTRY_BYTES)]
    if len(set(entries)) != len(entries):
        raise ListError("The denylist has duplicate entries. Ask the centre for it again.")
    return SortedEntries(b"".join(sorted(entries)), ENTRY_BYTES)


def load_denylist(path: Path, root_path: Path | None = None) -> Denylist:
    """Read a denylist file. The root's public key is `root.pem` beside it unless named. Raises ListError."""
    return parse_denylist(
        files.read_list_file(path), files.read_list_file(root_path or path.with_name(ROOT_PUBLIC_KEY_FILE))
    )
