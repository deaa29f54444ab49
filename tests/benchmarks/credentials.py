"""Time from the text of a code to its decision, relative to the bare signature check in the same run, and a large denylist."""

import statistics
import time
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core import rules
from kiosk.core.model import Claim, CodeKind, VisitHistory
from kiosk.core.subject_sealing import Seal
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import base45, cose, fields, hcert
from kiosk.credentials.issuing.passes import key_id
from kiosk.credentials.trust import denylist, trust_list
from kiosk.credentials.trust.trust_list import TrustedKey
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.entry_passes import CLAIMS
from tests.fakes.data.people import NOW_AT, WORLD, centre_key, moment

POLICY, NO_HISTORY, NOW = rules.AccessPolicy(), VisitHistory(), moment()
DENIED = 100_000
EC_KEY = ec.derive_private_key(4321, ec.SECP256R1())


def run(quick: bool) -> list[Row]:
    """All rows. `quick` measures fewer rounds."""
    rounds = 300 if quick else 3000
    return [*_signed(rounds), *_unsigned(rounds), *_hostile(rounds // 10), *_denylist(rounds), *_sealing(rounds)]


def median_us(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Medians in microseconds. The functions run in turns, so that changes of the machine's load affect all of them."""
    took: list[list[int]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(rounds):
        for times, function in zip(took, functions, strict=True):
            begun = time.perf_counter_ns()
            function()
            times.append(time.perf_counter_ns() - begun)
    return [statistics.median(times) / 1000 for times in took]


def _verifier() -> CredentialVerifier:
    records = [
        WORLD.issuer.trusted_key(),
        TrustedKey(key_id(EC_KEY.public_key()), CodeKind.ENTRY_PASS, EC_KEY.public_key(), *_validity()),
        TrustedKey(WORLD.hcert_kid, CodeKind.HCERT, WORLD.hcert_key.public_key(), *_validity()),
        TrustedKey(b"rsa 2048", CodeKind.HCERT, RSA_KEY.public_key(), *_validity()),
    ]
    denied = denylist.make_denylist(
        (number.to_bytes(10, "big") for number in range(DENIED)), number=1, issued_at=NOW_AT
    )
    return CredentialVerifier(trust_list.make_trust_list(records, number=1, issued_at=NOW_AT), denied)


def _validity() -> tuple[datetime, datetime]:
    return NOW_AT - timedelta(days=400), NOW_AT + timedelta(days=400)


RSA_KEY = rsa.generate_private_key(65537, 2048)


def _ps256(token: bytes) -> bytes:
    """The same HCERT signed with an RSA key, as in Vietnam."""
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = cose.parse_sign1(token)
    header = cbor2.dumps({1: -37, 4: b"rsa 2048"})
    message = cose.CoseSign1(header, {}, {}, parts.payload, b"").signature_input()
    signature = RSA_KEY.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return cbor2.dumps(cbor2.CBORTag(18, [header, {}, parts.payload, signature]))


def _packed(token: bytes) -> bytes:
    return hcert.PREFIX + base45.encode_base45(zlib.compress(token, 9)).encode()


def _decided(verifier: CredentialVerifier, code: bytes) -> Callable[[], object]:
    return lambda: rules.decide_access(verifier.verify(code, NOW), NO_HISTORY, POLICY, 0, NOW)


def _signed(rounds: int) -> list[Row]:
    verifier = _verifier()
    es256_pass = (
        b"HUE1:"
        + base45.encode_base45(
            cose.make_sign1(EC_KEY, key_id(EC_KEY.public_key()), cbor2.dumps(CLAIMS, canonical=True))
        ).encode()
    )
    es256_hcert = WORLD["hcert"].data
    ps256_hcert = _packed(_ps256(hcert.extract_cose_bytes(es256_hcert)))
    rows = []
    for name, code, key in (
        ("entry pass, EdDSA", WORLD["valid"].data, WORLD.issuer.private_key.public_key()),
        ("entry pass, ES256", es256_pass, EC_KEY.public_key()),
        ("HCERT, ES256", es256_hcert, WORLD.hcert_key.public_key()),
        ("HCERT, PS256 (RSA 2048)", ps256_hcert, RSA_KEY.public_key()),
    ):
        assert isinstance(verifier.verify(code, NOW), Claim), name
        raw = base45.decode_base45(code[5:]) if code.startswith(b"HUE1:") else hcert.extract_cose_bytes(code)
        parts = cose.parse_external_sign1(raw)
        message = parts.signature_input()
        whole, bare = median_us(
            rounds,
            _decided(verifier, code),
            lambda k=key, s=parts.signature, m=message: cose.is_signature_valid(k, s, m),  # type: ignore[misc]  # bound early
        )
        rows.append(goal_row(f"{name}: text to decision", whole, "us", "<= 1.5", reference=bare, ratio=whole / bare))
    return rows


def _unsigned(rounds: int) -> list[Row]:
    verifier = _verifier()
    labels = ("national", "id-card", "insurance", "place", "unknown")
    medians = median_us(rounds, *(_decided(verifier, WORLD[label].data) for label in labels))
    return [Row(f"{label}: text to decision", took, "us") for label, took in zip(labels, medians, strict=True)]


def _hostile(rounds: int) -> list[Row]:
    """Cost of one code made by an attacker, relative to the bare signature check of an entry pass."""
    verifier = _verifier()
    valid = cose.parse_sign1(base45.decode_base45(WORLD["valid"].data[5:]))
    key, message = WORLD.issuer.private_key.public_key(), valid.signature_input()
    bomb = _packed(bytes(2_500_000))
    deep = b"\x81" * 9_000 + b"\x01"
    wide = cbor2.dumps([{}] * 9_900)
    attacks = {
        "zip bomb (2.5 MB)": bomb,
        "64 kB of garbage": b"\xff\x00|" * 21_846,
        "64 kB of garbage, HUE1:": b"HUE1:" + b"A" * 65_536,
        "64 kB of garbage, HC1:": b"HC1:" + b"A" * 65_536,
        "the longest HC1: text, not zlib": b"HC1:" + b"A" * (hcert.MAX_TEXT_BYTES - 4),
        "the longest HUE1: text": b"HUE1:" + b"A" * 634,
        "deep CBOR in an HCERT": _packed(deep),
        "wide CBOR in an HCERT": _packed(wide),
        "a pattern to compile, in an HCERT": _packed(cbor2.dumps(cbor2.CBORTag(35, "(?i)[\x01-\U0010ffff]" * 100))),
        "a mail to parse, in an HCERT": _packed(cbor2.dumps(cbor2.CBORTag(36, "a:b\n" * 2_000))),
        "a fraction to reduce, in an HCERT": _packed(b"\xd8\x1e\x82" + _huge(0xAA) + _huge(0x57)),
        "2953 field marks": b"|" * fields.MAX_TEXT_BYTES,
        "2953 bytes of an insurance card": b"A|" * 1_400 + b"$",
    }
    bare, *took = median_us(
        rounds,
        lambda: cose.is_signature_valid(key, valid.signature, message),
        *(_decided(verifier, code) for code in attacks.values()),
    )
    return [
        goal_row(f"hostile: {name}", each, "us", "<= 20", reference=bare, ratio=each / bare)
        for name, each in zip(attacks, took, strict=True)
    ]


def _huge(byte: int) -> bytes:
    """A whole number of 4,900 bytes."""
    return cbor2.dumps(int.from_bytes(bytes([byte]) * 4_900, "big"))


def _denylist(rounds: int) -> list[Row]:
    entries = [number.to_bytes(10, "big") for number in range(DENIED)]
    sealed = denylist.sign_denylist(WORLD.root_key, denylist.make_denylist(entries, number=1, issued_at=NOW_AT))
    begun = time.perf_counter()
    found = denylist.parse_denylist(sealed, WORLD.root_pem)
    load_s = time.perf_counter() - begun
    names, plain = found.entries, frozenset(entries)
    inside, peer = median_us(rounds, lambda: entries[777] in names, lambda: entries[777] in plain)
    return [
        goal_row("denylist of 100,000: file", len(sealed), "bytes", "<= 1200000"),
        goal_row("denylist of 100,000: load and check", load_s, "s", "<= 1"),
        Row("denylist of 100,000: lookup", inside, "us", peer, inside / peer),
    ]


def _sealing(rounds: int) -> list[Row]:
    private, pem = centre_key()
    assert private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == pem
    seal, subject = Seal(pem), WORLD["national"].subject
    assert subject is not None
    from uuid import UUID

    (took,) = median_us(rounds, lambda: seal.seal(subject, UUID(int=1)))
    return [
        Row("sealing a subject (HPKE)", took, "us"),
        Row("sealed subject", len(seal.seal(subject, UUID(int=1))), "bytes"),
    ]
