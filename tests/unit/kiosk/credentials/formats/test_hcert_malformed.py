"""HCERTs as they occur in practice and as attackers make them: strict signature, lenient content, limited size."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.core.model import CodeKind, Identifier, Reason, Refusal
from kiosk.credentials.formats import base45, cose, hcert
from kiosk.credentials.trust.trust_list import TrustedKey
from tests.fakes.data.hcerts import (
    CERTIFICATE,
    EXP,
    IAT,
    KEY,
    KID,
    OTHER,
    certified,
    claimed,
    code_of,
    read,
    refused,
    signed,
    trusted,
)
from tests.fakes.data.people import NOW_AT, dispatcher


def test_a_correct_certificate_gives_subject_and_validity() -> None:
    claim = claimed(certified(CERTIFICATE))
    assert claim.subject.identifiers == (Identifier("hcert", "URN:UVCI:01:VN:ABC"),)
    assert (claim.subject.name, claim.subject.born) == ("NGUYEN<<THI<ANH", "1990-02-03")
    assert claim.issuer == KID.hex()
    assert (claim.not_before_at, claim.not_after_at) == (
        datetime.fromtimestamp(IAT, UTC),
        datetime.fromtimestamp(EXP, UTC),
    )


@pytest.mark.parametrize(
    ("changed", "name", "born"),
    [
        ({"dob": "1990"}, "NGUYEN<<THI<ANH", "1990"),
        ({"dob": " 1990-02 "}, "NGUYEN<<THI<ANH", "1990-02"),
        ({"dob": None}, "NGUYEN<<THI<ANH", None),
        ({"dob": "  "}, "NGUYEN<<THI<ANH", None),
        ({"dob": 1990}, "NGUYEN<<THI<ANH", None),
        ({"nam": None}, None, "1990-02-03"),
        ({"nam": {"fnt": "NGUYEN", "gnt": None}}, "NGUYEN", "1990-02-03"),
        ({"nam": {"gnt": "ANH"}}, "ANH", "1990-02-03"),
        ({"nam": {}}, None, "1990-02-03"),
        (
            {"v": [{"ci": "URN:UVCI:01:VN:ABC", "dn": 2.0, "sd": 2.0, "mp": " EU/1/20/1528 "}]},
            "NGUYEN<<THI<ANH",
            "1990-02-03",
        ),
    ],
)
def test_nonstandard_content_is_accepted(changed: dict[str, Any], name: str | None, born: str | None) -> None:
    subject = claimed(certified(CERTIFICATE | changed)).subject
    assert (subject.name, subject.born) == (name, born)
    assert subject.identifiers == (Identifier("hcert", "URN:UVCI:01:VN:ABC"),)


@pytest.mark.parametrize("entries", [[{}], [{"ci": None}], [{"ci": "  "}], "text", [1], {"ci": "x"}])
def test_without_an_identifier_the_signature_identifies_the_certificate(entries: Any) -> None:
    first, second = certified(CERTIFICATE | {"v": entries}), certified(CERTIFICATE | {"v": entries, "ver": "1.0.0"})
    names = {claimed(code).subject.identifiers[0].value for code in (first, second)}
    assert len(names) == 2
    assert all(len(name) == 128 for name in names)


@pytest.mark.parametrize("use", ["v", "t", "r"])
def test_the_identifier_is_found_in_each_kind_of_certificate_and_stripped(use: str) -> None:
    subject = claimed(certified({use: [{"ci": " URN:UVCI:01:VN:XYZ "}]})).subject
    assert subject.identifiers == (Identifier("hcert", "URN:UVCI:01:VN:XYZ"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (IAT + 0.5, datetime.fromtimestamp(IAT + 0.5, UTC)),
        (cbor2.CBORTag(1, IAT), datetime.fromtimestamp(IAT, UTC)),
        (cbor2.CBORTag(0, "2026-10-01T00:00:00Z"), datetime(2026, 10, 1, tzinfo=UTC)),
        (1_500_000_000, datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
    ],
)
def test_a_time_may_have_a_fraction_or_a_tag(value: Any, expected: datetime) -> None:
    assert claimed(certified(CERTIFICATE, _6=value)).not_before_at == expected
    assert claimed(certified(CERTIFICATE, _4=value), trusted(days=50)).not_after_at == expected


@pytest.mark.parametrize("claim", ["_4", "_5", "_6"])
@pytest.mark.parametrize(
    "value",
    [
        None, "soon", "2020-01-01", "2020-01-01T00:00:00Z", True, 10**30, float("nan"), float("inf"), -(10**18), -1, EXP * 1000,
        8_000_000_000, [], {}, b"", [EXP], str(EXP), cbor2.CBORTag(1, EXP * 1000), cbor2.CBORTag(1004, "2020-01-01"),
        cbor2.CBORTag(100, 1), cbor2.CBORTag(1, "x"), cbor2.undefined, cbor2.CBORSimpleValue(99),
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_that_cannot_be_understood_is_never_no_limit(claim: str, value: Any) -> None:
    answer = read(certified(CERTIFICATE, **{claim: value}))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.MALFORMED


def test_the_later_of_issue_and_not_before_counts() -> None:
    later = int(NOW_AT.timestamp()) + 86_400
    assert claimed(certified(CERTIFICATE, _5=later)).not_before_at == datetime.fromtimestamp(later, UTC)
    assert claimed(certified(CERTIFICATE, _5=IAT - 5)).not_before_at == datetime.fromtimestamp(IAT, UTC)


@pytest.mark.parametrize("certificate", [{}, {"v": []}, {"v": None, "t": []}, {"nam": {"fnt": "A"}}])
def test_a_certificate_that_states_nothing_is_malformed(certificate: dict[str, Any]) -> None:
    answer = read(certified(certificate))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.MALFORMED


def test_a_test_that_detected_the_disease_speaks_against_entry() -> None:
    detected = claimed(certified({"t": [{"ci": "X", "tr": " 260373001"}]}))
    assert detected.speaks_against_entry
    assert "True" not in repr(detected), "a word about health is in no repr"
    assert not claimed(certified({"t": [{"ci": "X", "tr": "260415000"}]})).speaks_against_entry


@pytest.mark.parametrize(
    ("until", "ends_at"),
    [
        ("2026-12-01", datetime(2026, 12, 2, 11, 59, 59, 999999, tzinfo=UTC)),
        (" 2026-12-01T00:00:00Z ", datetime(2026, 12, 2, 11, 59, 59, 999999, tzinfo=UTC)),
        ("2099-01-01", datetime.fromtimestamp(EXP, UTC)),
        ("", datetime.fromtimestamp(EXP, UTC)),
        (None, datetime.fromtimestamp(EXP, UTC)),
    ],
)
def test_a_recovery_ends_with_its_last_day(until: str | None, ends_at: datetime) -> None:
    assert claimed(certified({"r": [{"ci": "X", "du": until}]})).not_after_at == ends_at


@pytest.mark.parametrize("born", ["2030-01-01", "2027", "2026-12", "9999-01-01T00:00:00"])
def test_a_certificate_issued_before_its_holder_was_born_is_malformed(born: str) -> None:
    expected = "9999" not in born  # beyond all years that are read
    assert isinstance(read(certified(CERTIFICATE | {"dob": born})), Refusal) is expected
    without_iat = signed({4: EXP, -260: {1: CERTIFICATE | {"dob": "2040"}}})
    assert isinstance(read(without_iat), Refusal), "nor after its end"


@pytest.mark.parametrize("born", ["2026-10-01", "2026", "1950", "", "unknown", "1950-02-30", None, 5])
def test_any_other_birth_date_is_accepted(born: Any) -> None:
    claimed(certified(CERTIFICATE | {"dob": born}))


def test_a_recovery_whose_end_is_no_date_is_malformed() -> None:
    answer = read(certified({"r": [{"ci": "X", "du": "soon"}]}))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.MALFORMED


def test_validity_ends_with_exp_or_without_it_with_the_key() -> None:
    assert claimed(certified(CERTIFICATE), trusted(days=5)).not_after_at == datetime.fromtimestamp(EXP, UTC)
    endless = signed({1: "VN", 6: IAT, -260: {1: CERTIFICATE}})
    assert claimed(endless, trusted(days=5)).not_after_at == NOW_AT + timedelta(days=5)
    assert claimed(endless, trusted(days=5), trusted(days=9)).not_after_at == NOW_AT + timedelta(days=9)


def test_several_keys_share_a_kid_and_all_are_tried() -> None:
    assert refused(certified(CERTIFICATE), trusted(OTHER)) is Reason.BAD_SIGNATURE
    assert claimed(certified(CERTIFICATE), trusted(OTHER), trusted()).kind is CodeKind.HCERT


def test_one_matching_and_allowed_key_is_enough() -> None:
    code = certified(CERTIFICATE)
    assert refused(code, trusted(uses="t"), trusted(uses="r")) is Reason.KEY_NOT_ALLOWED
    assert claimed(code, trusted(uses="t"), trusted(uses="v")).kind is CodeKind.HCERT
    assert claimed(code, trusted(uses="trv")).kind is CodeKind.HCERT
    both = certified(CERTIFICATE | {"t": [{"ci": "x"}]})
    assert refused(both, trusted(uses="v")) is Reason.KEY_NOT_ALLOWED


@pytest.mark.parametrize(
    "claims",
    [
        b"",
        b"\xff",
        b"\x01",
        {},
        {-260: None},
        {-260: {}},
        {-260: {1: None}},
        {-260: {1: b"\xa0"}},
        {-260: {2: {}}},
        {-260: [1]},
    ],
)
def test_signed_content_without_a_certificate_is_malformed(claims: Any) -> None:
    assert refused(signed(claims)) is Reason.MALFORMED


class TestTheTokenAround:
    TOKEN = cose.make_sign1(KEY, KID, cbor2.dumps({4: EXP, -260: {1: CERTIFICATE}}))

    def parts(self) -> list[Any]:
        return list(cbor2.loads(self.TOKEN).value)

    def test_tags_may_be_missing_or_doubled(self) -> None:
        bare = self.parts()
        for token in (
            bare,
            cbor2.CBORTag(18, bare),
            cbor2.CBORTag(61, cbor2.CBORTag(18, bare)),
            cbor2.CBORTag(61, bare),
        ):
            assert claimed(code_of(cbor2.dumps(token))).kind is CodeKind.HCERT

    def test_the_protected_kid_takes_precedence_over_the_unprotected_one(self) -> None:
        header = cbor2.dumps({1: -7})
        draft = cose.CoseSign1(header, {}, {}, self.parts()[2], b"")
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        r, s = decode_dss_signature(KEY.sign(draft.signature_input(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")

        def with_unprotected(unprotected: Any) -> bytes:
            return code_of(cbor2.dumps([header, unprotected, draft.payload, signature]))

        assert claimed(with_unprotected({4: KID})).issuer == KID.hex()
        assert refused(with_unprotected({4: b"another!"})) is Reason.UNKNOWN_KEY
        assert refused(with_unprotected({})) is Reason.MALFORMED
        assert refused(with_unprotected({4: "text"})) is Reason.MALFORMED
        protected_wins = self.parts()
        protected_wins[1] = {4: b"another!"}
        assert claimed(code_of(cbor2.dumps(protected_wins))).issuer == KID.hex()

    def test_an_empty_protected_header_is_accepted(self) -> None:
        bare = self.parts()
        bare[0], bare[1] = b"", {4: KID}
        assert refused(code_of(cbor2.dumps(bare))) is Reason.BAD_SIGNATURE

    @pytest.mark.parametrize("place", range(4))
    def test_a_part_of_another_type_is_malformed(self, place: int) -> None:
        bare = self.parts()
        bare[place] = 7
        assert refused(code_of(cbor2.dumps(bare))) is Reason.MALFORMED

    @pytest.mark.parametrize("header", [b"\x01", b"\xff", b"\x80"])
    def test_a_protected_header_that_is_not_a_map_is_malformed(self, header: bytes) -> None:
        bare = self.parts()
        bare[0] = header
        assert refused(code_of(cbor2.dumps(bare))) is Reason.MALFORMED

    @pytest.mark.parametrize("length", [0, 63, 65, 71])
    def test_a_signature_of_another_length_is_invalid(self, length: int) -> None:
        bare = self.parts()
        bare[3] = (bare[3] + bytes(10))[:length]
        assert refused(code_of(cbor2.dumps(bare))) is Reason.BAD_SIGNATURE


class TestHostile:
    def test_a_zip_bomb_is_refused(self) -> None:
        bomb = b"HC1:" + base45.encode_base45(zlib.compress(bytes(2_000_000), 9)).encode()
        assert len(bomb) < hcert.MAX_TEXT_BYTES
        assert refused(bomb) is Reason.MALFORMED
        with pytest.raises(cose.CoseError, match="inflated data is too large"):
            hcert.extract_cose_bytes(bomb)

    def test_data_at_the_size_limit_is_inflated(self) -> None:
        text = b"HC1:" + base45.encode_base45(zlib.compress(bytes(hcert.MAX_INFLATED_BYTES), 9)).encode()
        assert len(hcert.extract_cose_bytes(text)) == hcert.MAX_INFLATED_BYTES
        with pytest.raises(cose.CoseError, match="inflated data"):
            hcert.extract_cose_bytes(
                b"HC1:" + base45.encode_base45(zlib.compress(bytes(hcert.MAX_INFLATED_BYTES + 1), 9)).encode()
            )

    def test_a_text_longer_than_any_qr_code_is_not_parsed(self) -> None:
        longest = b"HC1:" + b"0" * (hcert.MAX_TEXT_BYTES - 4)
        with pytest.raises(ValueError, match="not zlib"):
            hcert.extract_cose_bytes(longest)
        with pytest.raises(cose.CoseError, match="not an HCERT"):
            hcert.extract_cose_bytes(longest + b"0")
        with pytest.raises(cose.CoseError, match="not an HCERT"):
            hcert.extract_cose_bytes(b"hc1:00")

    def test_a_truncated_stream_is_malformed(self) -> None:
        packed = zlib.compress(bytes(100))
        with pytest.raises(cose.CoseError, match="incomplete"):
            hcert.extract_cose_bytes(b"HC1:" + base45.encode_base45(packed[:-4]).encode())

    @pytest.mark.parametrize("depth", [cose.MAX_DEPTH + 1, 5_000])
    @pytest.mark.parametrize("opener", [b"\x81", b"\xa1\x01", b"\xd8\x3d", b"\x9f"])
    def test_deeply_nested_cbor_is_malformed(self, depth: int, opener: bytes) -> None:
        assert refused(code_of(opener * depth + b"\x01")) is Reason.MALFORMED
        assert refused(signed(opener * depth + b"\x01")) is Reason.MALFORMED

    @pytest.mark.parametrize(
        "item",
        [
            b"\xc1\xfb\x7f\xef\xff\xff\xff\xff\xff\xff",  # a date after the maximum
            b"\xc0\x61x",  # a date that is invalid
            b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",  # 10 to the power of 2^63
            b"\xc5\x82\x3b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\xd8\x1e\x82\x01\x00",  # 1 divided by 0
            b"\xd8\x23\x61(",  # an invalid pattern
            b"\xd8\x23\x64[[a]",  # a pattern that compiles with a warning
            b"\xd8\x24\x63a:b",  # a mail
            b"\xc4\x82\x20\x19\x01\x00",  # 25.6
            b"\xc5\x82\x20\x03",  # 1.5
            b"\xd8\x1e\x82\x01\x02",  # one half
            b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that contains itself
            b"\xd9\x01\x00\x81\x61a",  # a namespace of texts
            b"\xd8\x25\x41x",  # a UUID of one byte
            b"\xd9\x01\x04\x41x",  # an address of one byte
            b"\xd8\x1d\x00",  # a reference without a target
            b"\xd9\x01\x02\x81\x80",  # a set of lists
            b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",  # an array of 2^63 items
            b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",  # a string of 2^63 bytes
            b"\xf8\x10",
        ],
        ids=bytes.hex,
    )
    def test_cbor_that_crashes_decoders_is_malformed(self, item: bytes) -> None:
        for code in (code_of(item), signed(item), signed(b"\xa1\x39\x01\x03\xa1\x01" + item)):
            answer = read(code)
            assert isinstance(answer, Refusal)
            assert answer.reason is Reason.MALFORMED

    def test_without_a_key_the_certificate_is_refused(self) -> None:
        assert refused(certified(CERTIFICATE), *dispatcher_keys()) is Reason.UNKNOWN_KEY


def dispatcher_keys() -> list[TrustedKey]:
    """Keys of other issuers."""
    assert dispatcher()
    return [TrustedKey(b"87654321", CodeKind.HCERT, OTHER.public_key(), NOW_AT, NOW_AT)]
