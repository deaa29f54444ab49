"""Whatever stands in a file or message where a key or certificate is expected: each reader answers with its own error."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.centre.check import find_mistakes
from kiosk.cli.centre.sealing_key import load_sealing_key
from kiosk.cli.centre.setup.copied_files import _fingerprint as key_fingerprint
from kiosk.core.subject_sealing import InvalidKeyError, Seal
from kiosk.credentials.formats import cose
from kiosk.credentials.issuing.key_files import KeyFileError, read_root_key
from kiosk.credentials.issuing.list_builder import build_trust_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.sealing_keys import parse_sealing_keys
from kiosk.credentials.trust.signed_list import SignedList, load_root_public_key, sign_list
from kiosk.credentials.trust.trust_list import parse_trust_list
from kiosk.enrolment.certificate_check import BUNDLE_CONTEXT, CheckError, check_certificate, open_bundle, validity_of
from kiosk.enrolment.device_key import DeviceKeyError, make_request
from kiosk.enrolment.est_client import _certificates as certificates_of_answer
from kiosk.enrolment.service_port import ServiceAnswerError
from mqtt.broker.certificates import CertificateAuthority
from mqtt.broker.pki_error import PkiError
from mqtt.centre.enrolment.certificate_request import CertificateRequestError, parse_request
from mqtt.centre.enrolment.settings import authority_fingerprint
from mqtt.centre.tracing.keys.private_keys import PrivateKeyError, load_private_key
from mqtt.remote.signature import FleetKeyError, load_fleet_private_key, load_fleet_public_keys
from mqtt.tls import _is_key_damaged as is_key_damaged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = ed25519.Ed25519PrivateKey.from_private_bytes(b"r" * 32)
SIGNER = ec.derive_private_key(12345, ec.SECP256R1())
SEALING = x25519.X25519PrivateKey.from_private_bytes(b"x" * 32)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dong-ba/gate-1")])
ED25519_OID, UNKNOWN_OID = bytes.fromhex("06032b6570"), bytes.fromhex("06032b6514")
EC_OID, UNKNOWN_EC_OID = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0263")


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


def public_der(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_der(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def certificate_der(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(NOW).not_valid_after(NOW)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("gate-1")]), critical=False)
    return builder.sign(SIGNER, hashes.SHA256()).public_bytes(Encoding.DER)


def list_der() -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(NOW).next_update(NOW)
    return builder.sign(SIGNER, hashes.SHA256()).public_bytes(Encoding.DER)


CERTIFICATE = certificate_der(SIGNER)
REVOKED = list_der()
REQUEST = make_request(pem("PRIVATE KEY", private_der(SIGNER)), "dong-ba/gate-1", "100")
CHAIN = pkcs7.serialize_certificates([x509.load_der_x509_certificate(CERTIFICATE)], Encoding.DER)
PUBLIC = {
    "an unknown kind": public_der(ROOT).replace(ED25519_OID, UNKNOWN_OID),
    "a kind with a large number": base64.b64decode("MCowBQYD/2VuAyEAO8pQhy1RjGMCeKTpycCve4MNn983Sd6v6XH7h6ZsLBo="),
    "nothing": b"",
}
SEALING_HEAD = public_der(SEALING)[:-32]
POINTS = {"a point of small order": bytes(32), "another point of small order": b"\x01" + bytes(31)}
SEALING_KEYS = PUBLIC | {case: SEALING_HEAD + point for case, point in POINTS.items()}
PRIVATE = {
    "an unknown kind": private_der(ROOT).replace(ED25519_OID, UNKNOWN_OID),
    "an unknown kind of EC": private_der(SIGNER).replace(EC_OID, UNKNOWN_EC_OID),
    "nothing": b"",
}
CERTIFICATES = {
    "a key of an unknown kind": certificate_der(ROOT).replace(ED25519_OID, UNKNOWN_OID),
    "a signature of an unknown kind": CERTIFICATE.replace(
        bytes.fromhex("2a8648ce3d0403"), bytes.fromhex("2a8648ce3d0478")
    ),
    "an unknown version": CERTIFICATE.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020117")),
    "an unreadable name": CERTIFICATE.replace(b"\x0c\x0edong", b"\x0c\x0e\xff\xff\xff\xff"),
    "an unreadable extension": CERTIFICATE.replace(b"\x82\x06gate", b"\x82\x09gate"),
    "nothing": b"",
}
REQUESTS = {
    "a key of an unknown kind": REQUEST.replace(EC_OID, UNKNOWN_EC_OID),
    "an unknown version": REQUEST.replace(b"\x02\x01\x00", b"\x02\x01\x58", 1),
    "an unreadable name": REQUEST.replace(b"\x0c\x0edong", b"\x0c\x0e\xff\xff\xff\xff"),
    "nothing": b"",
}
LISTS = {
    "an unknown version": REVOKED.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1),
    "a signature of an unknown kind": REVOKED.replace(bytes.fromhex("2a8648ce3d0403"), bytes.fromhex("2a8648ce3d0478")),
    "nothing": b"",
}
CHAINS = {
    "an unknown kind of content": CHAIN.replace(
        bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d010763")
    ),
    "an unknown version of a certificate": CHAIN.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020117")),
    "nothing": b"",
}


FILES = {"root_public_key": b"r", "sealing_public_key": b"s", "trust_list": b"t"}
CONTENT = {"version": 1, "site": "dong-ba", "device": "gate-1", "brokers": [], "url": "", "values": "", "files": FILES}
BUNDLE = cose.make_sign1(SIGNER, b"", cbor2.dumps(CONTENT, canonical=True), BUNDLE_CONTEXT)
UNREADABLE_EVERYWHERE = {"nothing", "an unknown version", "an unknown kind", "a point of small order"}
Read = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Reader:
    """A function of the product. `read` gets the content, in the form that it expects, and an empty folder."""

    read: Read
    errors: tuple[type[Exception], ...]
    good: bytes
    damaged: dict[str, bytes]
    label: str = ""
    """Of PEM. Empty: the function gets DER."""

    def content(self, der: bytes) -> bytes:
        return pem(self.label, der) if self.label else der


def in_file(read: Callable[[Path], object]) -> Read:
    def write_and_read(content: bytes, folder: Path) -> object:
        path = folder / "read.pem"
        path.write_bytes(content)
        return read(path)

    return write_and_read


def open_authority(name: str) -> Read:
    """An authority with one file of this content."""

    def read(content: bytes, folder: Path) -> object:
        files = {
            "ca.pem": pem("CERTIFICATE", CERTIFICATE),
            "ca.key": pem("PRIVATE KEY", private_der(SIGNER)),
            "crl.pem": pem("X509 CRL", REVOKED),
        }
        for each, data in (files | {name: content}).items():
            (folder / each).write_bytes(data)
        return CertificateAuthority(folder).issued()

    return read


def check_centre(name: str) -> Read:
    """A centre with one file of this content. Its check yields sentences, and raises nothing."""

    def read(content: bytes, folder: Path) -> object:
        files = {
            "ca": pem("CERTIFICATE", CERTIFICATE),
            "certificate": pem("CERTIFICATE", CERTIFICATE),
            "key": pem("PRIVATE KEY", private_der(SIGNER)),
            "crl": pem("X509 CRL", REVOKED),
        }
        for each, data in (files | {name: content}).items():
            (folder / each).write_bytes(data)
        options = {each: str(folder / each) for each in ("ca", "certificate", "key")}
        tables = {
            "web": {**options, "allowed_host": "gate-1"},
            "revoke": {"crl": str(folder / "crl")},
        }
        return list(find_mistakes({**options, "database": str(folder / "none.db")}, tables, NOW))

    return read


def check_device_certificate(content: bytes, authority: bytes) -> object:
    return check_certificate(content, authority, "dong-ba/gate-1", public_der(SIGNER))


def trust_list_of(der: bytes) -> bytes:
    return sign_list(ROOT, SignedList("trust", 1, NOW, 1, [[b"kid", "hcert", der, 0, 1, [], ""]]))


def sealing_list_of(der: bytes) -> bytes:
    entry = [int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()), der[-32:]]
    return sign_list(ROOT, SignedList("seal", 1, NOW, 1, [entry]))


ROOT_PEM, CERTIFICATE_PEM = pem("PUBLIC KEY", public_der(ROOT)), pem("CERTIFICATE", CERTIFICATE)
NO_ERROR: tuple[type[Exception], ...] = ()
PUBLIC_KEY, PRIVATE_KEY = "PUBLIC KEY", "PRIVATE KEY"
READERS = {
    "sealing key": Reader(lambda key, _: Seal(key), (InvalidKeyError,), public_der(SEALING), SEALING_KEYS, PUBLIC_KEY),
    "root key": Reader(lambda key, _: load_root_public_key(key), (ListError,), public_der(ROOT), PUBLIC, PUBLIC_KEY),
    "fleet key": Reader(
        lambda key, _: load_fleet_public_keys(key), (FleetKeyError,), public_der(ROOT), PUBLIC, PUBLIC_KEY
    ),
    "trust list": Reader(
        lambda key, _: parse_trust_list(trust_list_of(key), ROOT_PEM), (ListError,), public_der(SIGNER), PUBLIC
    ),
    "list of sealing keys": Reader(
        lambda key, _: parse_sealing_keys(sealing_list_of(key), ROOT_PEM), (ListError,), public_der(SEALING), POINTS
    ),
    "private root key": Reader(
        in_file(lambda path: read_root_key(path, None)), (KeyFileError,), private_der(ROOT), PRIVATE, PRIVATE_KEY
    ),
    "private fleet key": Reader(
        lambda key, _: load_fleet_private_key(key), (FleetKeyError,), private_der(ROOT), PRIVATE, PRIVATE_KEY
    ),
    "private sealing key": Reader(
        in_file(lambda path: load_sealing_key(path, None)), (KeyFileError,), private_der(SEALING), PRIVATE, PRIVATE_KEY
    ),
    "private key of tracing": Reader(
        in_file(load_private_key), (PrivateKeyError,), private_der(SEALING), PRIVATE, PRIVATE_KEY
    ),
    "private key of a device": Reader(
        lambda key, _: make_request(key, "dong-ba/gate-1", ""),
        (DeviceKeyError,), private_der(SIGNER), PRIVATE, PRIVATE_KEY,
    ),
    "private key of an authority": Reader(
        open_authority("ca.key"), (PkiError,), private_der(SIGNER), PRIVATE, PRIVATE_KEY
    ),
    "certificate of an authority": Reader(
        open_authority("ca.pem"), (PkiError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE"
    ),
    "certificate in the folder of an authority": Reader(
        open_authority("device.pem"), (PkiError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE"
    ),
    "revocation list": Reader(open_authority("crl.pem"), (PkiError,), REVOKED, LISTS, "X509 CRL"),
    "certificate of a device": Reader(
        lambda given, _: check_device_certificate(given, CERTIFICATE_PEM),
        (CheckError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE",
    ),
    "authority of a device": Reader(
        lambda given, _: check_device_certificate(CERTIFICATE_PEM, given),
        (CheckError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE",
    ),
    "life of a certificate": Reader(
        lambda given, _: validity_of(given), (CheckError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE"
    ),
    "authority of a bundle": Reader(
        lambda given, _: open_bundle(BUNDLE, given, "dong-ba", "gate-1"),
        (CheckError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE",
    ),
    "authority of the enrolment": Reader(
        lambda given, _: authority_fingerprint(given), (ValueError,), CERTIFICATE, CERTIFICATES, "CERTIFICATE"
    ),
    "certificate of a health authority": Reader(
        in_file(lambda path: build_trust_list([path], path.with_name("list"), ROOT, NOW)),
        (ListError,), CERTIFICATE, CERTIFICATES,
    ),
    "request": Reader(
        lambda given, _: parse_request(base64.b64encode(given)), (CertificateRequestError,), REQUEST, REQUESTS
    ),
    "answer of the enrolment": Reader(
        lambda given, _: certificates_of_answer(base64.b64encode(given)), (ServiceAnswerError,), CHAIN, CHAINS
    ),
    "check of the authority": Reader(check_centre("ca"), NO_ERROR, CERTIFICATE, CERTIFICATES, "CERTIFICATE"),
    "check of the centre": Reader(check_centre("certificate"), NO_ERROR, CERTIFICATE, CERTIFICATES, "CERTIFICATE"),
    "check of the key": Reader(check_centre("key"), NO_ERROR, private_der(SIGNER), PRIVATE, PRIVATE_KEY),
    "check of the revocation list": Reader(check_centre("crl"), NO_ERROR, REVOKED, LISTS, "X509 CRL"),
    "fingerprint for the backup": Reader(
        in_file(key_fingerprint), NO_ERROR, private_der(SIGNER), PRIVATE, PRIVATE_KEY
    ),
    "key of a TLS connection": Reader(
        lambda key, _: is_key_damaged(key), NO_ERROR, private_der(SIGNER), PRIVATE, PRIVATE_KEY
    ),
}  # fmt: skip
CASES = [(reader, case) for reader, found in READERS.items() for case in found.damaged]


def outcome(reader: Reader, der: bytes, folder: Path) -> Exception | None:
    """The error that the caller can expect. All others reach the test."""
    try:
        reader.read(reader.content(der), folder)
    except reader.errors as error:
        return error
    return None


@pytest.mark.parametrize("name", READERS)
def test_a_good_one_is_read(tmp_path: Path, name: str) -> None:
    assert outcome(READERS[name], READERS[name].good, tmp_path) is None


@pytest.mark.parametrize(("name", "case"), CASES)
def test_what_the_library_does_not_know_is_an_error_of_its_reader(tmp_path: Path, name: str, case: str) -> None:
    reader = READERS[name]
    assert reader.damaged[case] != reader.good
    error = outcome(reader, reader.damaged[case], tmp_path)
    assert error is None or str(error)
    assert error is not None or case not in UNREADABLE_EVERYWHERE or not reader.errors


@given(st.sampled_from(sorted(READERS)), st.data())
def test_any_damage_is_an_error_of_its_reader(name: str, data: st.DataObject) -> None:
    reader = READERS[name]
    der = bytearray(reader.good)
    places = st.tuples(st.integers(0, len(der) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=3)):
        der[place] = value
    with TemporaryDirectory() as folder:
        outcome(reader, bytes(der), Path(folder))
