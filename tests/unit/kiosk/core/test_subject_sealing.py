"""The sealed subject opens with the centre's key alone, and only for its own event."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import Identifier, Subject
from kiosk.core.subject_sealing import PSEUDONYM_BYTES, InvalidKeyError, Pseudonymizer, Seal
from mqtt import sealing
from mqtt.sealing import UnsealError, unseal_subject
from tests.fakes.data.people import WORLD, centre_key, forbidden, leaks

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
PRIVATE, PUBLIC = centre_key()
SOMEBODY = Subject(
    (Identifier("qid", "162979388586171100"), Identifier("insurance", "0120878821")), "Nguyễn Thị Ánh", "1987"
)
KEY, OLD_KEY = b"k" * 32, b"o" * 32
TEXT = st.text(max_size=40)


def test_the_centre_opens_a_sealed_subject() -> None:
    assert unseal_subject(PRIVATE, Seal(PUBLIC).seal(SOMEBODY, HERE), HERE) == {
        "ids": [["qid", "162979388586171100"], ["insurance", "0120878821"]],
        "name": "Nguyễn Thị Ánh",
        "born": "1987",
    }


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.none() | TEXT, st.none() | TEXT)
def test_any_text_is_sealed_and_opened_unchanged(
    pairs: list[tuple[str, str]], name: str | None, born: str | None
) -> None:
    subject = Subject(tuple(Identifier(*pair) for pair in pairs), name, born)
    opened = unseal_subject(PRIVATE, Seal(PUBLIC).seal(subject, HERE), HERE)
    assert opened == {"ids": [list(pair) for pair in pairs], "name": name, "born": born}


def test_a_name_with_a_lone_surrogate_is_sealed() -> None:
    sealed = Seal(PUBLIC).seal(Subject((Identifier("qid", "\ud800"),)), HERE)
    assert unseal_subject(PRIVATE, sealed, HERE)["ids"] == [["qid", "?"]]


def test_a_sealed_subject_does_not_open_for_another_event() -> None:
    with pytest.raises(UnsealError, match="of another event"):
        unseal_subject(PRIVATE, Seal(PUBLIC).seal(SOMEBODY, HERE), ELSEWHERE)


def test_the_error_for_a_wrong_key_names_the_right_one() -> None:
    other, _ = centre_key()
    sealed = Seal(PUBLIC).seal(SOMEBODY, HERE)
    with pytest.raises(
        UnsealError, match=f"sealed to key {sealed[:4].hex()}, this is key {sealing.key_id(other.public_key()).hex()}"
    ):
        unseal_subject(other, sealed, HERE)


def test_after_a_rotation_each_event_opens_with_the_key_that_it_names() -> None:
    newer, newer_pem = centre_key()
    keys = {sealing.key_id(key.public_key()): key for key in (PRIVATE, newer)}
    for seal in (Seal(PUBLIC), Seal(newer_pem)):
        sealed = seal.seal(SOMEBODY, HERE)
        assert unseal_subject(keys[sealed[: sealing.KEY_ID_BYTES]], sealed, HERE)["born"] == "1987"


def test_any_changed_byte_is_detected() -> None:
    sealed = Seal(PUBLIC).seal(SOMEBODY, HERE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(UnsealError):
            unseal_subject(PRIVATE, bytes(changed), HERE)
        with pytest.raises(UnsealError):
            unseal_subject(PRIVATE, sealed[:place], HERE)


def test_sealed_data_that_is_not_a_subject_is_refused() -> None:
    key = sealing.key_id(PRIVATE.public_key())
    for plain in (b"[]", b"not json"):
        sealed = key + sealing.SUITE.encrypt(plain, PRIVATE.public_key(), info=sealing.hpke_info(key, HERE))
        with pytest.raises(UnsealError):
            unseal_subject(PRIVATE, sealed, HERE)


def test_the_sealed_length_reveals_neither_name_nor_kind() -> None:
    short = Subject((Identifier("qid", "162979388586171100"),), "Lê A")
    longer = Subject((Identifier("qid", "162979388586171100"),), "Công Tằng Tôn Nữ Thủy")
    assert len(Seal(PUBLIC).seal(short, HERE)) == len(Seal(PUBLIC).seal(longer, HERE))


def test_the_same_person_is_sealed_differently_each_time() -> None:
    seal = Seal(PUBLIC)
    assert seal.seal(SOMEBODY, HERE) != seal.seal(SOMEBODY, HERE)


def test_a_file_that_is_not_a_sealing_key_is_refused_with_advice() -> None:
    with pytest.raises(InvalidKeyError, match="not a PEM public key"):
        Seal(b"hello")
    signing = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKeyError, match="not an X25519 key"):
        Seal(signing)


def test_pseudonyms_are_stable_under_one_key_and_differ_under_another() -> None:
    names = Pseudonymizer(KEY).for_subject(SOMEBODY)
    assert names == Pseudonymizer(KEY).for_subject(SOMEBODY)
    assert [len(name) for name in names] == [PSEUDONYM_BYTES] * 2
    assert not set(names) & set(Pseudonymizer(OLD_KEY).for_subject(SOMEBODY))


def test_two_codes_with_the_same_identifier_and_scheme_share_a_pseudonym() -> None:
    names = Pseudonymizer(KEY)
    card = names.for_subject(Subject((Identifier("insurance", "0120878821"),), "another spelling"))
    assert card[0] == names.for_subject(SOMEBODY)[1]
    assert card != names.for_subject(Subject((Identifier("document", "0120878821"),)))


def test_no_two_identifiers_give_the_same_bytes() -> None:
    names = Pseudonymizer(KEY)
    assert names.for_subject(Subject((Identifier("ab", "c"),))) != names.for_subject(Subject((Identifier("a", "bc"),)))
    assert names.for_codes([b"ab", b"c"]) != names.for_codes([b"a", b"bc"])


def test_after_a_key_rotation_older_pseudonyms_are_still_known() -> None:
    before = Pseudonymizer(OLD_KEY).for_subject(SOMEBODY)
    after = Pseudonymizer(KEY + OLD_KEY).for_subject(SOMEBODY)
    assert after[:2] == Pseudonymizer(KEY).for_subject(SOMEBODY)
    assert after[2:] == before


def test_codes_without_a_subject_have_one_pseudonym_in_any_order() -> None:
    names = Pseudonymizer(KEY)
    assert names.for_codes([b"a", b"b"]) == names.for_codes([b"b", b"a"])
    assert len(names.for_codes([b"a"])) == PSEUDONYM_BYTES
    assert names.for_codes([]) == b""
    assert names.for_codes([b"a"]) != names.for_subject(Subject((Identifier("code", "a"),)))[0]


@pytest.mark.parametrize("keys", [b"", b"short", b"x" * 31, b"x" * 33, KEY + b"x"])
def test_a_key_of_another_length_is_refused(keys: bytes) -> None:
    with pytest.raises(InvalidKeyError, match="head -c 32 /dev/urandom"):
        Pseudonymizer(keys)


def test_neither_sealed_data_nor_pseudonym_contains_personal_data() -> None:
    seal, names, needles = Seal(PUBLIC), Pseudonymizer(KEY), forbidden()
    for sample in WORLD.samples:
        if sample.subject is not None:
            kept = (
                seal.seal(sample.subject, HERE)
                + b"".join(names.for_subject(sample.subject))
                + names.for_codes([sample.data])
            )
            assert leaks(kept, needles) == []


def test_the_leak_search_finds_a_leak() -> None:
    import base64
    import json

    who = WORLD["id-card"].person
    assert who is not None
    for written in (
        who.name.encode(),
        json.dumps({"name": who.name}).encode(),
        base64.b64encode(b"x" + who.document_number.encode() + b"yz"),
        base64.b64encode(b"{" + WORLD["valid"].data),
        who.address.encode().hex().encode(),
        who.name.upper().encode(),
    ):
        assert leaks(b"some log line: " + written + b" end") != [], written
    assert leaks(b"nothing to see, 2026-11-23T01:02:03Z pass in") == []


def test_the_private_key_is_not_on_the_device() -> None:
    seal = Seal(PUBLIC)
    assert not any(isinstance(value, X25519PrivateKey) for value in vars(seal).values())
