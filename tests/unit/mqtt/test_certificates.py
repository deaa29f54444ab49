"""Certificates of the project's authority: a client that follows RFC 5280 strictly accepts them."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from mqtt.broker.certificates import CertificateAuthority, CertificateUse, make_self_signed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    now = datetime.now(UTC)
    authority = CertificateAuthority.create(tmp_path, "ward", now)
    authority.issue("broker", CertificateUse.SERVER, now, 30, ["127.0.0.1"])
    authority.issue("market/gate-1", CertificateUse.CLIENT, now, 30)
    return tmp_path


def context(side: ssl._SSLMethod, folder: Path, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.load_verify_locations(folder / "ca.pem")
    made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return made


def test_strict_clients_and_servers_accept_each_other(folder: Path) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(ssl.PROTOCOL_TLS_CLIENT, folder, "market.gate-1").wrap_bio(
        to_client, to_server, server_hostname="127.0.0.1"
    )
    server = context(ssl.PROTOCOL_TLS_SERVER, folder, "broker").wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert client.getpeercert()
    assert server.getpeercert()


def test_each_certificate_and_the_revocation_list_name_the_key_that_signed_them(folder: Path) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    signed = [
        x509.load_pem_x509_certificate(path.read_bytes()) for path in folder.glob("*.pem") if path.name != "crl.pem"
    ]
    assert len(signed) == 3
    crl = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    for extensions in (*(each.extensions for each in signed), crl.extensions):
        assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == own


def test_the_certificate_of_the_pages_has_its_key_identifier() -> None:
    pem, _ = make_self_signed("gate-1", ["gate-1.local"], datetime.now(UTC), 30)
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    assert certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
