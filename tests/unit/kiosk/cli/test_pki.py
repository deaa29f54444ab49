"""`kiosk pki` ends in one sentence, and a key and its certificate are written together or not at all."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.cli.pki import pki
from tests.fakes.parts.full_disk import disk_that_takes

COMMANDS = ("broker localhost", "centre", "device dong-ba gate-1")


def run(folder: Path, line: str) -> Result:
    command, *rest = line.split()
    return CliRunner().invoke(pki, [command, "--folder", str(folder), *rest])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size", [0, 1, 200, 300, 500])
def test_a_full_disk_leaves_no_half_authority(tmp_path: Path, size: int) -> None:
    with disk_that_takes(size):
        done = run(tmp_path, "init")
    assert done.exit_code == 1
    assert "cannot be written" in done.output
    assert done.output.count("\n") == 1
    assert contents(tmp_path) == {}
    assert run(tmp_path, "init").exit_code == 0


@pytest.mark.parametrize("size", [0, 100, 300])
@pytest.mark.parametrize("line", COMMANDS)
def test_a_full_disk_leaves_the_old_certificate_and_its_key(tmp_path: Path, line: str, size: int) -> None:
    assert run(tmp_path, "init").exit_code == 0
    assert run(tmp_path, line).exit_code == 0
    before = contents(tmp_path)
    with disk_that_takes(size):
        done = run(tmp_path, line)
    assert done.exit_code == 1
    assert "cannot be written" in done.output
    assert contents(tmp_path) == before


def test_a_revocation_that_cannot_be_written_leaves_the_old_list(tmp_path: Path) -> None:
    for line in ("init", "centre"):
        run(tmp_path, line)
    before = contents(tmp_path)
    with disk_that_takes(50):
        done = CliRunner().invoke(pki, ["revoke", str(tmp_path / "centre.pem"), "--folder", str(tmp_path)])
    assert (done.exit_code, contents(tmp_path)) == (1, before)


def test_a_renewed_certificate_has_its_own_key_and_no_other_user_can_read_it(tmp_path: Path) -> None:
    for line in ("init", "centre", "centre"):
        assert run(tmp_path, line).exit_code == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "centre.pem").read_bytes())
    key = load_pem_private_key((tmp_path / "centre.key").read_bytes(), None)
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_after_utc > datetime.now(UTC)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


@pytest.mark.parametrize("line", ["broker chợ.example", "device Đông gate-1", "centre"])
def test_a_wrong_name_or_a_damaged_file_ends_in_one_sentence(tmp_path: Path, line: str) -> None:
    run(tmp_path, "init")
    if line == "centre":
        (tmp_path / "crl.pem").write_bytes(b"nothing")
    done = run(tmp_path, line)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert done.output.startswith("Error: ")


def test_a_damaged_certificate_in_the_folder_ends_in_one_sentence(tmp_path: Path) -> None:
    run(tmp_path, "init")
    (tmp_path / "other.pem").write_bytes(b"nothing")
    done = run(tmp_path, "list")
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 1
