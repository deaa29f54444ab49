"""Trust list and denylist: accepted only if signed by the root key, complete, and not older than before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core.model import CodeKind
from kiosk.credentials.formats import cose
from kiosk.credentials.issuing import make_issuer_key
from kiosk.credentials.trust import denylist, files, signed_list, trust_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.credentials.trust.signed_list import SignedList
from kiosk.credentials.trust.trust_list import TrustedKey
from kiosk.system import atomic_files
from tests.fakes.data.people import NOW_AT, WORLD, write_world

ROOT = WORLD.root_key
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


def trust_bytes(number: int, *, keys: int = 1, root: Ed25519PrivateKey = ROOT) -> bytes:
    made = [
        make_issuer_key(NOW_AT, NOW_AT + timedelta(days=1), seed=bytes([each]) * 32).trusted_key()
        for each in range(1, keys + 1)
    ]
    return trust_list.sign_trust_list(root, trust_list.make_trust_list(made, number=number, issued_at=NOW_AT))


def deny_bytes(number: int, *entries: bytes, root: Ed25519PrivateKey = ROOT) -> bytes:
    return denylist.sign_denylist(root, denylist.make_denylist(entries, number=number, issued_at=NOW_AT))


def test_a_trust_list_round_trip() -> None:
    keys = [
        make_issuer_key(
            NOW_AT, NOW_AT + timedelta(days=9), status_classes=frozenset({1, 4}), label="Phường Vỹ Dạ"
        ).trusted_key(),
        TrustedKey(
            b"12345678",
            CodeKind.HCERT,
            ec.derive_private_key(5, ec.SECP256R1()).public_key(),
            NOW_AT,
            NOW_AT + timedelta(days=5),
            frozenset({"v", "t"}),
        ),
        TrustedKey(b"12345678", CodeKind.HCERT, rsa.generate_private_key(65537, 2048).public_key(), NOW_AT, NOW_AT),
    ]
    found = trust_list.parse_trust_list(
        trust_list.sign_trust_list(ROOT, trust_list.make_trust_list(keys, number=12, issued_at=NOW_AT)), WORLD.root_pem
    )
    assert (found.number, found.issued_at) == (12, NOW_AT)

    def plain(key: TrustedKey) -> tuple[Any, ...]:
        return (
            key.kid,
            key.kind,
            trust_list.public_key_der(key.public_key),
            key.not_before_at,
            key.not_after_at,
            key.uses,
            key.label,
        )

    assert [plain(key) for key in found] == [plain(key) for key in keys]
    assert [plain(key) for key in found.find_keys(CodeKind.HCERT, b"12345678")] == [plain(key) for key in keys[1:]]
    assert found.find_keys(CodeKind.ENTRY_PASS, b"12345678") == ()


def test_a_denylist_round_trip() -> None:
    entries = {bytes([each]) * 10 for each in range(50)} | {denylist.hcert_denylist_entry("URN:UVCI:01:VN:1")}
    found = denylist.parse_denylist(deny_bytes(3, *entries), WORLD.root_pem)
    assert (found.number, found.issued_at, found.entries) == (3, NOW_AT, frozenset(entries))


def test_an_entry_of_another_length_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        denylist.make_denylist([b"short"], number=1, issued_at=NOW_AT)


@pytest.mark.parametrize(
    ("parse", "good"),
    [(trust_list.parse_trust_list, trust_bytes(1)), (denylist.parse_denylist, deny_bytes(1, b"0123456789"))],
    ids=["trust list", "denylist"],
)
class TestWhatIsNotBelieved:
    def test_a_list_signed_by_another_root_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        pem = STRANGER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(ListError, match="not signed by this device's root key"):
            parse(good, pem)

    def test_a_list_with_any_changed_bit_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        for place in range(len(good)):
            changed = bytearray(good)
            changed[place] ^= 1 << (place % 8)
            with pytest.raises(ListError):
                parse(bytes(changed), WORLD.root_pem)

    def test_a_truncated_list_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        for length in range(len(good)):
            with pytest.raises(ListError, match="damaged"):
                parse(good[:length], WORLD.root_pem)

    def test_a_list_that_is_too_large_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        with pytest.raises(ListError, match="larger than"):
            parse(good + bytes(files.MAX_LIST_BYTES), WORLD.root_pem)

    def test_the_other_kind_of_list_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        other = deny_bytes(1) if parse is trust_list.parse_trust_list else trust_bytes(1)
        with pytest.raises(ListError, match="Swap the files"):
            parse(other, WORLD.root_pem)

    def test_a_signed_list_in_an_unknown_form_is_refused(
        self, parse: Callable[[bytes, bytes], Any], good: bytes
    ) -> None:
        for payload in (
            b"",
            b"\x01",
            cbor2.dumps({1: "trust"}),
            cbor2.dumps({1: "trust", 2: 1, 3: 2**63, 4: 0, 5: []}),
        ):
            with pytest.raises(ListError, match="does not support"):
                parse(cose.make_sign1(ROOT, b"", payload, b"entrance-kiosk list 1"), WORLD.root_pem)

    def test_a_key_that_is_not_a_root_key_is_refused(self, parse: Callable[[bytes, bytes], Any], good: bytes) -> None:
        with pytest.raises(ListError, match="not a PEM public key"):
            parse(good, b"not a key")
        pem = (
            x25519.X25519PrivateKey.generate()
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        with pytest.raises(ListError, match="not an Ed25519 key"):
            parse(good, pem)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_list_that_was_truncated_before_signing_is_refused_by_its_count(change: int) -> None:
    entries = cbor2.loads(cose.parse_sign1(trust_bytes(1, keys=2)).payload)[5]
    cut = signed_list.sign_list(ROOT, SignedList("trust", 1, NOW_AT, len(entries) + change, entries))
    with pytest.raises(ListError, match=f"announces {2 + change} keys but has 2"):
        trust_list.parse_trust_list(cut, WORLD.root_pem)
    blob = signed_list.sign_list(ROOT, SignedList("deny", 1, NOW_AT, 2 + change, b"0123456789abcdefghij"))
    with pytest.raises(ListError, match="does not match its count"):
        denylist.parse_denylist(blob, WORLD.root_pem)


def test_a_denylist_with_a_wrong_length_or_duplicates_is_refused() -> None:
    with pytest.raises(ListError, match="does not match"):
        denylist.parse_denylist(signed_list.sign_list(ROOT, SignedList("deny", 1, NOW_AT, 0, [])), WORLD.root_pem)
    with pytest.raises(ListError, match="duplicate"):
        denylist.parse_denylist(
            signed_list.sign_list(ROOT, SignedList("deny", 1, NOW_AT, 2, b"0123456789" * 2)), WORLD.root_pem
        )


def _x25519_der() -> bytes:
    return x25519.X25519PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        1,
        [b"kid1", "pass", b"no key", 0, 1, [], ""],
        [b"kid1", "ticket", trust_list.public_key_der(ROOT.public_key()), 0, 1, [], ""],
        [b"kid1", "pass", _x25519_der(), 0, 1, [], ""],
        [b"kid1", "pass", trust_list.public_key_der(ROOT.public_key()), 0, 2**70, [], ""],
        [b"kid1", "pass", trust_list.public_key_der(ROOT.public_key()), "now", 1, [], ""],
    ],
)
def test_a_key_that_cannot_be_read_is_an_error(entry: Any) -> None:
    sealed = signed_list.sign_list(ROOT, SignedList("trust", 1, NOW_AT, 1, [entry]))
    with pytest.raises(ListError, match="cannot read"):
        trust_list.parse_trust_list(sealed, WORLD.root_pem)


def test_lists_are_loaded_from_files_with_the_root_key_beside_them(tmp_path: Path) -> None:
    path = write_world(tmp_path)
    assert trust_list.load_trust_list(path).number == 1
    assert denylist.load_denylist(tmp_path / "denylist.cose").number == 1
    (tmp_path / "root.pem").rename(tmp_path / "other.pem")
    with pytest.raises(ListError, match=r"root\.pem cannot be read: No such file"):
        trust_list.load_trust_list(path)
    assert trust_list.load_trust_list(path, tmp_path / "other.pem").number == 1
    assert denylist.load_denylist(tmp_path / "denylist.cose", tmp_path / "other.pem").number == 1


class TestListLoader:
    """`put` writes a file as an administrator does. `start_loader` starts as the daemon does."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "kept").mkdir()
        (tmp_path / "root.pem").write_bytes(WORLD.root_pem)
        return tmp_path

    def put(self, folder: Path, trusted: bytes | None = None, denied: bytes | None = None) -> None:
        for name, data in (("trust.cose", trusted), ("deny.cose", denied)):
            if data is not None:
                atomic_files.write_file(folder / name, data)

    def start_loader(self, folder: Path, *, denies: bool = True) -> ListLoader:
        return ListLoader(
            trust_path=folder / "trust.cose",
            root_path=None,
            denylist_path=folder / "deny.cose" if denies else None,
            copies_dir=folder / "kept",
        )

    def test_newer_lists_come_into_force_while_it_runs(self, folder: Path) -> None:
        self.put(folder, trust_bytes(1), deny_bytes(1))
        loader = self.start_loader(folder)
        assert (loader.trust_list.number, loader.denylist and loader.denylist.number) == (1, 1)
        assert not loader.refresh()
        self.put(folder, trust_bytes(2))
        assert loader.refresh()
        self.put(folder, None, deny_bytes(5))
        assert loader.refresh()
        assert (loader.trust_list.number, loader.denylist and loader.denylist.number) == (2, 5)
        assert loader.errors == ()

    def test_without_a_configured_denylist_there_is_none(self, folder: Path) -> None:
        self.put(folder, trust_bytes(1))
        loader = self.start_loader(folder, denies=False)
        assert loader.denylist is None
        assert not loader.refresh()

    @pytest.mark.parametrize(
        ("bad", "sentence"),
        [
            (trust_bytes(1), "An older list is not accepted"),
            (trust_bytes(9, root=STRANGER), "not signed by this device's root key"),
            (trust_bytes(9)[:-1], "damaged"),
            (b"", "damaged"),
        ],
        ids=["rolled back", "forged", "truncated", "empty"],
    )
    def test_an_invalid_list_leaves_the_good_one_in_force(self, folder: Path, bad: bytes, sentence: str) -> None:
        self.put(folder, trust_bytes(3, keys=2))
        loader = self.start_loader(folder, denies=False)
        self.put(folder, bad)
        assert not loader.refresh()
        assert loader.trust_list.number == 3
        assert len(loader.errors) == 1
        assert sentence in loader.errors[0]
        again = self.start_loader(folder, denies=False)  # and after a restart, from the copy
        assert again.trust_list.number == 3
        assert sentence in again.errors[0]
        self.put(folder, trust_bytes(4))
        assert again.refresh()
        assert again.errors == ()

    def test_a_missing_list_leaves_the_good_one_in_force(self, folder: Path) -> None:
        self.put(folder, trust_bytes(3))
        loader = self.start_loader(folder, denies=False)
        (folder / "trust.cose").unlink()
        assert not loader.refresh()
        assert loader.trust_list.number == 3
        assert "cannot be read" in loader.errors[0]

    def test_a_damaged_copy_does_not_matter_while_the_file_is_good(self, folder: Path) -> None:
        self.put(folder, trust_bytes(3))
        self.start_loader(folder, denies=False)
        (folder / "kept" / "trust-list.kept").write_bytes(b"rust")
        assert self.start_loader(folder, denies=False).trust_list.number == 3

    def test_no_good_trust_list_at_all_is_an_error(self, folder: Path) -> None:
        with pytest.raises(ListError, match="cannot be read"):
            self.start_loader(folder)
        self.put(folder, b"not a list", deny_bytes(1))
        with pytest.raises(ListError, match="trust list is damaged"):
            self.start_loader(folder)

    def test_a_copy_that_cannot_be_saved_is_reported_and_the_list_is_used(self, folder: Path) -> None:
        (folder / "kept").rmdir()
        self.put(folder, trust_bytes(2))
        loader = self.start_loader(folder, denies=False)
        assert loader.trust_list.number == 2
        assert "The list could not be copied" in loader.errors[0]

    def test_the_same_list_again_is_not_newer(self, folder: Path) -> None:
        self.put(folder, trust_bytes(2))
        loader = self.start_loader(folder, denies=False)
        self.put(folder, trust_bytes(2))
        assert not loader.refresh()
        assert loader.errors == ()


def test_a_hundred_thousand_denied_passes_take_at_most_1_2_megabytes() -> None:
    entries = [number.to_bytes(10, "big") for number in range(100_000)]
    sealed = deny_bytes(1, *entries)
    assert len(sealed) <= 1_200_000
    found = denylist.parse_denylist(sealed, WORLD.root_pem)
    assert len(found.entries) == 100_000
    assert entries[5] in found.entries


def test_a_list_has_its_own_date(tmp_path: Path) -> None:
    early = trust_list.sign_trust_list(
        ROOT, trust_list.make_trust_list([], number=1, issued_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    )
    assert trust_list.parse_trust_list(early, WORLD.root_pem).issued_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert isinstance(ROOT.public_key(), ed25519.Ed25519PublicKey)
