"""The entry pass: exactly one valid form, and no forgery is accepted."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import segno

from kiosk.core.model import Assurance, Claim, Reason
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.issuing import MAX_CARD_CHARACTERS, sign_pass
from tests.examples import examples
from tests.fakes.data.entry_passes import CLAIMS, ISSUER, PARTS, RAW, SERIAL, VALID, reason, signed, text, token
from tests.fakes.data.people import NOW_AT, WORLD, dispatcher, moment

MUTATIONS = 100 * examples(100)


def test_a_card_has_178_characters_and_fits_version_7_at_level_m() -> None:
    code = sign_pass(ISSUER, SERIAL, NOW_AT, NOW_AT + timedelta(days=30))
    assert len(code) == MAX_CARD_CHARACTERS == 178
    assert segno.make_qr(code.decode(), error="m", boost_error=False).designator == "7-M"
    assert len(base45.decode_base45(code[5:])) == 115


def test_a_claim_has_the_values_that_its_issuer_set() -> None:
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


def test_a_code_contains_no_personal_data() -> None:
    assert set(cbor2.loads(PARTS.payload)) == {4, 6, 7, -65537}


class TestOneFormOnly:
    """Each of these rules was found necessary by fuzzing."""

    @pytest.mark.parametrize(
        "code",
        [
            VALID + b"0",
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
    def test_a_protected_header_that_is_not_a_canonical_map_is_malformed(self, header: bytes) -> None:
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
    def test_other_claims_are_malformed_even_with_a_valid_signature(self, claims: Any) -> None:
        assert reason(signed(claims)) is Reason.MALFORMED

    def test_correct_claims_are_accepted(self) -> None:
        assert reason(signed(CLAIMS)) is None

    def test_a_duplicate_key_is_malformed(self) -> None:
        payload = cbor2.dumps(CLAIMS, canonical=True)
        twice = b"\xa5" + payload[1:] + cbor2.dumps(6) + cbor2.dumps(CLAIMS[6])
        assert reason(signed(twice)) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "raw",
        [b"\x80", b"\x82\x40", b"\x82\x01\x02", b"\xd2\x84\x40\xa0\x40", b"\xd2\x01", b"\xd1\x84\x40\xa0\x40\x40"],
    )
    def test_other_cbor_is_malformed(self, raw: bytes) -> None:
        assert reason(text(raw)) is Reason.MALFORMED


def mutated(chance: random.Random, others: list[bytes]) -> bytes:
    """One mutation of a valid pass: bits, lengths, text, other encodings, or parts of two passes combined."""
    raw = bytearray(base45.decode_base45(chance.choice(others)[5:]))
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
        case 4:  # characters of the text
            code = bytearray(text(bytes(raw)))
            code[chance.randrange(5, len(code))] = chance.choice(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
            return bytes(code)
        case 5:  # parts of two passes
            one, two = (cose.parse_sign1(base45.decode_base45(chance.choice(others)[5:])) for _ in range(2))
            parts = [chance.choice((one, two)) for _ in range(3)]
            return text(
                cbor2.dumps(
                    cbor2.CBORTag(18, [parts[0].protected_bytes, {}, parts[1].payload, parts[2].signature]),
                    canonical=True,
                )
            )
        case 6:  # the same content in another encoding
            item = cbor2.loads(bytes(raw)).value
            header = chance.choice([{}, {4: ISSUER.kid}, {1: -8}])
            tag = chance.choice([18, 61, 17, 98])
            return text(
                cbor2.dumps(cbor2.CBORTag(tag, [item[0], header, item[2], item[3]]), canonical=chance.random() < 0.5)
            )
        case 7:  # claims changed, signature kept
            parts7 = cose.parse_sign1(bytes(raw))
            claims = dict(cbor2.loads(parts7.payload))
            claims[chance.choice([4, 6])] = chance.randrange(2**32)
            return token(payload=cbor2.dumps(claims, canonical=True), signature=parts7.signature)
    return text(bytes(raw))


@pytest.mark.timeout(400)
def test_any_mutation_is_refused_with_a_reason() -> None:
    chance = random.Random(20260923)
    passes = [VALID, *(WORLD.make_valid_pass(number) for number in range(20))]
    true_raw = {base45.decode_base45(code[5:]) for code in passes}
    verifier, counted = dispatcher(), Counter[Reason | None]()
    for _ in range(MUTATIONS):
        code = mutated(chance, passes)
        try:
            unchanged = base45.decode_base45(code[5:]) in true_raw
        except ValueError:
            unchanged = False
        if not unchanged:
            counted[reason(code, verifier=verifier)] += 1
    assert None not in counted, "a mutation was accepted"
    assert set(counted) == {Reason.MALFORMED, Reason.BAD_SIGNATURE, Reason.UNKNOWN_KEY}
    assert counted.total() > 0.9 * MUTATIONS
