"""What changed from one signed denylist to the next: entries that came, entries that went, and the new signature. Pure.

The result is byte for byte the list that the root key signed. Its SHA-256 says whether it is.
"""

from collections.abc import Iterator

import cbor2

from kiosk.credentials.formats import cose
from kiosk.credentials.trust.denylist import ENTRY_BYTES, Denylist
from kiosk.credentials.trust.signed_list import list_payload

SIGNATURE_BYTES = 64


class DeltaError(ValueError):
    """The delta does not fit. The whole list is needed."""


def make_delta(old: Denylist, new: Denylist, new_data: bytes) -> bytes:
    """The change from `old` to `new`, whose signed form is `new_data`."""
    before, after = set(old.entries), set(new.entries)
    adds, removes = b"".join(sorted(after - before)), b"".join(sorted(before - after))
    signature = new_data[-SIGNATURE_BYTES:]
    return cbor2.dumps([int(new.issued_at.timestamp()), adds, removes, signature], canonical=True)


def apply_delta(old: Denylist, number: int, delta: bytes) -> bytes:
    """The signed form of list `number`. The caller checks its SHA-256 and its signature. Raises DeltaError."""
    try:
        content = cose.decode_deterministic_cbor(delta)
    except cose.CoseError as error:
        raise DeltaError("not a delta") from error
    match content:
        case [int(issued_s), bytes(adds), bytes(removes), bytes(signature)] if 0 <= issued_s < 2**40:
            pass
        case _:
            raise DeltaError("not a delta")
    if len(signature) != SIGNATURE_BYTES or len(adds) % ENTRY_BYTES or len(removes) % ENTRY_BYTES:
        raise DeltaError("not a delta")
    entries = set(old.entries)
    entries.difference_update(_entries(removes))
    entries.update(_entries(adds))
    blob = b"".join(sorted(entries))
    payload = list_payload("deny", number, issued_s, len(entries), blob)
    header = cbor2.dumps({cose.HEADER_ALG: int(cose.Algorithm.EDDSA)}, canonical=True)
    return cbor2.dumps(cbor2.CBORTag(cose.COSE_SIGN1_TAG, [header, {}, payload, signature]), canonical=True)


def _entries(blob: bytes) -> Iterator[bytes]:
    return (blob[start : start + ENTRY_BYTES] for start in range(0, len(blob), ENTRY_BYTES))
