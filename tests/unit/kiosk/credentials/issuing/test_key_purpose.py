"""`kiosk trust build` takes no key that was made for another purpose only."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.credentials.issuing import key_files, list_builder
from kiosk.credentials.trust.files import ListError
from tests.fakes.data.people import NOW_AT

KEY = ec.derive_private_key(99, ec.SECP256R1())
ROOT = Ed25519PrivateKey.from_private_bytes(bytes(32))
HCERT = "1.3.6.1.4.1.1847.2021.1.2"
FLAGS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def certificate(*extensions: x509.ExtensionType) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOW_AT, NOW_AT + timedelta(days=700))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


def usage(*flags: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{flag: flag in flags for flag in FLAGS})


def purposes(*oids: str | x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(one) if isinstance(one, str) else one for one in oids])


def build(folder: Path, *contents: bytes) -> int:
    sources = []
    for number, content in enumerate(contents):
        sources.append(folder / f"source-{number}")
        sources[-1].write_bytes(content)
    return len(list(list_builder.build_trust_list(sources, folder / "trust.cose", ROOT, NOW_AT)))


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [usage("digital_signature")],
        [usage("content_commitment")],
        [usage("digital_signature", "key_cert_sign")],
        [purposes(HCERT)],
        [purposes("1.3.6.1.4.1.0.1847.2021.1.3")],
        [purposes(ExtendedKeyUsageOID.CLIENT_AUTH, HCERT)],
        [purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)],
        [usage("digital_signature"), purposes(HCERT), x509.BasicConstraints(ca=False, path_length=None)],
    ],
)
def test_a_key_that_may_sign_health_certificates_is_taken(tmp_path: Path, extensions: list[x509.ExtensionType]) -> None:
    assert build(tmp_path, certificate(*extensions)) == 1


@pytest.mark.parametrize(
    ("extensions", "named"),
    [
        ([usage("key_cert_sign", "crl_sign")], "signing certificates"),
        ([usage("key_encipherment")], "encryption"),
        ([usage("key_agreement")], "encryption"),
        ([usage("crl_sign")], "another use than signatures"),
        ([purposes(ExtendedKeyUsageOID.SERVER_AUTH)], "TLS servers"),
        ([purposes(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)], "TLS servers, TLS clients"),
        ([purposes(ExtendedKeyUsageOID.CODE_SIGNING)], "software"),
        ([purposes(ExtendedKeyUsageOID.OCSP_SIGNING)], "OCSP"),
        ([purposes("1.2.3.4")], "1.2.3.4"),
        ([purposes("1.3.6.1.4.1.1847.2022.1.1")], "1.3.6.1.4.1.1847.2022.1.1"),
        ([usage("digital_signature"), purposes(ExtendedKeyUsageOID.TIME_STAMPING)], "time stamps"),
        ([usage("key_cert_sign"), purposes(HCERT)], "signing certificates"),
    ],
)
def test_a_key_that_was_made_for_another_purpose_is_refused_with_its_file_and_the_purpose(
    tmp_path: Path, extensions: list[x509.ExtensionType], named: str
) -> None:
    with pytest.raises(ListError) as raised:
        build(tmp_path, certificate(), certificate(*extensions))
    assert "source-1" in str(raised.value)
    assert named in str(raised.value)
    assert not (tmp_path / "trust.cose").exists()


@pytest.mark.parametrize(
    "content", [{"kty": "EC", "crv": "P-256", "use": "enc"}, {"kty": "EC", "key_ops": ["deriveKey"]}, {"keys": []}]
)
def test_a_jwk_is_refused_because_it_is_no_certificate(tmp_path: Path, content: dict[str, object]) -> None:
    with pytest.raises(ListError, match="is a JWK"):
        build(tmp_path, json.dumps(content).encode())


def test_a_public_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    content = {"what": "entrance-kiosk register", "public_key": key_files.public_key_pem(ROOT).decode()}
    with pytest.raises(ListError, match="neither a certificate"):
        build(tmp_path, json.dumps(content).encode())


def test_the_root_key_signs_no_passes(tmp_path: Path) -> None:
    content = {
        "what": "entrance-kiosk issuer",
        "label": "x",
        "not_before_at": NOW_AT.isoformat(),
        "not_after_at": (NOW_AT + timedelta(days=1)).isoformat(),
        "status_classes": [],
        "public_key": key_files.public_key_pem(ROOT).decode(),
    }
    with pytest.raises(ListError, match="The root key signs lists only"):
        build(tmp_path, json.dumps(content).encode())
