"""`kiosk centre sealing-key`: new keys, shares that go together again, and fingerprints to compare."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from kiosk.cli.centre.command import centre

PASSWORD = "mot-mat-khau-dai"


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(PASSWORD, encoding="utf-8")
    return str(path)


def run(*words: str) -> Result:
    return CliRunner().invoke(centre, ["sealing-key", *words])


def fingerprint(text: str) -> str:
    return "".join(re.findall(r"[0-9a-f]{4}(?: [0-9a-f]{4}){3}", text))


def test_a_new_key_is_locked_and_its_fingerprint_is_that_of_its_public_half(tmp_path: Path, password: str) -> None:
    made = run("new", str(tmp_path / "keys"), "--password-file", password)
    assert made.exit_code == 0, made.output
    private = tmp_path / "keys/sealing.key"
    assert private.stat().st_mode & 0o077 == 0
    with pytest.raises(TypeError):
        load_pem_private_key(private.read_bytes(), None)
    key = load_pem_private_key(private.read_bytes(), PASSWORD.encode())
    assert key.public_key() == load_pem_public_key((tmp_path / "keys/centre-public.pem").read_bytes())
    shown = run("show", str(private), "--password-file", password)
    assert fingerprint(shown.output) == fingerprint(made.output) != ""


def test_two_holders_get_the_key_back(tmp_path: Path, password: str) -> None:
    made = run("new", str(tmp_path / "keys"), "--holders")
    shares = [str(tmp_path / f"keys/sealing-share-{number}.txt") for number in (3, 1)]
    out = str(tmp_path / "joined.key")
    joined = run("join", *shares, "--out", out, "--password-file", password)
    assert joined.exit_code == 0, joined.output
    assert fingerprint(joined.output) == fingerprint(made.output)
    assert run("join", *shares, "--out", out, "--password-file", password).exit_code == 1  # nothing is overwritten


@pytest.mark.parametrize("words", ["", "not a share", "academic " * 33])
def test_words_that_are_no_share_get_a_sentence(tmp_path: Path, password: str, words: str) -> None:
    run("new", str(tmp_path / "keys"), "--holders")
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(words, encoding="utf-8")
    done = run("join", str(wrong), str(tmp_path / "keys/sealing-share-1.txt"), "--password-file", password)
    assert done.exit_code == 1
    assert "these words do not give a key" in str(done.exception)


def test_a_short_password_and_an_existing_key_are_refused(tmp_path: Path, password: str) -> None:
    folder = str(tmp_path / "keys")
    (tmp_path / "short").write_text("short", encoding="utf-8")
    assert "12 characters" in str(run("new", folder, "--password-file", str(tmp_path / "short")).exception)
    assert run("new", folder, "--password-file", password).exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    done = run("new", folder, "--password-file", password)
    assert "Nothing was written" in str(done.exception)
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
