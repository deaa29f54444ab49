"""The key of an authority with a password: opened with a file, refused without, and unlocked for a service."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.cli.centre.setup.keys import make_keys
from kiosk.cli.centre.setup.places import SetupPlaces, offline_files, server_files
from kiosk.cli.pki import pki
from mqtt.broker.certificates import CertificateAuthority
from mqtt.broker.key_password import locked_pem

PASSWORD = "mot-mat-khau-dai"
LOCKED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An authority whose key is locked, beside a file with its password and one with another."""
    made = CertificateAuthority.create(tmp_path / "pki", "test", datetime.now(UTC)).folder
    (made / "ca.key").write_bytes(locked_pem((made / "ca.key").read_bytes(), PASSWORD.encode()))
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (tmp_path / "wrong").write_text("another-password\n", encoding="utf-8")
    return made


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(pki, [*words, "--folder", str(folder)])


COMMANDS = [
    ("device", "dong-ba", "gate-1"),
    ("broker", "hue.example"),
    ("web", "hue.example"),
    ("centre",),
    ("list",),
    ("rabbitmq",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_each_command_opens_a_locked_key_with_its_password_alone(folder: Path, words: tuple[str, ...]) -> None:
    before = sorted(folder.iterdir())
    refused = run(folder, *words)
    assert refused.exit_code == 1
    assert "ca.key has a password. Give --password-file" in refused.output
    wrong = run(folder, *words, "--password-file", str(folder.parent / "wrong"))
    assert wrong.exit_code == 1
    assert "wrong password, or damaged" in wrong.output
    assert sorted(folder.iterdir()) == before, "nothing was made"
    done = run(folder, *words, "--password-file", str(folder.parent / "password"))
    assert done.exit_code == 0, done.output
    assert (folder / "ca.key").read_bytes().startswith(LOCKED), "it stays locked"


def test_a_locked_authority_revokes_with_its_password(folder: Path) -> None:
    password = ("--password-file", str(folder.parent / "password"))
    run(folder, "device", "dong-ba", "gate-1", *password)
    done = run(folder, "revoke", str(folder / "dong-ba.gate-1.pem"), *password)
    assert done.exit_code == 0, done.output
    assert "revoked" in run(folder, "list", *password).output


def test_a_password_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    made = CertificateAuthority.create(tmp_path / "pki", "test", datetime.now(UTC)).folder
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    done = run(made, "device", "dong-ba", "gate-1", "--password-file", str(tmp_path / "password"))
    assert done.exit_code == 0, done.output


def unlock(folder: Path, target: Path, file_name: str = "password") -> Result:
    words = ["unlock", str(folder / "ca.key"), str(target), "--password-file", str(folder.parent / file_name)]
    return CliRunner().invoke(pki, words)


def test_the_unlocked_key_of_a_service_is_for_its_owner_alone(folder: Path, tmp_path: Path) -> None:
    server = tmp_path / "server"
    server.mkdir()
    done = unlock(folder, server / "ca.key")
    assert done.exit_code == 0, done.output
    assert (server / "ca.key").stat().st_mode & 0o777 == 0o600
    for name in ("ca.pem", "crl.pem"):
        (server / name).write_bytes((folder / name).read_bytes())
    assert CertificateAuthority(server).certificate == CertificateAuthority(folder, PASSWORD.encode()).certificate


def test_unlock_replaces_nothing_and_writes_nothing_with_a_wrong_password(folder: Path, tmp_path: Path) -> None:
    assert unlock(folder, tmp_path / "ca.key", "wrong").exit_code == 1
    assert not (tmp_path / "ca.key").exists()
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    assert "never overwritten" in unlock(folder, tmp_path / "there").output
    assert (tmp_path / "there").read_text(encoding="utf-8") == "mine"


def test_no_private_key_lies_open_on_the_stick_of_a_new_centre(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    answers = SetupAnswers("Phường Vỹ Dạ", ("hue.example",), "sqlite", "Lê Văn Tám", tmp_path / "keys", PASSWORD)
    made = make_keys(answers, scratch, datetime.now(UTC)).files
    places = SetupPlaces(tmp_path, tmp_path / "keys")
    on_stick = {file.path.name: file.content for file in offline_files(places, made)}
    assert on_stick["ca.key"].startswith(LOCKED)
    assert not [
        name for name, content in on_stick.items() if b"BEGIN PRIVATE KEY" in content or b"BEGIN EC PRIVATE" in content
    ]
    on_server = {file.path.name: file.content for file in server_files(places, made, "", is_authority_offline=False)}
    assert on_server["ca.key"] == made["ca.key"], "the enrolment service starts without a person"
