"""Tests of what changed between two denylists, of lists that a centre sent, and of a large list in little memory."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kiosk.credentials.issuing.key_files import public_key_pem
from kiosk.credentials.trust.denylist import Denylist, make_denylist, parse_denylist, sign_denylist
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_delta import DeltaError, apply_delta, make_delta
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.credentials.trust.sorted_entries import SortedEntries
from tests.fakes.data.people import WORLD
from tests.unit.kiosk.credentials.trust.test_signed_lists import STRANGER, deny_bytes, trust_bytes

ROOT = Ed25519PrivateKey.generate()
A, B = b"a" * 10, b"b" * 10
ISSUED_AT = datetime(2026, 11, 28, tzinfo=UTC)
ENTRIES = st.sets(st.binary(min_size=10, max_size=10), max_size=30)


def a_list(entries: set[bytes], number: int) -> tuple[Denylist, bytes]:
    made = make_denylist(entries, number=number, issued_at=ISSUED_AT)
    return made, sign_denylist(ROOT, made)


@given(ENTRIES, ENTRIES)
def test_a_delta_makes_the_signed_list_byte_for_byte(before: set[bytes], after: set[bytes]) -> None:
    (old, _), (new, data) = a_list(before, 3), a_list(after, 4)
    made = apply_delta(old, 4, make_delta(old, new, data))
    assert made == data
    assert set(parse_denylist(made, public_key_pem(ROOT)).entries) == after


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_delta(data: bytes) -> None:
    with pytest.raises(DeltaError):
        apply_delta(a_list(set(), 1)[0], 2, data)


def test_a_delta_for_another_list_or_number_makes_a_list_that_is_not_signed() -> None:
    (old, _), (new, data) = a_list({b"a" * 10}, 3), a_list({b"b" * 10}, 4)
    delta = make_delta(old, new, data)
    for base, number in ((a_list({b"c" * 10}, 3)[0], 4), (old, 5)):
        with pytest.raises(ListError, match="not signed"):
            parse_denylist(apply_delta(base, number, delta), public_key_pem(ROOT))


def test_a_thousand_changes_of_a_large_list_fit_into_sixteen_kilobytes() -> None:
    chance = random.Random(1)
    entries = [chance.randbytes(10) for _ in range(20_000)]
    (old, _), (new, data) = (
        a_list(set(entries), 1),
        a_list(set(entries[500:]) | {chance.randbytes(10) for _ in range(500)}, 2),
    )
    assert len(make_delta(old, new, data)) <= 16_000


@given(st.sets(st.binary(min_size=10, max_size=10), max_size=60), st.binary(min_size=10, max_size=10))
def test_sorted_entries_are_the_same_set(entries: set[bytes], other: bytes) -> None:
    found = SortedEntries(b"".join(sorted(entries)), 10)
    assert set(found) == entries
    assert len(found) == len(entries)
    assert all(entry in found for entry in entries)
    assert (other in found) == (other in entries)


@given(st.lists(st.sampled_from([b"\0" * 10, b"\0" * 9 + b"\1", b"\0\1" * 5, b"\1\0" * 5, b"\xff" * 10]), unique=True))
def test_bytes_that_run_over_the_end_of_an_entry_are_no_entry(entries: list[bytes]) -> None:
    found = SortedEntries(b"".join(sorted(entries)), 10)
    for other in (b"\0" * 10, b"\0\0\0\0\0\0\0\0\1\0", b"\1" + b"\0" * 9, b"\1\0" * 5, b"\xff" * 10, b"\0" * 9):
        assert (other in found) == (other in entries)


@pytest.mark.parametrize("step", [1, 3])
def test_counted_serials_are_found_and_no_others(step: int) -> None:
    numbers = range(0, 5_000 * step, step)
    found = SortedEntries(b"".join(number.to_bytes(10, "big") for number in numbers), 10)
    wanted = range(5_000 * step + 2)
    assert [number for number in wanted if number.to_bytes(10, "big") in found] == list(numbers)


@pytest.mark.parametrize("blob", [b"b" * 10 + b"a" * 10, b"a" * 20, b"a" * 15])
def test_entries_that_are_not_sorted_not_different_or_cut_off_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="entries"):
        SortedEntries(blob, 10)


def start(folder: Path) -> ListLoader:
    (folder / "root.pem").write_bytes(WORLD.root_pem)
    (folder / "trust.cose").write_bytes(trust_bytes(1))
    return ListLoader(
        trust_path=folder / "trust.cose", root_path=None, denylist_path=folder / "deny.cose", copies_dir=folder
    )


def test_a_newer_list_of_the_centre_is_in_force_also_after_a_restart_and_an_older_file_is_no_mistake(
    tmp_path: Path,
) -> None:
    (tmp_path / "deny.cose").write_bytes(deny_bytes(3, A))
    loader = start(tmp_path)
    loader.offer("deny", deny_bytes(7, B))
    assert loader.numbers == {"trust": 1, "deny": 7}
    for found in (loader, start(tmp_path)):
        assert not found.refresh()
        assert found.denylist is not None
        assert set(found.denylist.entries) == {B}
        assert found.errors == ()


def test_a_newer_file_of_a_stick_counts_before_an_older_list_of_the_centre(tmp_path: Path) -> None:
    loader = start(tmp_path)
    loader.offer("deny", deny_bytes(7, B))
    (tmp_path / "deny.cose").write_bytes(deny_bytes(8, A))
    assert loader.refresh()
    assert start(tmp_path).numbers["deny"] == 8


@pytest.mark.parametrize(
    "data", [b"", b"garbage", deny_bytes(9, A, root=STRANGER), deny_bytes(2, A), deny_bytes(3, B), trust_bytes(9)]
)
def test_a_list_that_is_not_signed_not_newer_or_of_another_kind_changes_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "deny.cose").write_bytes(deny_bytes(3, A))
    loader = start(tmp_path)
    with pytest.raises(ListError):
        loader.offer("deny", data)
    assert loader.numbers["deny"] == 3
    assert start(tmp_path).numbers["deny"] == 3


def test_a_device_without_a_denylist_in_its_configuration_takes_none(tmp_path: Path) -> None:
    start(tmp_path)
    loader = ListLoader(trust_path=tmp_path / "trust.cose", root_path=None, denylist_path=None, copies_dir=tmp_path)
    with pytest.raises(ListError):
        loader.offer("deny", deny_bytes(7, B))
    assert loader.numbers == {"trust": 1}
