"""The verifier with all kinds of code, also damaged and unusual ones."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.core import rules
from kiosk.core.model import Assurance, Claim, CodeKind, Identifier, Reason, Refusal, VisitHistory
from kiosk.credentials import CredentialVerifier, is_known_format
from kiosk.credentials.formats import base45, fields
from kiosk.credentials.issuing.samples import SampleCode, make_sample_data
from kiosk.credentials.trust import trust_list
from tests.examples import examples
from tests.fakes.data.people import NOW_AT, WORLD, dispatcher, moment

NATIONAL = "001093029317|NGUYEN VAN A|1987-01-18|0|162979388586171100|<1<00<0123232422"
ID_CARD = "046087001234|191234567|Nguyễn Văn Ả|18011987|Nam|1 Lê Lợi, Huế|02052021"
INSURANCE = (
    f"HS4010120878821|{'Nguyễn Văn Ả'.encode().hex()}|18/01/1987|1|-|46 - 001|01/01/2021|-|22/12/2020|-|-|4|-|x|-|y|$"
)
SIGNED_PREFIXES = ("HUE1:", "HC1:")


def read(text: str | bytes) -> Claim | Refusal:
    return dispatcher().verify(text.encode() if isinstance(text, str) else text, moment())


def claimed(text: str | bytes) -> Claim:
    answer = read(text)
    assert isinstance(answer, Claim), answer
    return answer


def refused(text: str | bytes) -> tuple[CodeKind, Reason]:
    answer = read(text)
    assert isinstance(answer, Refusal), answer
    return answer.kind, answer.reason


@pytest.mark.parametrize("sample", WORLD.samples, ids=lambda sample: sample.label)
def test_each_sample_gives_its_expected_result(sample: SampleCode) -> None:
    answer = read(sample.data)
    decision = rules.decide_access(answer, VisitHistory(), rules.AccessPolicy(), 0, moment())
    assert (answer.kind, decision.outcome, decision.reason) == (sample.kind, sample.outcome, sample.reason)
    if sample.subject is not None:
        assert isinstance(answer, Claim)
        assert answer.subject == sample.subject


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    assert make_sample_data(NOW_AT, 3).samples == make_sample_data(NOW_AT, 3).samples
    assert make_sample_data(NOW_AT, 3)["valid"].data != make_sample_data(NOW_AT, 4)["valid"].data
    assert WORLD.make_valid_pass(1) != WORLD.make_valid_pass(2)
    assert claimed(WORLD.make_valid_pass(1)).assurance is Assurance.VERIFIED


def test_only_signed_kinds_are_verified_and_depend_on_the_lists() -> None:
    for sample in WORLD.samples:
        answer = read(sample.data)
        if isinstance(answer, Claim):
            signed = sample.text.startswith(SIGNED_PREFIXES)
            assert (answer.assurance is Assurance.VERIFIED) is signed
            assert (answer.lists_at is not None) is signed


def test_the_repr_of_a_claim_never_contains_the_code() -> None:
    for sample in WORLD.samples:
        answer = read(sample.data)
        for secret in sample.person.personal_values() if sample.person else ():
            assert secret not in repr(answer)
        assert sample.text not in repr(answer) + repr(sample)


class TestNational:
    def test_the_published_samples_are_read(self) -> None:
        first = claimed(NATIONAL)
        assert first.subject.identifiers == (
            Identifier("qid", "162979388586171100"),
            Identifier("document", "001093029317"),
        )
        second = claimed("001093029317|NGUYEN VAN A|1987-01-18|0|162979388586171100|<1<HS4010120878821<0944713700")
        assert second.subject.identifiers[2] == Identifier("insurance", "0120878821")
        assert (second.subject.name, second.subject.born) == ("NGUYEN VAN A", "1987-01-18")

    @pytest.mark.parametrize("born", ["1987-**-**", "1987-0*-1*", "****-**-**"])
    def test_a_masked_birth_date_is_accepted(self, born: str) -> None:
        assert claimed(NATIONAL.replace("1987-01-18", born)).subject.born == born

    def test_a_masked_document_gives_no_identifier(self) -> None:
        claim = claimed(NATIONAL.replace("001093029317", "******029317"))
        assert claim.subject.identifiers == (Identifier("qid", "162979388586171100"),)

    def test_without_a_qid_the_document_identifies_the_person(self) -> None:
        claim = claimed(NATIONAL.replace("162979388586171100", ""))
        assert claim.subject.identifiers[0] == Identifier("document", "001093029317")
        assert claimed("B1234567|A B|1990-01-01|1||").subject.identifiers == (Identifier("document", "B1234567"),)

    def test_a_code_without_an_identifier_is_malformed(self) -> None:
        assert refused("******029317|A|1990-01-01|0||") == (CodeKind.NATIONAL_QR, Reason.MALFORMED)
        assert refused("|A|1990-01-01|0||") == (CodeKind.NATIONAL_QR, Reason.MALFORMED)

    @pytest.mark.parametrize(
        "extension",
        [
            "<1<HS4010120878821<0944",
            "99<1<HS4010120878821<0944<sig",
            "1<HS4010120878821<0944",
            "2<0120878821",
            "1<1<0120878821",
        ],
    )
    def test_the_insurance_number_is_found_with_and_without_the_declarer(self, extension: str) -> None:
        claim = claimed(NATIONAL.rsplit("|", 1)[0] + "|" + extension)
        assert claim.subject.identifiers[-1] == Identifier("insurance", "0120878821")

    @pytest.mark.parametrize("extension", ["", "<", "<1", "1", "1<0", "1<", "<1<00<0123", "<1<12345<0123", "x<y<z"])
    def test_a_partial_extension_is_accepted(self, extension: str) -> None:
        assert len(claimed(NATIONAL.rsplit("|", 1)[0] + "|" + extension).subject.identifiers) == 2

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("NGUYEN VAN A", ""),
            ("|0|", "|none|"),
            ("162979388586171100", "12 34"),
            ("162979388586171100", "12345"),
            ("001093029317", "0010930293170000"),
            ("001093029317", "00x"),
        ],
    )
    def test_a_field_of_another_form_is_malformed(self, old: str, new: str) -> None:
        assert refused(NATIONAL.replace(old, new)) == (CodeKind.NATIONAL_QR, Reason.MALFORMED)


class TestIdCard:
    def test_both_numbers_identify_the_person_the_new_one_first(self) -> None:
        claim = claimed(ID_CARD)
        assert claim.kind is CodeKind.ID_CARD
        assert claim.subject.identifiers == (
            Identifier("document", "046087001234"),
            Identifier("document", "191234567"),
        )
        assert (claim.subject.name, claim.subject.born) == ("Nguyễn Văn Ả", "1987-01-18")

    @pytest.mark.parametrize("ending", ["||extra", "\x00", "|\x00\x00", "|1|2|3|4", "\r\n", " "])
    def test_additional_fields_of_newer_cards_are_ignored(self, ending: str) -> None:
        claim = claimed(ID_CARD.replace("191234567", "") + ending)
        assert claim.subject.identifiers == (Identifier("document", "046087001234"),)

    def test_decomposed_diacritics_and_a_byte_order_mark_give_the_same_person(self) -> None:
        import unicodedata

        decomposed = "\ufeff" + unicodedata.normalize("NFD", ID_CARD.replace("Nam", "Nữ"))
        assert claimed(decomposed).subject == claimed(ID_CARD).subject

    def test_a_number_that_contradicts_the_birth_date_is_accepted(self) -> None:
        assert claimed(ID_CARD.replace("046087", "046303")).kind is CodeKind.ID_CARD

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("046087001234", "46087001234"),
            ("046087001234", "٠46087001234"),
            ("046087001234", "0460870012345"),
            ("046087001234", "04608700123O"),
            ("046087001234", ""),
        ],
    )
    def test_a_number_of_another_form_is_malformed(self, old: str, new: str) -> None:
        assert refused(ID_CARD.replace(old, new)) == (CodeKind.ID_CARD, Reason.MALFORMED)


class TestInsurance:
    def test_old_and_new_numbers_identify_the_same_person(self) -> None:
        old, new = claimed(INSURANCE), claimed(INSURANCE.replace("HS4010120878821", "0120878821"))
        assert old.kind is CodeKind.INSURANCE
        assert old.subject == new.subject
        assert old.subject.identifiers == (Identifier("insurance", "0120878821"),)
        assert (old.subject.name, old.subject.born) == ("Nguyễn Văn Ả", "1987-01-18")

    def test_it_is_valid_from_the_start_of_its_first_day_to_the_end_of_its_last_in_hue(self) -> None:
        claim = claimed(INSURANCE.replace("01/01/2021|-|", "01/01/2021|31/12/2021|"))
        assert claim.not_before_at == datetime(2020, 12, 31, 17, tzinfo=UTC)
        assert claim.not_after_at == datetime(2021, 12, 31, 16, 59, 59, 999999, tzinfo=UTC)
        assert claimed(INSURANCE).not_after_at is None
        assert claimed(INSURANCE.replace("|01/01/2021|", "|-|")).not_before_at is None

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("HS4010120878821", "H4010120878821"),
            ("HS4010120878821", "012087882"),
            ("01/01/2021", "2021-01-01"),
            ("|-|22", "|soon|22"),
        ],
    )
    def test_a_number_or_a_validity_of_another_form_is_malformed(self, old: str, new: str) -> None:
        assert refused(INSURANCE.replace(old, new)) == (CodeKind.INSURANCE, Reason.MALFORMED)

    def test_a_few_fields_and_a_dollar_are_not_an_insurance_card(self) -> None:
        assert refused("1|2|$") == (CodeKind.UNKNOWN, Reason.UNKNOWN_CODE)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("http://example.org", CodeKind.VENUE_CODE, Reason.VENUE_CODE),
        ("HTTPS://EXAMPLE.ORG/x|1|2|3|4|5", CodeKind.VENUE_CODE, Reason.VENUE_CODE),
        (" https://x", CodeKind.VENUE_CODE, Reason.VENUE_CODE),
        ("www.example.org", CodeKind.VENUE_CODE, Reason.VENUE_CODE),
        (
            "shc:/567629095243206034602924374044603122295953265460346029254077280433602870286471674522280928",
            CodeKind.UNSUPPORTED,
            Reason.UNSUPPORTED,
        ),
        ("HC2:6BF", CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        ("NZCP:/1/2KCEVIQ", CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        ('{"data":{"hdr":{"is":"UTO","t":"icao.vacc","v":1}}}', CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        (b"\xdc\x03\xd9\xca\xc8\xa7", CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        ("DC04FR0000011E6D1E6D", CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        (b"PK\x03\x04certificate.json", CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        ('{"@context":["https://www.w3.org/2018/credentials/v1"]', CodeKind.UNSUPPORTED, Reason.UNSUPPORTED),
        ("", CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        ("hello", CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        ("HC1", CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        (b"\xff\xfe\x00", CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        ("a|b|c|d", CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        (b"x" * (fields.MAX_TEXT_BYTES + 1), CodeKind.UNKNOWN, Reason.UNKNOWN_CODE),
        ("HUE1:", CodeKind.ENTRY_PASS, Reason.MALFORMED),
        ("HC1:", CodeKind.HCERT, Reason.MALFORMED),
    ],
    ids=str,
)
def test_other_codes_are_refused_with_kind_and_reason(code: str | bytes, kind: CodeKind, reason: Reason) -> None:
    assert refused(code) == (kind, reason)


def test_an_unknown_code_is_not_malformed() -> None:
    assert refused("hello")[1] is not refused(NATIONAL.replace("1629", "1 29"))[1]


def test_only_formats_with_a_check_are_known_formats() -> None:
    known = {sample.label for sample in WORLD.samples if is_known_format(sample.data)}
    assert known == {sample.label for sample in WORLD.samples} - {"place", "payment", "unsupported", "unknown"}
    assert not is_known_format(ID_CARD.replace("|Nam|", "|?|").encode()), "a misread could look like this"
    assert not is_known_format(WORLD["valid"].data[:-1])
    assert not is_known_format(WORLD["hcert"].data[:-3])


def test_checking_the_format_does_not_use_up_a_proof() -> None:
    verifier = dispatcher()
    assert is_known_format(WORLD["rotating"].data)
    assert isinstance(verifier.verify(WORLD["rotating"].data, moment()), Claim)


def test_newer_lists_apply_from_the_next_code_on() -> None:
    verifier = CredentialVerifier(trust_list.make_trust_list([], number=1, issued_at=NOW_AT))
    before = verifier.verify(WORLD["valid"].data, moment())
    verifier.set_lists(trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem), None)
    after = verifier.verify(WORLD["valid"].data, moment())
    assert isinstance(before, Refusal)
    assert before.reason is Reason.UNKNOWN_KEY
    assert isinstance(after, Claim)
    assert after.lists_at == NOW_AT.replace(hour=19, day=22)  # the trust list's own date, because there is no denylist


def test_a_claim_has_the_date_of_the_older_list() -> None:
    from kiosk.credentials.trust import denylist

    trusted = trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem)
    old = denylist.make_denylist([], number=1, issued_at=datetime(2026, 1, 1, tzinfo=UTC))
    claim = CredentialVerifier(trusted, old).verify(WORLD["valid"].data, moment())
    assert isinstance(claim, Claim)
    assert claim.lists_at == old.issued_at
    newer = CredentialVerifier(trusted, replace(old, issued_at=NOW_AT)).verify(WORLD["valid"].data, moment())
    assert isinstance(newer, Claim)
    assert newer.lists_at == trusted.issued_at


@given(st.binary(max_size=600))
def test_no_bytes_crash_the_verifier(data: bytes) -> None:
    for code in (
        data,
        b"HUE1:" + data,
        b"HC1:" + base45.encode_base45(data).encode(),
        b"HUE1:" + base45.encode_base45(data).encode(),
    ):
        answer = dispatcher().verify(code, moment())
        assert isinstance(answer, Refusal)
        assert data.decode("latin-1") not in answer.evidence or len(data) < 4
        assert is_known_format(code) in (True, False)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=5, max_size=18), st.booleans())
@settings(max_examples=examples(60))
def test_no_fields_crash_the_verifier(parts: list[str], insured: bool) -> None:
    answer = read("|".join(parts) + ("$" if insured else ""))
    assert isinstance(answer, Claim | Refusal)


@given(st.binary(max_size=300))
def test_base45_round_trip(data: bytes) -> None:
    assert base45.decode_base45(base45.encode_base45(data).encode()) == data


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=30))
def test_a_base45_text_is_the_encoding_of_its_bytes_or_is_refused(text: str) -> None:
    try:
        data = base45.decode_base45(text.encode())
    except ValueError:
        return
    assert base45.encode_base45(data) == text


@pytest.mark.parametrize(
    ("text", "data"),
    [(b"BB8", b"AB"), (b"%69 VD92EX0", b"Hello!!"), (b"UJCLQE7W581", b"base-45"), (b"", b""), (b"QED8WEX0", b"ietf!")],
)
def test_base45_examples_of_the_rfc(text: bytes, data: bytes) -> None:
    assert base45.decode_base45(text) == data
    assert base45.encode_base45(data).encode() == text


@pytest.mark.parametrize("text", [b"GGW", b":::", b"A", b"AAAA", b"::", b"U6", b"aaa", b"BB8\n", "ÄÄÄ".encode()])
def test_text_that_the_encoder_cannot_have_written_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base45"):
        base45.decode_base45(text)
