"""The synthetic people of all tests, and every byte string of theirs that must be found nowhere.

`WORLD` is the sample world that the product itself ships (kiosk/credentials/issuing/samples.py); what is added here is what tests ask of it.
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
    """Both clocks `after_s` seconds after NOW_AT; `jumped` moves the wall clock alone."""
    return ClockReading(NOW_AT + timedelta(seconds=after_s) + jumped, 5_000.0 + after_s, quality)


def dispatcher(world: SampleData = WORLD) -> CredentialVerifier:
    """A verifier that knows the world's lists and remembers nothing."""
    return CredentialVerifier(
        trust_list.parse_trust_list(world.trust_list, world.root_pem),
        denylist.parse_denylist(world.denylist, world.root_pem),
    )


def centre_key() -> tuple[X25519PrivateKey, bytes]:
    """A throw-away sealing key of the centre: private key, and public PEM as devices keep it."""
    private = X25519PrivateKey.generate()
    return private, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forbidden(samples: Iterable[SampleCode] = WORLD.samples) -> dict[bytes, str]:
    """What must be found in no database, WAL, log, message or page: bytes -> what they are.

    Every code's text and every piece of every person, as UTF-8, UTF-16, hex, base64 (at its three alignments) and JSON's ASCII.
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
                found |= dict.fromkeys(dresses(piece), what)
    return found


def dresses(piece: bytes) -> set[bytes]:
    """The ways in which a piece may have been written down."""
    worn = {piece, piece.hex().encode(), piece.hex().upper().encode()}
    for shift in range(3):
        # Only characters that depend on no neighbour: whatever stood before and after, these would stand there.
        coded = base64.b64encode(bytes(shift) + piece)
        worn.add(coded[(shift * 4 + 2) // 3 : -4])
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError:
        return worn
    worn |= {
        text.encode("utf-16-le"),
        text.encode("unicode_escape"),
        json.dumps(text)[1:-1].encode(),
        text.casefold().encode(),
        text.upper().encode(),
    }
    return {each for each in worn if len(each) >= LEAST_PIECE_BYTES}


def leaks(haystack: bytes, needles: dict[bytes, str] | None = None) -> list[str]:
    """Which forbidden things are in these bytes; empty where all is well."""
    needles = forbidden() if needles is None else needles
    return sorted({what for needle, what in needles.items() if needle in haystack})


def write_world(folder: Path, world: SampleData = WORLD) -> Path:
    """Put the world's lists and root key into a folder, as a device has them; returns the trust list's path."""
    (folder / trust_list.ROOT_PUBLIC_KEY_FILE).write_bytes(world.root_pem)
    (folder / "denylist.cose").write_bytes(world.denylist)
    path = folder / "trust-list.cose"
    path.write_bytes(world.trust_list)
    return path
