"""Certificate requests come from the network: any bytes are read or refused."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kiosk.enrolment.device_key import make_key, make_request, public_key_der
from mqtt.centre.enrolment.certificate_request import MAX_REQUEST_BYTES, CertificateRequestError, parse_request

KEY = make_key()


def request_with(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a/b")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return base64.b64encode(made.public_bytes(Encoding.DER))


def test_a_request_of_a_kiosk_is_read_with_its_name_board_and_key() -> None:
    found = parse_request(base64.encodebytes(make_request(KEY, "dong-ba/gate-1", "10000000abcdef")))
    assert (found.common_name, found.hardware_serial) == ("dong-ba/gate-1", "10000000abcdef")
    assert found.public_key_der == public_key_der(KEY)


def test_pem_lines_are_accepted_and_the_same_key_gives_the_same_request() -> None:
    der = make_request(KEY, "a/b", "")
    pem = x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
    assert parse_request(pem).key_hash == parse_request(base64.b64encode(der)).key_hash
    assert make_request(KEY, "a/b", "") == der


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
)
def test_a_key_of_another_kind_is_refused(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
) -> None:
    with pytest.raises(CertificateRequestError, match="P-256"):
        parse_request(request_with(key))


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    der = bytearray(make_request(KEY, "a/b", ""))
    der[-1] ^= 1
    with pytest.raises(CertificateRequestError):
        parse_request(base64.b64encode(bytes(der)))


def test_a_request_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(CertificateRequestError, match="larger"):
        parse_request(b"A" * (MAX_REQUEST_BYTES + 1))


@given(
    body=st.one_of(
        st.binary(max_size=600),
        st.binary(max_size=400).map(base64.b64encode),
        st.tuples(st.integers(0, 500), st.integers(0, 255)).map(lambda change: _changed(*change)),
    )
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        found = parse_request(body)
    except CertificateRequestError:
        return
    assert found.public_key_der


def _changed(place: int, byte: int) -> bytes:
    der = bytearray(make_request(KEY, "dong-ba/gate-1", "10000000abcdef"))
    der[place % len(der)] = byte
    return base64.b64encode(bytes(der))
