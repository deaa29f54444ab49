"""Key files: written and read back unchanged, opened with their password only, never overwritten."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kiosk.cli.issuing.issue import issue
from kiosk.credentials.issuing import key_files, make_issuer_key
from kiosk.credentials.issuing.key_files import KeyFileError
from tests.fakes.data.people import NOW_AT, WORLD
from tests.fakes.parts.issuing_cli import run

KEY = make_issuer_key(
    NOW_AT, NOW_AT + timedelta(days=9), status_classes=frozenset({1, 2}), label="Phường Vỹ Dạ", seed=b"i" * 32
)


@pytest.mark.parametrize("password", [None, b"m\xe1\xba\xadt kh\xe1\xba\xa9u"])
def test_a_key_is_read_back_unchanged(tmp_path: Path, password: bytes | None) -> None:
    key_files.write_issuer_key(KEY, tmp_path / "k", password)
    found = key_files.read_issuer_key(tmp_path / "k", password)
    assert found.kid == KEY.kid
    assert (found.not_before_at, found.not_after_at, found.status_classes, found.label) == (
        KEY.not_before_at,
        KEY.not_after_at,
        KEY.status_classes,
        KEY.label,
    )
    assert (b"ENCRYPTED" in (tmp_path / "k").read_bytes()) is (password is not None)


def test_an_encrypted_key_opens_only_with_its_password(tmp_path: Path) -> None:
    key_files.write_issuer_key(KEY, tmp_path / "locked", b"right")
    key_files.write_issuer_key(KEY, tmp_path / "open", None)
    with pytest.raises(KeyFileError, match=r"has a password\. Give --password-file"):
        key_files.read_issuer_key(tmp_path / "locked", None)
    with pytest.raises(KeyFileError, match="wrong password"):
        key_files.read_issuer_key(tmp_path / "locked", b"wrong")
    with pytest.raises(KeyFileError, match="Omit --password-file"):
        key_files.read_issuer_key(tmp_path / "open", b"right")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    key_files.write_root_key(WORLD.root_key, tmp_path / "k", None)
    with pytest.raises(KeyFileError, match="never overwritten"):
        key_files.write_root_key(WORLD.root_key, tmp_path / "k", None)
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        key_files.write_root_key(WORLD.root_key, tmp_path / "no" / "k", None)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"private_key": 1}', b'{"private_key": "x"}'])
def test_another_file_is_refused_as_issuer_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(KeyFileError):
        key_files.read_issuer_key(tmp_path / "k", None)


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "k").write_bytes(pem)
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        key_files.read_root_key(tmp_path / "k", None)
    with pytest.raises(KeyFileError, match="cannot be read"):
        key_files.read_root_key(tmp_path / "absent", None)


def test_a_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"secret\r\nsecond line")
    assert key_files.read_password(tmp_path / "p") == b"secret"
    (tmp_path / "p").write_bytes(b"\nsecond line")
    with pytest.raises(KeyFileError, match="no password in its first line"):
        key_files.read_password(tmp_path / "p")


def test_issuing_with_a_password_encrypts_key_and_root(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("secret\n")
    result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--password-file", tmp_path / "p")
    assert "locked with the password" in result.output
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    assert b"ENCRYPTED" in (tmp_path / "root.key").read_bytes()
