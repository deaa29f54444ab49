"""What a record says of a person: opened by the centre alone, and only where it belongs."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import Identifier, Subject
from kiosk.core.subject_sealing import PSEUDONYM_BYTES, KeyTrouble, Pseudonyms, Seal
from mqtt import sealing
from mqtt.sealing import NotSealed, open_sealed
from tests.fakes.data.people import WORLD, centre_key, forbidden, leaks

HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
PRIVATE, PUBLIC = centre_key()
SOMEBODY = Subject(
    (Identifier("qid", "162979388586171100"), Identifier("insurance", "0120878821")), "Nguyễn Thị Ánh", "1987"
)
KEY, OLD_KEY = b"k" * 32, b"o" * 32
TEXT = st.text(max_size=40)


def test_the_centre_opens_what_was_sealed() -> None:
    assert open_sealed(PRIVATE, Seal(PUBLIC).seal(SOMEBODY, HERE), HERE) == {
        "ids": [["qid", "162979388586171100"], ["insurance", "0120878821"]],
        "name": "Nguyễn Thị Ánh",
        "born": "1987",
    }


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.none() | TEXT, st.none() | TEXT)
def test_whatever_a_code_said_is_sealed_and_opened(
    pairs: list[tuple[str, str]], name: str | None, born: str | None
) -> None:
    subject = Subject(tuple(Identifier(*pair) for pair in pairs), name, born)
    opened = open_sealed(PRIVATE, Seal(PUBLIC).seal(subject, HERE), HERE)
    assert opened == {"ids": [list(pair) for pair in pairs], "name": name, "born": born}


def test_a_name_with_half_a_surrogate_is_sealed_all_the_same() -> None:
    sealed = Seal(PUBLIC).seal(Subject((Identifier("qid", "\ud800"),)), HERE)
    assert open_sealed(PRIVATE, sealed, HERE)["ids"] == [["qid", "?"]]


def test_nobody_can_move_it_to_another_passage() -> None:
    with pytest.raises(NotSealed, match="of another passage"):
        open_sealed(PRIVATE, Seal(PUBLIC).seal(SOMEBODY, HERE), ELSEWHERE)


def test_another_key_does_not_open_it_and_says_which_would() -> None:
    other, _ = centre_key()
    sealed = Seal(PUBLIC).seal(SOMEBODY, HERE)
    with pytest.raises(
        NotSealed, match=f"sealed to key {sealed[:4].hex()}, this is key {sealing.key_id(other.public_key()).hex()}"
    ):
        open_sealed(other, sealed, HERE)


def test_after_a_rotation_each_record_opens_with_the_key_that_it_names() -> None:
    newer, newer_pem = centre_key()
    keys = {sealing.key_id(key.public_key()): key for key in (PRIVATE, newer)}
    for seal in (Seal(PUBLIC), Seal(newer_pem)):
        sealed = seal.seal(SOMEBODY, HERE)
        assert open_sealed(keys[sealed[: sealing.KEY_ID_BYTES]], sealed, HERE)["born"] == "1987"


def test_any_damage_is_noticed() -> None:
    sealed = Seal(PUBLIC).seal(SOMEBODY, HERE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(NotSealed):
            open_sealed(PRIVATE, bytes(changed), HERE)
        with pytest.raises(NotSealed):
            open_sealed(PRIVATE, sealed[:place], HERE)


def test_a_sealed_thing_that_is_no_subject_is_refused() -> None:
    key = sealing.key_id(PRIVATE.public_key())
    for plain in (b"[]", b"not json"):
        sealed = key + sealing.SUITE.encrypt(plain, PRIVATE.public_key(), info=sealing.info(key, HERE))
        with pytest.raises(NotSealed):
            open_sealed(PRIVATE, sealed, HERE)


def test_the_length_tells_neither_a_name_nor_a_kind() -> None:
    short = Subject((Identifier("qid", "162979388586171100"),), "Lê A")
    longer = Subject((Identifier("qid", "162979388586171100"),), "Công Tằng Tôn Nữ Thủy")
    assert len(Seal(PUBLIC).seal(short, HERE)) == len(Seal(PUBLIC).seal(longer, HERE))


def test_the_same_person_is_sealed_differently_each_time() -> None:
    seal = Seal(PUBLIC)
    assert seal.seal(SOMEBODY, HERE) != seal.seal(SOMEBODY, HERE)


def test_a_file_that_is_no_sealing_key_is_refused_with_advice() -> None:
    with pytest.raises(KeyTrouble, match="no PEM public key"):
        Seal(b"hello")
    signing = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyTrouble, match="not an X25519 key"):
        Seal(signing)


def test_names_are_stable_under_one_key_and_mean_nothing_under_another() -> None:
    names = Pseudonyms(KEY).for_subject(SOMEBODY)
    assert names == Pseudonyms(KEY).for_subject(SOMEBODY)
    assert [len(name) for name in names] == [PSEUDONYM_BYTES] * 2
    assert not set(names) & set(Pseudonyms(OLD_KEY).for_subject(SOMEBODY))


def test_an_identifier_joins_two_codes_of_one_person_and_its_scheme_counts() -> None:
    names = Pseudonyms(KEY)
    card = names.for_subject(Subject((Identifier("insurance", "0120878821"),), "another spelling"))
    assert card[0] == names.for_subject(SOMEBODY)[1]
    assert card != names.for_subject(Subject((Identifier("document", "0120878821"),)))


def test_no_two_identifiers_run_together() -> None:
    names = Pseudonyms(KEY)
    assert names.for_subject(Subject((Identifier("ab", "c"),))) != names.for_subject(Subject((Identifier("a", "bc"),)))
    assert names.for_codes([b"ab", b"c"]) != names.for_codes([b"a", b"bc"])


def test_a_rotated_key_still_knows_people_by_their_older_names() -> None:
    before = Pseudonyms(OLD_KEY).for_subject(SOMEBODY)
    after = Pseudonyms(KEY + OLD_KEY).for_subject(SOMEBODY)
    assert after[:2] == Pseudonyms(KEY).for_subject(SOMEBODY)
    assert after[2:] == before


def test_codes_that_name_nobody_have_one_name_whatever_their_order() -> None:
    names = Pseudonyms(KEY)
    assert names.for_codes([b"a", b"b"]) == names.for_codes([b"b", b"a"])
    assert len(names.for_codes([b"a"])) == PSEUDONYM_BYTES
    assert names.for_codes([]) == b""
    assert names.for_codes([b"a"]) != names.for_subject(Subject((Identifier("code", "a"),)))[0]


@pytest.mark.parametrize("keys", [b"", b"short", b"x" * 31, b"x" * 33, KEY + b"x"])
def test_a_key_of_another_length_is_no_key(keys: bytes) -> None:
    with pytest.raises(KeyTrouble, match="head -c 32 /dev/urandom"):
        Pseudonyms(keys)


def test_neither_seal_nor_name_holds_a_piece_of_anybody() -> None:
    seal, names, needles = Seal(PUBLIC), Pseudonyms(KEY), forbidden()
    for sample in WORLD.samples:
        if sample.subject is not None:
            kept = (
                seal.seal(sample.subject, HERE)
                + b"".join(names.for_subject(sample.subject))
                + names.for_codes([sample.data])
            )
            assert leaks(kept, needles) == []


def test_the_search_for_leaks_finds_what_it_should() -> None:
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
