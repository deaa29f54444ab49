"""The synthetic people of all tests, and all their personal data, which must never be stored or sent.

`WORLD` is the sample data of the product (kiosk/credentials/issuing/samples.py).
"""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.issuing.sample_people import SamplePerson
from kiosk.credentials.issuing.samples import SampleCode, SampleData, make_sample_data
from kiosk.credentials.trust import denylist, trust_list

NOW_AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
"""A Monday, 08:02:03 in Hue."""
WORLD: SampleData = make_sample_data(NOW_AT, seed=7)
PEOPLE: tuple[SamplePerson, ...] = tuple(sample.person for sample in WORLD.samples if sample.person is not None)
LEAST_PIECE_BYTES = 6
"""Shorter pieces are found in random bytes by chance."""


def moment(
    after_s: float = 0.0, *, quality: ClockQuality = ClockQuality.SYNCHRONISED, jumped: timedelta = timedelta()
) -> ClockReading:
    """Both clocks `after_s` seconds after NOW_AT. `jumped` moves only the wall clock."""
    return ClockReading(NOW_AT + timedelta(seconds=after_s) + jumped, 5_000.0 + after_s, quality)


def dispatcher(world: SampleData = WORLD) -> CredentialVerifier:
    """A new verifier with the lists of the sample world."""
    return CredentialVerifier(
        trust_list.parse_trust_list(world.trust_list, world.root_pem),
        denylist.parse_denylist(world.denylist, world.root_pem),
    )


def centre_key() -> tuple[X25519PrivateKey, bytes]:
    """A temporary sealing key of the centre: private key, and public key as PEM."""
    private = X25519PrivateKey.generate()
    return private, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forbidden(samples: Iterable[SampleCode] = WORLD.samples) -> dict[bytes, str]:
    """Bytes that no database, WAL, log, message or page may contain -> description.

    The text of each code and all personal values, as UTF-8, UTF-16, hex, base64 (at its three alignments) and JSON ASCII.
    """
    found: dict[bytes, str] = {}
    for sample in samples:
        pieces = {f"the code of {sample.label}": sample.data}
        if sample.person is not None:
            pieces |= {f"{sample.label}: {piece}": piece.encode() for piece in sample.person.personal_values()}
        if sample.subject is not None:
            pieces |= {f"{sample.label}: {each.scheme}": each.value.encode() for each in sample.subject.identifiers}
        for what, piece in pieces.items():
            if len(piece) >= LEAST_PIECE_BYTES:
                found |= dict.fromkeys(encodings(piece), what)
    return found


def encodings(piece: bytes) -> set[bytes]:
    """All encodings in which these bytes could be stored."""
    encoded = {piece, piece.hex().encode(), piece.hex().upper().encode()}
    for shift in range(3):
        # Only the characters that do not depend on neighbouring bytes.
        coded = base64.b64encode(bytes(shift) + piece)
        encoded.add(coded[(shift * 4 + 2) // 3 : -4])
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError:
        return encoded
    encoded |= {
        text.encode("utf-16-le"),
        text.encode("unicode_escape"),
        json.dumps(text)[1:-1].encode(),
        text.casefold().encode(),
        text.upper().encode(),
    }
    return {each for each in encoded if len(each) >= LEAST_PIECE_BYTES}


def leaks(haystack: bytes, needles: dict[bytes, str] | None = None) -> list[str]:
    """Descriptions of forbidden bytes in `haystack`."""
    needles = forbidden() if needles is None else needles
    return sorted({what for needle, what in needles.items() if needle in haystack})


def write_world(folder: Path, world: SampleData = WORLD) -> Path:
    """Write the lists and the root key into a folder, as on a device. Returns the path of the trust list."""
    (folder / trust_list.ROOT_PUBLIC_KEY_FILE).write_bytes(world.root_pem)
    (folder / "denylist.cose").write_bytes(world.denylist)
    path = folder / "trust-list.cose"
    path.write_bytes(world.trust_list)
    return path
