"""The issuer's commands `kiosk trust` and `kiosk deny`."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from kiosk.cli.issuing.deny import deny
from kiosk.cli.issuing.issue import issue
from kiosk.cli.issuing.trust import trust as trust_command
from kiosk.core.model import Claim, CodeKind
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.issuing import list_builder
from kiosk.credentials.issuing.key_files import KeyFileError
from kiosk.credentials.trust import denylist, trust_list
from kiosk.credentials.trust.files import ListError
from tests.fakes.data.people import NOW_AT, WORLD, moment
from tests.fakes.parts.issuing_cli import error_of, registered, run


def certificate(key: Any, *usages: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bộ Y tế (mẫu)")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW_AT - timedelta(days=1), NOW_AT + timedelta(days=700)
    )
    if usages:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in usages]), critical=False
        )
    return builder.sign(key, SHA256())


class TestTrustCommand:
    EC_KEY = ec.derive_private_key(99, ec.SECP256R1())

    def test_certificates_in_der_and_pem_and_issuer_files_go_into_one_list(self, tmp_path: Path) -> None:
        rsa_key = rsa.generate_private_key(65537, 2048)
        one = certificate(self.EC_KEY, "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.1")
        two = certificate(rsa_key)
        (tmp_path / "one.der").write_bytes(one.public_bytes(Encoding.DER))
        both = two.public_bytes(Encoding.PEM) + one.public_bytes(Encoding.PEM)
        (tmp_path / "bundle.pem").write_bytes(b"# two of them\n" + both)
        run(issue, "--key", tmp_path / "k", "--out", tmp_path / "issuer", "--label", "Phường Vỹ Dạ")
        out = tmp_path / "list.cose"
        sources = (tmp_path / "one.der", tmp_path / "bundle.pem", tmp_path / "issuer" / "issuer.json")
        assert "Trust list 1 with 3 keys" in run(trust_command, "build", *sources, "-o", out).output
        by_use = {key.uses: key for key in trust_list.load_trust_list(out)}
        assert by_use[frozenset("vt")].kind is CodeKind.HCERT
        assert by_use[frozenset("vt")].kid == one.fingerprint(SHA256())[:8]
        shown = run(trust_command, "show", out).output
        assert "signature good" in shown
        assert "t,v" in shown
        assert "Phường Vỹ Dạ" in shown
        assert '"number": 1' in run(trust_command, "show", out, "--json").output

    def test_a_certificate_may_be_plain_base64(self, tmp_path: Path) -> None:
        made = certificate(self.EC_KEY)
        (tmp_path / "c").write_bytes(base64.encodebytes(made.public_bytes(Encoding.DER)))
        (key,) = list_builder.read_trusted_keys(tmp_path / "c")
        assert key.kid == made.fingerprint(SHA256())[:8]

    def test_the_number_increases_with_each_list(self, tmp_path: Path) -> None:
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        for number in (1, 2, 3):
            assert f"list {number}" in run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l").output

    def test_a_list_signed_by_another_root_key_is_not_extended(self, tmp_path: Path) -> None:
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l")
        run(trust_command, "root", "--key", tmp_path / "elsewhere.key")
        found = error_of(
            trust_command, "build", tmp_path / "c", "-o", tmp_path / "l", "--root-key", tmp_path / "elsewhere.key"
        )
        assert isinstance(found, ListError)

    def test_a_root_key_with_a_password_cannot_be_used_without_it(self, tmp_path: Path) -> None:
        (tmp_path / "p").write_text("secret")
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        options = ("--password-file", tmp_path / "p")
        run(trust_command, "root", "--key", tmp_path / "root.key", *options)
        run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l", *options)
        assert isinstance(error_of(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l"), KeyFileError)

    @pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"{", b'{"public_key": 1}'])
    def test_a_source_file_of_another_format_is_named(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "c").write_bytes(content)
        found = error_of(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l")
        assert isinstance(found, ListError)
        assert "neither a certificate (DER or PEM) nor an issuer's public file" in str(found)

    def test_keys_with_unsupported_algorithms_are_rejected(self, tmp_path: Path) -> None:
        key = Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        signed = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW_AT, NOW_AT + timedelta(days=1)).sign(
            key, None
        )
        (tmp_path / "c").write_bytes(signed.public_bytes(Encoding.DER))
        with pytest.raises(ListError):
            list_builder.read_trusted_keys(tmp_path / "c")
        rsa_pem = (
            rsa.generate_private_key(65537, 2048)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (tmp_path / "i").write_text(json.dumps({"public_key": rsa_pem.decode()}))
        with pytest.raises(ListError):
            list_builder.read_trusted_keys(tmp_path / "i")


class TestDenyCommand:
    def test_a_pass_is_withdrawn_by_its_serial_in_the_register(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        out = tmp_path / "deny.cose"
        assert "Denylist 1 with 1 passes" in run(deny, "add", "--from", tmp_path / "register.csv", "-o", out).output
        (row,) = registered(tmp_path)
        assert row["serial"] in run(deny, "show", out).output
        assert denylist.load_denylist(out).entries == {bytes.fromhex(row["serial"])}

    def test_withdrawals_accumulate_until_the_list_is_replaced(self, tmp_path: Path) -> None:
        out = tmp_path / "deny.cose"
        run(deny, "add", "00" * 10, "11" * 10, "-o", out)
        run(deny, "add", "22" * 10, "--uvci", "URN:UVCI:01:VN:1", "-o", out)
        assert len(denylist.load_denylist(out).entries) == 4
        run(deny, "add", "33" * 10, "--replace", "-o", out)
        found = denylist.load_denylist(out)
        assert (found.number, found.entries) == (3, frozenset({b"\x33" * 10}))

    @pytest.mark.parametrize("serial", ["xyz", "00", "00" * 11])
    def test_an_invalid_serial_is_rejected(self, tmp_path: Path, serial: str) -> None:
        result = CliRunner().invoke(deny, ["add", serial, "-o", str(tmp_path / "d")])
        assert result.exit_code == 2
        assert "is not a serial of 20 hex digits" in result.output

    def test_a_withdrawn_hcert_is_refused(self, tmp_path: Path) -> None:
        subject = WORLD["hcert"].subject
        assert subject is not None
        run(deny, "add", "--uvci", subject.identifiers[0].value, "-o", tmp_path / "d")
        verifier = CredentialVerifier(
            trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem), denylist.load_denylist(tmp_path / "d")
        )
        assert verifier.verify(WORLD["hcert"].data, moment()).kind is CodeKind.HCERT
        assert not isinstance(verifier.verify(WORLD["hcert"].data, moment()), Claim)
        assert isinstance(verifier.verify(WORLD["revoked"].data, moment()), Claim)
