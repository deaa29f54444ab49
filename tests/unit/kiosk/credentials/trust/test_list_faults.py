"""Wrong list files: a bad optional list never closes the gate, and no list in force is lost or replaced by an older one."""

from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.core.model import Claim, Outcome, Reason, VisitHistory
from kiosk.core.rules import AccessPolicy, decide_access
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import cose, entry_pass
from kiosk.credentials.trust import denylist, signed_list, trust_list
from kiosk.credentials.trust.denylist import EMPTY_DENYLIST
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_loader import COPY_RETRY_S, ListLoader
from kiosk.system import atomic_files
from tests.examples import examples
from tests.fakes.data.people import WORLD, moment
from tests.unit.kiosk.credentials.trust.test_signed_lists import ROOT, STRANGER, deny_bytes, trust_bytes

A, B, C = b"a" * 10, b"b" * 10, b"c" * 10
Start = Callable[[], ListLoader]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    (tmp_path / "root.pem").write_bytes(WORLD.root_pem)
    (tmp_path / "trust.cose").write_bytes(trust_bytes(1))
    return tmp_path


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def start(folder: Path, clock: list[float]) -> Start:
    """Starts as the daemon does."""
    return lambda: ListLoader(
        trust_path=folder / "trust.cose",
        root_path=None,
        denylist_path=folder / "deny.cose",
        copies_dir=folder / "kept",
        monotonic_s=lambda: clock[0],
    )


def put(path: Path, data: bytes) -> None:
    atomic_files.write_file(path, data)


BAD_FILES = {
    "empty": b"",
    "garbage": b"not a list",
    "of another root": deny_bytes(9, A, root=STRANGER),
    "cut off": deny_bytes(9, A)[:-1],
    "a trust list": trust_bytes(9),
    "a picture": b"\x89PNG" + bytes(2000),
}


@pytest.mark.parametrize("data", [None, *BAD_FILES.values()], ids=["missing", *BAD_FILES])
def test_a_denylist_that_cannot_be_used_counts_as_absent_and_is_reported(
    folder: Path, start: Start, data: bytes | None
) -> None:
    if data is not None:
        put(folder / "deny.cose", data)
    loader = start()
    assert loader.trust_list.number == 1
    assert loader.denylist is EMPTY_DENYLIST
    assert loader.problems["denylist"].reason == "unusable"
    put(folder / "deny.cose", deny_bytes(1, A))
    assert loader.refresh()
    assert loader.denylist is not None
    assert loader.denylist.entries == {A}
    assert loader.problems == {}


@pytest.mark.parametrize("data", [None, *BAD_FILES.values()], ids=["missing", *BAD_FILES])
def test_a_good_denylist_stays_in_force_when_its_file_becomes_bad_also_after_a_restart(
    folder: Path, start: Start, data: bytes | None
) -> None:
    put(folder / "deny.cose", deny_bytes(4, A))
    loader = start()
    if data is None:
        (folder / "deny.cose").unlink()
    else:
        put(folder / "deny.cose", data)
    for each in (loader, start()):
        assert not each.refresh()
        assert each.denylist is not None
        assert each.denylist.number == 4
        assert each.problems["denylist"].reason == "previous"


@pytest.mark.parametrize(("on_stale_lists", "outcome"), [("allow", Outcome.PASS), ("deny", Outcome.FAIL)])
def test_without_a_usable_denylist_the_policy_for_stale_lists_decides(
    start: Start, on_stale_lists: str, outcome: Outcome
) -> None:
    verifier = CredentialVerifier(trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem), start().denylist)
    data = next(sample.data for sample in WORLD.samples if sample.data.startswith(entry_pass.PREFIX))
    claim = verifier.verify(data, moment())
    assert isinstance(claim, Claim)
    policy = AccessPolicy(lists_max_age_s=86400.0, on_stale_lists=on_stale_lists)  # type: ignore[arg-type]  # of its two words
    decision = decide_access(claim, VisitHistory(), policy, 0, moment())
    assert decision.outcome is outcome
    assert (decision.reason is Reason.LISTS_STALE) is (outcome is Outcome.FAIL)


class TestOneNumberWithTwoContents:
    @pytest.mark.parametrize("other", [(B, C), (), (A, B)], ids=["others", "empty", "more"])
    def test_the_first_list_stays_in_force_and_the_second_is_reported_also_after_a_restart(
        self, folder: Path, start: Start, other: tuple[bytes, ...]
    ) -> None:
        put(folder / "deny.cose", deny_bytes(5, A))
        loader = start()
        put(folder / "deny.cose", deny_bytes(5, *other))
        for each in (loader, start(), start()):
            assert not each.refresh()
            assert each.denylist is not None
            assert each.denylist.entries == {A}
            assert "with other content" in each.problems["denylist"].detail
        put(folder / "deny.cose", deny_bytes(6, A, *other))
        assert loader.refresh()
        assert loader.problems == {}

    def test_it_holds_for_the_trust_list_as_well(self, folder: Path, start: Start) -> None:
        put(folder / "trust.cose", trust_bytes(7, keys=2))
        loader = start()
        put(folder / "trust.cose", trust_bytes(7, keys=1))
        for each in (loader, start()):
            each.refresh()
            assert len(list(each.trust_list)) == 2
            assert each.problems["trust"].reason == "previous"


def test_a_list_that_could_not_be_copied_is_copied_later_and_survives_a_restart(
    folder: Path, start: Start, clock: list[float]
) -> None:
    loader = start()
    kept = folder / "kept"
    kept.rename(folder / "away")  # no copy can be written, as on a full disk
    put(folder / "deny.cose", deny_bytes(2, A))
    assert loader.refresh()
    assert loader.problems["denylist"].reason == "not-copied"
    (folder / "away").rename(kept)
    loader.refresh()
    assert loader.problems["denylist"].reason == "not-copied", "it is not tried at every look: a full disk would wear"
    clock[0] += COPY_RETRY_S
    loader.refresh()
    assert "denylist" not in loader.problems
    put(folder / "deny.cose", deny_bytes(1))  # an old stick
    again = start()
    assert again.denylist is not None
    assert again.denylist.number == 2
    assert again.denylist.entries == {A}


def test_a_copy_is_also_written_later_if_the_file_has_become_bad_meanwhile(
    folder: Path, start: Start, clock: list[float]
) -> None:
    put(folder / "deny.cose", deny_bytes(2, A))
    (folder / "kept").rename(folder / "away")
    loader = start()
    (folder / "away").rename(folder / "kept")
    put(folder / "deny.cose", b"bad")
    clock[0] += COPY_RETRY_S
    loader.refresh()
    assert start().denylist == loader.denylist
    assert start().denylist is not EMPTY_DENYLIST


@settings(max_examples=examples(60))
@given(data=st.binary(max_size=300))
def test_no_bytes_make_a_list_raise_anything_but_its_own_error(data: bytes) -> None:
    for parse in (trust_list.parse_trust_list, denylist.parse_denylist):
        with pytest.raises(ListError):
            parse(data, WORLD.root_pem)
        with pytest.raises(ListError):
            parse(trust_bytes(1), data)


@settings(max_examples=examples(60))
@given(position=st.integers(0, 10_000), value=st.integers(1, 255))
def test_no_changed_byte_makes_a_list_raise_anything_but_its_own_error(position: int, value: int) -> None:
    for data, parse in ((trust_bytes(3), trust_list.parse_trust_list), (deny_bytes(3, A), denylist.parse_denylist)):
        changed = bytearray(data)
        changed[position % len(data)] ^= value
        with pytest.raises(ListError):
            parse(bytes(changed), WORLD.root_pem)


CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 6), inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=examples(60))
@given(kind=st.sampled_from(["trust", "deny"]), number=CONTENTS, at=CONTENTS, count=CONTENTS, entries=CONTENTS)
def test_no_signed_content_makes_a_list_raise_anything_but_its_own_error(
    kind: str, number: object, at: object, count: object, entries: object
) -> None:
    payload = cbor2.dumps({1: kind, 2: number, 3: at, 4: count, 5: entries}, canonical=True)
    sealed = cose.make_sign1(ROOT, b"", payload, signed_list._AAD)
    parse = trust_list.parse_trust_list if kind == "trust" else denylist.parse_denylist
    try:
        found = parse(sealed, WORLD.root_pem)
    except ListError:
        return
    assert isinstance(found.number, int)
