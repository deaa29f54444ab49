"""Synthetic sample data: codes of all kinds of invented people, with matching keys and lists."""

import hashlib
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core.model import CodeKind, Identifier, Outcome, Reason, Subject
from kiosk.credentials.formats import base45, cose, hcert
from kiosk.credentials.issuing.passes import IssuerKey, make_issuer_key, make_rotating_pass, sign_pass
from kiosk.credentials.issuing.sample_people import SamplePerson, make_sample_person
from kiosk.credentials.trust import denylist
from kiosk.credentials.trust import trust_list as trust
from kiosk.credentials.trust.trust_list import TrustedKey


@dataclass(frozen=True, slots=True)
class SampleCode:
    """One code, with the expected decision of a gate that this person did not pass before."""

    label: str
    data: bytes = field(repr=False)
    kind: CodeKind
    outcome: Outcome
    reason: Reason
    person: SamplePerson | None = None
    subject: Subject | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The code as text, for a QR encoder."""
        return self.data.decode("utf-8")


@dataclass(frozen=True, slots=True)
class SampleData:
    """Keys, lists and codes that belong together."""

    now_at: datetime
    root_key: Ed25519PrivateKey = field(repr=False)
    root_pem: bytes = field(repr=False)
    issuer: IssuerKey = field(repr=False)
    hcert_key: ec.EllipticCurvePrivateKey = field(repr=False)
    hcert_kid: bytes
    trust_list: bytes = field(repr=False)
    denylist: bytes = field(repr=False)
    samples: tuple[SampleCode, ...]

    def __getitem__(self, label: str) -> SampleCode:
        return next(sample for sample in self.samples if sample.label == label)

    def make_valid_pass(self, number: int) -> bytes:
        """Another valid pass, without a person."""
        serial = hashlib.sha256(b"another pass %d" % number).digest()[:10]
        return sign_pass(self.issuer, serial, self.now_at - timedelta(hours=2), self.now_at + timedelta(days=30))


def make_sample_data(now_at: datetime, seed: int = 1) -> SampleData:
    """Make the data. Its codes are valid at `now_at` and for a day after."""
    chance = random.Random(seed)  # noqa: S311  # test keys that must be repeatable
    root = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    issuer, stranger = (
        make_issuer_key(
            now_at - timedelta(days=400), now_at + timedelta(days=400), label=label, seed=chance.randbytes(32)
        )
        for label in ("Phường Thuận Hóa (mẫu)", "unknown issuer")
    )
    foreign = ec.derive_private_key(chance.getrandbits(250) + 1, ec.SECP256R1())
    foreign_key = TrustedKey(
        kid=chance.randbytes(8),
        kind=CodeKind.HCERT,
        public_key=foreign.public_key(),
        not_before_at=issuer.not_before_at,
        not_after_at=issuer.not_after_at,
        label="Bộ Y tế (mẫu)",
    )
    maker = _SampleGenerator(
        now_at, chance, issuer=issuer, unknown_issuer=stranger, hcert_key=foreign, hcert_kid=foreign_key.kid
    )
    samples = tuple(maker.samples())
    keys = trust.make_trust_list([issuer.trusted_key(), foreign_key], number=1, issued_at=now_at - timedelta(hours=6))
    denied = denylist.make_denylist([maker.revoked_serial], number=1, issued_at=now_at - timedelta(hours=6))
    return SampleData(
        now_at=now_at,
        root_key=root,
        root_pem=root.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        issuer=issuer,
        hcert_key=foreign,
        hcert_kid=foreign_key.kid,
        trust_list=trust.sign_trust_list(root, keys),
        denylist=denylist.sign_denylist(root, denied),
        samples=samples,
    )


class _SampleGenerator:
    """Makes the samples, in the order in which the demo plays them."""

    def __init__(
        self,
        now_at: datetime,
        rng: random.Random,
        *,
        issuer: IssuerKey,
        unknown_issuer: IssuerKey,
        hcert_key: ec.EllipticCurvePrivateKey,
        hcert_kid: bytes,
    ) -> None:
        self._now_at = now_at
        self._rng = rng
        self._issuer = issuer
        self._unknown_issuer = unknown_issuer
        self._hcert_key = hcert_key
        self._hcert_kid = hcert_kid
        self.revoked_serial = rng.randbytes(10)

    def samples(self) -> Iterator[SampleCode]:
        """All kinds of code, and all ways in which an entry pass can be invalid."""
        yield from self._passes()
        yield self._rotating()
        yield self._hcert()
        yield self._national()
        yield self._id_card()
        yield self._insurance()
        poster = b"https://example.org/diadiem?id=046-0000"
        yield SampleCode("place", poster, CodeKind.VENUE_CODE, Outcome.FAIL, Reason.VENUE_CODE)
        yield SampleCode(
            "unsupported", b"shc:/5676290952432060", CodeKind.UNSUPPORTED, Outcome.FAIL, Reason.UNSUPPORTED
        )
        momo = b"2|99|0900000000|NGUYEN VAN A||0|0|0||transfer_myqr"
        yield SampleCode("payment", momo, CodeKind.PAYMENT_CODE, Outcome.FAIL, Reason.PAYMENT_CODE)
        unknown = "Chè Huế 12 vị: sen, đậu ngự, bột lọc".encode()
        yield SampleCode("unknown", unknown, CodeKind.UNKNOWN, Outcome.FAIL, Reason.UNKNOWN_CODE)

    def _passes(self) -> Iterator[SampleCode]:
        yesterday, ahead = self._now_at - timedelta(days=1), self._now_at + timedelta(days=30)
        serial = self._rng.randbytes(10)
        valid = sign_pass(self._issuer, serial, yesterday, ahead)
        subject = Subject((Identifier("pass", serial.hex()),))
        yield SampleCode("valid", valid, CodeKind.ENTRY_PASS, Outcome.PASS, Reason.OK, subject=subject)
        long_ago = self._now_at - timedelta(days=60)
        expired = sign_pass(self._issuer, self._rng.randbytes(10), long_ago, long_ago + timedelta(days=30))
        yield SampleCode("expired", expired, CodeKind.ENTRY_PASS, Outcome.FAIL, Reason.EXPIRED)
        early = sign_pass(self._issuer, self._rng.randbytes(10), self._now_at + timedelta(days=2), ahead)
        yield SampleCode("not-yet-valid", early, CodeKind.ENTRY_PASS, Outcome.FAIL, Reason.NOT_YET_VALID)
        forger = IssuerKey(
            Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32)), yesterday, ahead, label="forger"
        )
        forged = forge_key_id(sign_pass(forger, self._rng.randbytes(10), yesterday, ahead), self._issuer.kid)
        yield SampleCode("forged", forged, CodeKind.ENTRY_PASS, Outcome.FAIL, Reason.BAD_SIGNATURE)
        unknown_key = sign_pass(self._unknown_issuer, self._rng.randbytes(10), yesterday, ahead)
        yield SampleCode("unknown-key", unknown_key, CodeKind.ENTRY_PASS, Outcome.FAIL, Reason.UNKNOWN_KEY)
        revoked = sign_pass(self._issuer, self.revoked_serial, yesterday, ahead)
        yield SampleCode("revoked", revoked, CodeKind.ENTRY_PASS, Outcome.FAIL, Reason.REVOKED)

    def _rotating(self) -> SampleCode:
        """Valid for one minute before and after `now_at`."""
        holder = Ed25519PrivateKey.from_private_bytes(self._rng.randbytes(32))
        serial = self._rng.randbytes(10)
        token = sign_pass(
            self._issuer,
            serial,
            self._now_at - timedelta(days=1),
            self._now_at + timedelta(days=30),
            holder_key=holder.public_key().public_bytes_raw(),
        )
        subject = Subject((Identifier("pass", serial.hex()),))
        data = make_rotating_pass(token, holder, self._now_at)
        return SampleCode("rotating", data, CodeKind.ENTRY_PASS, Outcome.PASS, Reason.OK, subject=subject)

    def _hcert(self) -> SampleCode:
        who = make_sample_person(self._rng)
        uvci = f"URN:UVCI:01:VN:{self._rng.randbytes(12).hex().upper()}"
        family, _, given = who.uppercase_name.partition(" ")
        certificate = {
            "ver": "1.3.0",
            "nam": {"fn": who.name.split()[0], "fnt": family, "gn": who.name.partition(" ")[2], "gnt": given},
            "dob": who.born,
            "v": [
                {"tg": "840539006", "vp": "1119349007", "dn": 2, "sd": 2, "co": "VN", "is": "Sở Y tế (mẫu)", "ci": uvci}
            ],
        }
        claims = {
            1: "VN",
            hcert.IAT: int((self._now_at - timedelta(days=20)).timestamp()),
            hcert.EXP: int((self._now_at + timedelta(days=300)).timestamp()),
            hcert.HCERT_CLAIM: {1: certificate},
        }
        token = cose.make_sign1(self._hcert_key, self._hcert_kid, cbor2.dumps(claims))
        data = hcert.PREFIX + base45.encode_base45(zlib.compress(token, 9)).encode("ascii")
        subject = Subject((Identifier("hcert", uvci),), f"{family}<<{given}", who.born)
        return SampleCode("hcert", data, CodeKind.HCERT, Outcome.PASS, Reason.OK, who, subject)

    def _national(self) -> SampleCode:
        who = make_sample_person(self._rng)
        sex = "2" if who.sex == "Nữ" else "1"
        masked = f"******{who.document_number[6:]}"
        text = f"{masked}|{who.uppercase_name}|{who.born}|0|{who.qid}|<{sex}<{who.insurance_number}<{who.phone}"
        subject = Subject(
            (Identifier("qid", who.qid), Identifier("insurance", who.insurance_number)), who.uppercase_name, who.born
        )
        return SampleCode("national", text.encode(), CodeKind.NATIONAL_QR, Outcome.PASS, Reason.OK, who, subject)

    def _id_card(self) -> SampleCode:
        who = make_sample_person(self._rng)
        born = "".join(reversed(who.born.split("-")))
        text = f"{who.document_number}|{who.old_document_number}|{who.name}|{born}|{who.sex}|{who.address}|02052021"
        numbers = (Identifier("document", who.document_number), Identifier("document", who.old_document_number))
        subject = Subject(numbers, who.name, who.born)
        return SampleCode("id-card", text.encode(), CodeKind.ID_CARD, Outcome.PASS, Reason.OK, who, subject)

    def _insurance(self) -> SampleCode:
        who = make_sample_person(self._rng)
        born = "/".join(reversed(who.born.split("-")))
        sex = "2" if who.sex == "Nữ" else "1"
        name, address = who.name.encode().hex(), who.address.encode().hex()
        text = (
            f"GD446{who.insurance_number}|{name}|{born}|{sex}|{address}|46 - 001|01/01/2021|-|22/12/2020|"
            f"-|-|4|01/01/2026|15fb94b2a1e7-7102|-|{'Bảo hiểm xã hội'.encode().hex()}|$"
        )
        subject = Subject((Identifier("insurance", who.insurance_number),), who.name, who.born)
        return SampleCode("insurance", text.encode(), CodeKind.INSURANCE, Outcome.PASS, Reason.OK, who, subject)


def forge_key_id(pass_text: bytes, kid: bytes) -> bytes:
    """The same pass under another issuer's key id, so that its signature is invalid."""
    parts = cose.parse_sign1(base45.decode_base45(pass_text.removeprefix(b"HUE1:")))
    header = cbor2.dumps({**parts.protected, cose.HEADER_KID: kid}, canonical=True)
    token = cbor2.CBORTag(cose.COSE_SIGN1_TAG, [header, {}, parts.payload, parts.signature])
    return b"HUE1:" + base45.encode_base45(cbor2.dumps(token, canonical=True)).encode("ascii")
