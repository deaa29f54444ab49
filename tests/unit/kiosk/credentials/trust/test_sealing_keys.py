"""The signed list of sealing keys, and which of them seals an event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import Identifier, Subject
from kiosk.core.subject_sealing import Seal, WeeklyKey
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.credentials.trust.sealing_keys import (
    WEEK,
    SealingKeyList,
    parse_sealing_keys,
    sign_sealing_keys,
    week_start,
)
from kiosk.credentials.trust.signed_list import SignedList, sign_list
from kiosk.credentials.trust.trust_list import make_trust_list, sign_trust_list
from mqtt.sealing import Unsealer, UnsealError

ROOT = Ed25519PrivateKey.generate()
ROOT_PEM = ROOT.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PRIVATE = [X25519PrivateKey.generate() for _ in range(4)]
KEYS = tuple(
    WeeklyKey(MONDAY + number * WEEK, key.public_key().public_bytes_raw()) for number, key in enumerate(PRIVATE)
)
LIST = SealingKeyList(3, MONDAY, KEYS)
ID = UUID(int=1)
ALL_TIMES = X25519PrivateKey.generate()
ALL_TIMES_PEM = ALL_TIMES.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PERSON = Subject((Identifier("document", "046190000001"),))


def test_a_signed_list_is_read_back() -> None:
    assert parse_sealing_keys(sign_sealing_keys(ROOT, LIST), ROOT_PEM) == LIST


@pytest.mark.parametrize(
    "keys",
    [
        (),
        KEYS[1::-1],
        (KEYS[0], KEYS[2]),
        (KEYS[0], KEYS[0]),
        (replace(KEYS[0], since_at=MONDAY + timedelta(days=1)),),
    ],
)
def test_a_list_with_wrong_weeks_is_not_signed_and_not_believed(keys: tuple[WeeklyKey, ...]) -> None:
    with pytest.raises(ListError):
        sign_sealing_keys(ROOT, replace(LIST, keys=keys))
    entries = [[int(one.since_at.timestamp()), one.public_key] for one in keys]
    forged = sign_list(ROOT, SignedList("seal", 3, MONDAY, len(entries), entries))
    with pytest.raises(ListError):
        parse_sealing_keys(forged, ROOT_PEM)


@pytest.mark.parametrize(
    "entries", [[[0]], [["0", b"x" * 32]], [[0, b"x" * 31]], [[0, "x" * 32]], "ab", [[2**70, b"x" * 32]], [None], 7]
)
def test_entries_of_another_form_are_refused(entries: object) -> None:
    count = len(entries) if isinstance(entries, list | str) else 1
    with pytest.raises(ListError):
        parse_sealing_keys(sign_list(ROOT, SignedList("seal", 1, MONDAY, count, entries)), ROOT_PEM)


def test_a_list_of_another_signer_or_kind_is_refused() -> None:
    with pytest.raises(ListError):
        parse_sealing_keys(sign_sealing_keys(Ed25519PrivateKey.generate(), LIST), ROOT_PEM)
    denylist = sign_list(ROOT, SignedList("deny", 1, MONDAY, 0, b""))
    with pytest.raises(ListError):
        parse_sealing_keys(denylist, ROOT_PEM)


@pytest.mark.parametrize(
    ("at", "week"),
    [
        (MONDAY, 0),
        (MONDAY + WEEK - timedelta(microseconds=1), 0),
        (MONDAY + WEEK, 1),
        (MONDAY + 3 * WEEK + timedelta(days=2), 3),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (MONDAY + 90 * WEEK, 3),
    ],
)
def test_an_event_opens_with_the_key_of_its_week_alone(at: datetime, week: int) -> None:
    sealed = Seal(ALL_TIMES_PEM, lambda: KEYS).seal(PERSON, ID, at)
    assert Unsealer([PRIVATE[week]]).unseal(sealed, ID)["ids"] == [["document", "046190000001"]]
    with pytest.raises(UnsealError):
        Unsealer([ALL_TIMES, *(key for number, key in enumerate(PRIVATE) if number != week)]).unseal(sealed, ID)


def test_without_a_list_the_one_key_seals() -> None:
    assert Unsealer([ALL_TIMES]).unseal(Seal(ALL_TIMES_PEM).seal(PERSON, ID, MONDAY), ID)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 <= at.year < 2200))
def test_a_week_begins_on_a_monday_and_contains_the_moment(at: datetime) -> None:
    begin = week_start(at)
    assert begin.isoweekday() == 1
    assert begin <= at < begin + WEEK


def loader(folder: Path) -> ListLoader:
    return ListLoader(
        trust_path=folder / "trust-list.cose",
        root_path=None,
        denylist_path=None,
        copies_dir=folder,
        sealing_keys_path=folder / "sealing-keys.cose",
    )


def test_a_kiosk_takes_a_longer_list_and_never_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT_PEM)
    (tmp_path / "trust-list.cose").write_bytes(sign_trust_list(ROOT, make_trust_list([], number=1, issued_at=MONDAY)))
    path = tmp_path / "sealing-keys.cose"
    with pytest.raises(ListError):
        loader(tmp_path)
    path.write_bytes(sign_sealing_keys(ROOT, replace(LIST, keys=KEYS[:2])))
    lists = loader(tmp_path)
    assert lists.sealing_keys == KEYS[:2]
    path.write_bytes(sign_sealing_keys(ROOT, replace(LIST, number=4)))
    assert lists.refresh()
    assert lists.sealing_keys == KEYS
    path.write_bytes(sign_sealing_keys(ROOT, LIST))
    assert not lists.refresh()
    assert lists.sealing_keys == KEYS
    path.unlink()
    assert loader(tmp_path).sealing_keys == KEYS, "the copy of the last good one is in force"
