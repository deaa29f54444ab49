"""Keys that commands write are readable by their owner only, whatever the umask. Weak keys enter no trust list."""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk.cli.issuing.issue import issue
from kiosk.cli.issuing.trust import trust
from kiosk.cli.pki import pki
from kiosk.installer import gate_files
from kiosk.installer.layout import InstallLayout
from tests.fakes.data.people import NOW_AT
from tests.fakes.parts.issuing_cli import error_of, run

PRIVATE_MARKS = (b"PRIVATE KEY", b"private_key")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """New files are readable and writable by all, unless their writer says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes_of_private_files(folder: Path) -> dict[str, int]:
    return {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix == ".key" or any(mark in path.read_bytes() for mark in PRIVATE_MARKS))
    }


@pytest.mark.usefixtures("open_umask")
def test_every_command_writes_its_private_keys_for_the_owner_only(tmp_path: Path) -> None:
    run(issue, "--key", tmp_path / "issuer-key.json", "--out", tmp_path / "out")
    run(trust, "root", "--key", tmp_path / "root.key")
    authority = ("--folder", tmp_path / "pki")
    run(pki, "init", *authority)
    run(pki, "broker", "localhost", *authority)
    run(pki, "centre", *authority)
    run(pki, "device", "cho", "gate-1", *authority)
    found = modes_of_private_files(tmp_path)
    assert len(found) >= 6
    assert set(found.values()) == {0o600}, found


@pytest.mark.usefixtures("open_umask")
def test_the_installer_writes_the_pseudonym_key_for_root_only(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    gate_files.make_pseudonym_key(layout)
    assert set(modes_of_private_files(tmp_path).values()) == {0o400}


def _certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    until_at = NOW_AT + timedelta(days=700)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW_AT, until_at)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("bits", [1024, 1536, 2047])
def test_an_rsa_key_below_2048_bits_enters_no_trust_list(tmp_path: Path, bits: int) -> None:
    (tmp_path / "weak.pem").write_bytes(_certificate(rsa.generate_private_key(65537, bits)))
    (tmp_path / "good.pem").write_bytes(_certificate(ec.derive_private_key(9, ec.SECP256R1())))
    message = str(error_of(trust, "build", tmp_path / "good.pem", tmp_path / "weak.pem", "-o", tmp_path / "list.cose"))
    assert "weak.pem has an RSA key of" in message
    assert f"{bits} bits" in message
    assert not (tmp_path / "list.cose").exists()


def test_an_rsa_key_of_2048_bits_enters_a_trust_list(tmp_path: Path) -> None:
    (tmp_path / "good.pem").write_bytes(_certificate(rsa.generate_private_key(65537, 2048)))
    assert "with 1 keys" in run(trust, "build", tmp_path / "good.pem", "-o", tmp_path / "list.cose").output
