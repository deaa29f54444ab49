"""The project's own pass: one form only, no forgery, no copy of a rotating one."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials import Dispatcher, base45, cose, own_pass, trust
from kiosk.credentials.trust import TrustedKey
from kiosk.issuing import CARD_CAPACITY, make_key, prove, sign_pass
from kiosk.issuing.passes import key_id
from kiosk.issuing.samples import forge
from kiosk.model import Assurance, Claim, ClockQuality, Kind, Moment, Reason, Refusal
from tests.people import NOW_AT, WORLD, dispatcher, moment

VALID = WORLD["valid"].data
RAW = base45.decode(VALID[5:])
PARTS = cose.parse(RAW)
ISSUER = WORLD.issuer
SERIAL = bytes(range(10))
HOLDER = Ed25519PrivateKey.from_private_bytes(b"h" * 32)
HOLDER_RAW = HOLDER.public_key().public_bytes_raw()
MUTATIONS = 100_000


def text(raw: bytes) -> bytes:
    return b"HUE1:" + base45.encode(raw).encode()


def token(
    protected: bytes | None = None,
    unprotected: Any = None,
    payload: bytes | None = None,
    signature: bytes | None = None,
) -> bytes:
    """The valid pass with parts put in place of its own."""
    parts = [
        PARTS.protected_raw if protected is None else protected,
        {} if unprotected is None else unprotected,
        PARTS.payload if payload is None else payload,
        PARTS.signature if signature is None else signature,
    ]
    return text(cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True))


def signed(claims: Any) -> bytes:
    """A pass with whatever claims, truly signed by the issuer."""
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims, canonical=True)
    return text(cose.sign(ISSUER.private_key, ISSUER.kid, payload))


def reason(code: bytes, now: Moment | None = None, verifier: Dispatcher | None = None) -> Reason | None:
    """Why the code was refused; None where it was not."""
    answer = (verifier or dispatcher()).verify(code, now or moment())
    assert answer.kind is Kind.PASS
    return answer.reason if isinstance(answer, Refusal) else None


CLAIMS: dict[int, Any] = {4: 1_800_000_000, 6: int(NOW_AT.timestamp()), 7: SERIAL, -65537: [1, 48]}


def rotating() -> bytes:
    return sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)


def test_a_card_has_178_characters_and_fits_version_7_at_level_m() -> None:
    code = sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(days=30))
    assert len(code) == CARD_CAPACITY == 178
    assert segno.make_qr(code.decode(), error="m", boost_error=False).designator == "7-M"
    assert len(base45.decode(code[5:])) == 115


def test_a_claim_tells_what_its_issuer_said() -> None:
    claim = dispatcher().verify(
        sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(days=30), status_class=3), moment()
    )
    assert isinstance(claim, Claim)
    assert claim.assurance is Assurance.VERIFIED
    assert claim.subject.identifiers[0].value == SERIAL.hex()
    assert claim.issuer == ISSUER.kid.hex()
    assert claim.status_class == 3
    assert (claim.not_before_at, claim.not_after_at) == (
        NOW_AT,
        NOW_AT + timedelta(days=30) - timedelta.resolution,
    )
    assert (claim.declared_at, claim.declared_until_at) == (NOW_AT, NOW_AT + timedelta(hours=48))


def test_a_pass_without_a_declaration_claims_none() -> None:
    claim = dispatcher().verify(sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(1), declaration_h=0), moment())
    assert isinstance(claim, Claim)
    assert (claim.declared_at, claim.declared_until_at) == (None, None)


def test_nothing_about_a_person_is_in_the_code() -> None:
    assert set(cbor2.loads(PARTS.payload)) == {4, 6, 7, -65537}


class TestOneFormOnly:
    """Fuzzing found these rules necessary (DOMAIN.md section 3)."""

    @pytest.mark.parametrize(
        "code",
        [
            VALID + b"0",
            VALID + b" ",
            VALID + b"\n",
            VALID[:-1],
            VALID[:5] + VALID[5:].lower(),
            b"HUE1:" + VALID,
            text(RAW + b"\x00"),
            text(RAW + RAW),
            text(RAW[1:]),
            text(b"\xd8\x12" + RAW[1:]),  # the tag's number in two bytes
            text(b"\xd8\x3d" + RAW),  # inside a CWT tag
            text(b"\xd2\x9f" + RAW[2:] + b"\xff"),  # an array of indefinite length
            text(RAW.replace(b"\x58\x40", b"\x59\x00\x40", 1)),  # a length in three bytes
            b"HUE1:" + b"0" * 700,
        ],
    )
    def test_another_encoding_of_the_same_pass_is_malformed(self, code: bytes) -> None:
        assert reason(code) is Reason.MALFORMED

    def test_an_unprotected_header_is_malformed(self) -> None:
        assert reason(token(unprotected={4: ISSUER.kid})) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "header",
        [
            {},
            {1: -8},
            {4: ISSUER.kid},
            {1: -8, 4: ISSUER.kid + b"0"},
            {1: "EdDSA", 4: ISSUER.kid},
            {1: -8, 4: ISSUER.kid.hex()},
            {1: -8, 2: [1], 4: ISSUER.kid},
            {1: -8, 3: 0, 4: ISSUER.kid},
        ],
    )
    def test_another_protected_header_is_malformed(self, header: dict[int, Any]) -> None:
        assert reason(token(protected=cbor2.dumps(header, canonical=True))) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "header", [b"", b"\x01", b"\x80", b"\xa2\x04\x44" + b"kkkk" + b"\x01\x27", b"\xff", b"\xa1\x01"]
    )
    def test_a_protected_header_that_is_no_canonical_map_is_malformed(self, header: bytes) -> None:
        assert reason(token(protected=header)) is Reason.MALFORMED

    @pytest.mark.parametrize("signature", [b"", PARTS.signature[:-1], PARTS.signature + b"\x00"])
    def test_a_signature_of_another_length_is_malformed(self, signature: bytes) -> None:
        assert reason(token(signature=signature)) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            [],
            1,
            {4: 1, 6: 1, 7: SERIAL},
            CLAIMS | {4: "soon"},
            CLAIMS | {4: 1.5},
            CLAIMS | {4: True},
            CLAIMS | {4: -1},
            CLAIMS | {4: 2**70},
            CLAIMS | {6: 253402300800},
            CLAIMS | {7: b"short"},
            CLAIMS | {7: "0123456789"},
            CLAIMS | {-65537: [1]},
            CLAIMS | {-65537: [1, 48, 0]},
            CLAIMS | {-65537: [-1, 48]},
            CLAIMS | {-65537: [1, True]},
            CLAIMS | {-65537: 1},
            CLAIMS | {2: "a name"},
            CLAIMS | {8: {}},
            CLAIMS | {8: {1: {1: 1, -1: 6, -2: b"x" * 31}}},
            CLAIMS | {8: {1: {1: 2, -1: 6, -2: b"x" * 32}}},
            CLAIMS | {8: {1: {1: 1, -1: 4, -2: b"x" * 32}}},
            CLAIMS | {8: {1: {1: 1, -1: 6, -2: b"x" * 32, 3: -8}}},
            CLAIMS | {8: {1: {1: 1, -1: 6, -2: b"x" * 32}, 2: 1}},
            CLAIMS | {2: "a name", 8: {1: {1: 1, -1: 6, -2: b"x" * 32}}},
            b"\xa0\x00",
            b"\xbf\xff",
            b"",
            b"\x81" * 100,
        ],
    )
    def test_other_claims_are_malformed_even_when_truly_signed(self, claims: Any) -> None:
        assert reason(signed(claims)) is Reason.MALFORMED

    def test_the_claims_as_they_should_be_are_accepted(self) -> None:
        assert reason(signed(CLAIMS)) is None

    def test_a_key_written_twice_is_malformed(self) -> None:
        payload = cbor2.dumps(CLAIMS, canonical=True)
        twice = b"\xa5" + payload[1:] + cbor2.dumps(6) + cbor2.dumps(CLAIMS[6])
        assert reason(signed(twice)) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "raw",
        [b"\x80", b"\x82\x40", b"\x82\x01\x02", b"\xd2\x84\x40\xa0\x40", b"\xd2\x01", b"\xd1\x84\x40\xa0\x40\x40"],
    )
    def test_other_cbor_is_malformed(self, raw: bytes) -> None:
        assert reason(text(raw)) is Reason.MALFORMED


class TestTheKeyRecordDecides:
    def test_an_es256_pass_is_verified_with_a_p256_key(self) -> None:
        key = ec.derive_private_key(12345, ec.SECP256R1())
        record = TrustedKey(
            key_id(key.public_key()), Kind.PASS, key.public_key(), ISSUER.not_before_at, ISSUER.not_after_at
        )
        code = text(cose.sign(key, record.kid, cbor2.dumps(CLAIMS, canonical=True)))
        verifier = Dispatcher(trust.of([record], number=1, issued_at=NOW_AT))
        assert len(code) == 178
        assert reason(code, verifier=verifier) is None
        assert reason(forge(code, ISSUER.kid)) is Reason.BAD_SIGNATURE

    def test_both_forms_of_an_es256_signature_are_one_pass(self) -> None:
        key = ec.derive_private_key(12345, ec.SECP256R1())
        record = TrustedKey(
            key_id(key.public_key()), Kind.PASS, key.public_key(), ISSUER.not_before_at, ISSUER.not_after_at
        )
        verifier = Dispatcher(trust.of([record], number=1, issued_at=NOW_AT))
        parts = cose.parse(cose.sign(key, record.kid, cbor2.dumps(CLAIMS, canonical=True)))
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        other_s = (order - int.from_bytes(parts.signature[32:], "big")).to_bytes(32, "big")
        answers = [
            verifier.verify(
                text(cbor2.dumps(cbor2.CBORTag(18, [parts.protected_raw, {}, parts.payload, each]), canonical=True)),
                moment(),
            )
            for each in (parts.signature, parts.signature[:32] + other_s)
        ]
        assert isinstance(answers[0], Claim)
        assert answers[0] == answers[1]  # so denylist and visits, which go by the subject, cannot be slipped past

    @pytest.mark.parametrize("algorithm", [-7, -37, -35, 0, 5])
    def test_the_token_cannot_choose_the_algorithm(self, algorithm: int) -> None:
        header = cbor2.dumps({1: algorithm, 4: ISSUER.kid}, canonical=True)
        message = cose.Sign1(header, {}, {}, PARTS.payload, b"").signed_bytes()
        assert reason(token(protected=header, signature=ISSUER.private_key.sign(message))) is Reason.BAD_SIGNATURE

    def test_several_keys_may_share_a_key_id(self) -> None:
        other = replace(ISSUER.trusted(), public_key=Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key())
        rsa_key = replace(ISSUER.trusted(), public_key=rsa.generate_private_key(65537, 2048).public_key())
        verifier = Dispatcher(trust.of([other, rsa_key, ISSUER.trusted()], number=1, issued_at=NOW_AT))
        assert reason(VALID, verifier=verifier) is None
        assert (
            reason(VALID, verifier=Dispatcher(trust.of([other, rsa_key], number=1, issued_at=NOW_AT)))
            is Reason.BAD_SIGNATURE
        )

    @pytest.mark.parametrize("shift", [timedelta(days=-401), timedelta(days=401)])
    def test_a_pass_issued_outside_the_keys_validity_is_not_its_word(self, shift: timedelta) -> None:
        code = sign_pass(ISSUER, SERIAL, NOW_AT + shift, NOW_AT + timedelta(days=500))
        assert reason(code) is Reason.KEY_NOT_ALLOWED

    @pytest.mark.parametrize("edge", [ISSUER.not_before_at, ISSUER.not_after_at])
    def test_the_edges_of_the_keys_validity_belong_to_it(self, edge: Any) -> None:
        assert reason(sign_pass(ISSUER, SERIAL, edge, NOW_AT + timedelta(days=500))) is None

    def test_an_issuer_signs_only_the_classes_that_it_may(self) -> None:
        key = make_key(ISSUER.not_before_at, ISSUER.not_after_at, status_classes=frozenset({2, 3}))
        verifier = Dispatcher(trust.of([key.trusted()], number=1, issued_at=NOW_AT))

        def of_class(number: int) -> bytes:
            return sign_pass(key, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), status_class=number)

        assert [reason(of_class(number), verifier=verifier) for number in (1, 2, 3)] == [
            Reason.KEY_NOT_ALLOWED,
            None,
            None,
        ]

    def test_withdrawing_one_issuer_leaves_the_others_valid(self) -> None:
        other = make_key(ISSUER.not_before_at, ISSUER.not_after_at)
        others = sign_pass(other, SERIAL, NOW_AT, NOW_AT + timedelta(days=1))
        both = Dispatcher(trust.of([ISSUER.trusted(), other.trusted()], number=1, issued_at=NOW_AT))
        assert [reason(code, verifier=both) for code in (VALID, others)] == [None, None]
        both.use(trust.of([other.trusted()], number=2, issued_at=NOW_AT), None)
        assert [reason(code, verifier=both) for code in (VALID, others)] == [Reason.UNKNOWN_KEY, None]


class TestRotating:
    def test_a_living_proof_is_accepted_once(self) -> None:
        verifier, code = dispatcher(), prove(rotating(), HOLDER, NOW_AT)
        assert reason(code, verifier=verifier) is None
        assert reason(code, moment(20), verifier) is Reason.REPLAYED
        assert reason(prove(rotating(), HOLDER, NOW_AT + timedelta(seconds=15)), moment(20), verifier) is None

    def test_a_photograph_of_the_token_alone_is_refused(self) -> None:
        assert reason(rotating()) is Reason.NO_PROOF

    @pytest.mark.parametrize(
        ("apart_s", "expected"), [(-61, Reason.STALE_PROOF), (-60, None), (60, None), (61, Reason.STALE_PROOF)]
    )
    def test_a_proof_lives_for_a_minute_before_and_after(self, apart_s: int, expected: Reason | None) -> None:
        assert reason(prove(rotating(), HOLDER, NOW_AT), moment(apart_s)) is expected

    def test_a_clock_that_is_wrong_for_certain_does_not_judge_freshness(self) -> None:
        adrift = moment(jumped=timedelta(days=-20_000), quality=ClockQuality.UNSET)
        assert reason(prove(rotating(), HOLDER, NOW_AT), adrift) is None

    def test_a_proof_by_another_holder_is_refused(self) -> None:
        thief = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
        assert reason(prove(rotating(), thief, NOW_AT)) is Reason.BAD_SIGNATURE

    def test_a_proof_for_another_token_is_refused(self) -> None:
        other = sign_pass(ISSUER, b"0123456789", NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)
        mine = cbor2.loads(base45.decode(prove(rotating(), HOLDER, NOW_AT)[5:]))
        spliced = [base45.decode(other[5:]), mine[1]]
        assert reason(text(cbor2.dumps(spliced, canonical=True))) is Reason.BAD_SIGNATURE

    def test_a_card_needs_no_proof_and_takes_none(self) -> None:
        assert reason(prove(VALID, HOLDER, NOW_AT)) is Reason.MALFORMED

    @pytest.mark.parametrize(
        ("header", "claims"),
        [
            ({1: -8}, {6: 1.5}),
            ({1: -8}, {6: -1}),
            ({1: -8}, {6: True}),
            ({1: -8}, {6: 1, 7: 1}),
            ({1: -8}, [6]),
            ({1: -7}, {6: 1}),
            ({1: -8, 4: b"k"}, {6: 1}),
        ],
    )
    def test_a_proof_of_another_form_is_malformed(self, header: dict[int, Any], claims: Any) -> None:
        raw = base45.decode(rotating()[5:])
        proof = cbor2.CBORTag(
            18, [cbor2.dumps(header, canonical=True), {}, cbor2.dumps(claims, canonical=True), b"s" * 64]
        )
        code = text(cbor2.dumps([raw, cbor2.dumps(proof, canonical=True)], canonical=True))
        assert reason(code) is Reason.MALFORMED

    def test_an_unprotected_header_in_the_proof_is_malformed(self) -> None:
        raw = base45.decode(rotating()[5:])
        proof = cbor2.CBORTag(18, [cbor2.dumps({1: -8}), {4: b"k"}, cbor2.dumps({6: 1}), b"s" * 64])
        assert reason(text(cbor2.dumps([raw, cbor2.dumps(proof, canonical=True)], canonical=True))) is Reason.MALFORMED

    def test_a_withdrawn_app_is_refused_like_a_card(self) -> None:
        from kiosk.credentials import denylist

        verifier = Dispatcher(
            trust.of([ISSUER.trusted()], number=1, issued_at=NOW_AT), denylist.of([SERIAL], number=4, issued_at=NOW_AT)
        )
        assert reason(prove(rotating(), HOLDER, NOW_AT), verifier=verifier) is Reason.REVOKED

    def test_proofs_are_forgotten_when_they_could_not_be_shown_again(self) -> None:
        replays = own_pass.Replays()
        assert replays.is_new(SERIAL, 1, moment(0))
        assert not replays.is_new(SERIAL, 1, moment(120))
        assert replays.is_new(SERIAL, 1, moment(120.5))

    def test_the_memory_of_proofs_is_bounded(self) -> None:
        replays = own_pass.Replays()
        for number in range(own_pass.MAX_REMEMBERED_PROOFS + 5):
            assert replays.is_new(SERIAL, number, moment())
        assert replays.is_new(SERIAL, 0, moment())
        assert not replays.is_new(SERIAL, own_pass.MAX_REMEMBERED_PROOFS + 4, moment())


def mutated(chance: random.Random, others: list[bytes]) -> bytes:
    """One mutation of a true pass: bits, lengths, text, re-encodings, or parts of two passes put together."""
    raw = bytearray(base45.decode(chance.choice(others)[5:]))
    match chance.randrange(8):
        case 0:
            for _ in range(chance.randint(1, 4)):
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        case 1:
            del raw[chance.randrange(len(raw)) :]
        case 2:
            place = chance.randrange(len(raw))
            raw[place:place] = chance.randbytes(chance.randint(1, 3))
        case 3:
            del raw[chance.randrange(len(raw))]
        case 4:  # letters of the text
            code = bytearray(text(bytes(raw)))
            code[chance.randrange(5, len(code))] = chance.choice(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
            return bytes(code)
        case 5:  # parts of two passes
            one, two = (cose.parse(base45.decode(chance.choice(others)[5:])) for _ in range(2))
            parts = [chance.choice((one, two)) for _ in range(3)]
            return text(
                cbor2.dumps(
                    cbor2.CBORTag(18, [parts[0].protected_raw, {}, parts[1].payload, parts[2].signature]),
                    canonical=True,
                )
            )
        case 6:  # the same content, encoded otherwise
            item = cbor2.loads(bytes(raw)).value
            header = chance.choice([{}, {4: ISSUER.kid}, {1: -8}])
            tag = chance.choice([18, 61, 17, 98])
            return text(
                cbor2.dumps(cbor2.CBORTag(tag, [item[0], header, item[2], item[3]]), canonical=chance.random() < 0.5)
            )
        case 7:  # claims changed, the signature kept
            parts7 = cose.parse(bytes(raw))
            claims = dict(cbor2.loads(parts7.payload))
            claims[chance.choice([4, 6])] = chance.randrange(2**32)
            return token(payload=cbor2.dumps(claims, canonical=True), signature=parts7.signature)
    return text(bytes(raw))


def test_a_hundred_thousand_mutations_are_refused_for_a_reason_and_none_is_accepted() -> None:
    chance = random.Random(20260923)
    passes = [VALID, *(WORLD.another_pass(number) for number in range(20))]
    true_raw = {base45.decode(code[5:]) for code in passes}
    verifier, counted = dispatcher(), Counter[Reason | None]()
    for _ in range(MUTATIONS):
        code = mutated(chance, passes)
        try:
            unchanged = base45.decode(code[5:]) in true_raw
        except ValueError:
            unchanged = False
        if not unchanged:
            counted[reason(code, verifier=verifier)] += 1
    assert None not in counted, "a mutation was accepted"
    assert set(counted) == {Reason.MALFORMED, Reason.BAD_SIGNATURE, Reason.UNKNOWN_KEY}
    assert counted.total() > 0.9 * MUTATIONS
