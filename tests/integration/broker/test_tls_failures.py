"""Certificates as people make them: each failure of TLS is one sentence with the file and the remedy, in every language."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from kiosk.system.messages import broker_error_message
from kiosk.system.translations import languages, translator
from mqtt.connection import BrokerConnectionError, BrokerEndpoint, CertificateTimeError, Connected
from mqtt.paho.connection import PahoConnection
from mqtt.tls import SENTENCES
from tests.fakes.data.certificates import HOST, NOW, Workshop
from tests.fakes.processes.broker import Broker


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("certificates"))
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    shop.make("root", is_authority=True)
    shop.make("foreign-root", is_authority=True)
    shop.make("old-root", is_authority=True, days=(-30, -2))
    shop.make("future-root", is_authority=True, days=(2, 30))
    shop.make("intermediate", "root", is_authority=True)
    shop.make("broker", "root")
    shop.make("broker-expired", "root", days=(-30, -1))
    shop.make("broker-future", "root", days=(1, 30))
    shop.make("broker-of-old-root", "old-root")
    shop.make("broker-of-future-root", "future-root")
    shop.make("broker-other-name", "root", hosts=("mqtt.example.vn",))
    shop.make("broker-other-address", "root", hosts=("10.1.2.3",))
    shop.make("broker-without-names", "root", hosts=())
    shop.make("broker-for-clients", "root", use=client)
    shop.make("broker-of-intermediate", "intermediate")
    shop.make("broker-self-signed")
    shop.make("broker-of-leaf", "broker")
    shop.make("device", "root", use=client)
    shop.make("device-foreign", "foreign-root", use=client)
    shop.make("device-expired", "root", use=client, days=(-30, -1))
    shop.write("broker-chain.pem", shop.bytes_of("broker-of-intermediate.pem", "intermediate.pem"))
    shop.write("broker-chain.key", shop.bytes_of("broker-of-intermediate.key"))
    shop.write("both-roots.pem", shop.bytes_of("old-root.pem", "root.pem"))
    shop.write("root-crlf.pem", shop.bytes_of("root.pem").replace(b"\n", b"\r\n"))
    shop.write("root-bom.pem", b"\xef\xbb\xbf" + shop.bytes_of("root.pem"))
    shop.write("root.der", shop.parties["root"].certificate.public_bytes(Encoding.DER))
    shop.write("root-utf16.pem", shop.bytes_of("root.pem").decode().encode("utf-16"))
    shop.write("root-one-line.pem", shop.bytes_of("root.pem").replace(b"\n", b""))
    shop.write("empty.pem", b"")
    shop.write("garbage.pem", b"this is a letter, not a certificate\n")
    shop.write("cut.pem", shop.bytes_of("root.pem")[:300])
    shop.write("damaged.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    shop.write("together.pem", shop.bytes_of("device.pem", "device.key"))
    shop.write_key("locked.key", shop.parties["device"].key, b"secret")
    return shop


class Brokers:
    """One mosquitto for each certificate and each option, started when it is first asked for."""

    def __init__(self, shop: Workshop, running: ExitStack) -> None:
        self._shop = shop
        self._stack = running
        self._running: dict[tuple[str, str], Broker] = {}

    def get(self, certificate: str, options: str) -> Broker:
        found = self._running.get((certificate, options))
        if found is None:
            folder = self._shop.folder
            tls = f"cafile {folder}/root.pem\ncertfile {folder}/{certificate}.pem\nkeyfile {folder}/{certificate}.key\n"
            broker = Broker(f"allow_anonymous true\n{tls if certificate else ''}{options}")
            found = self._running[certificate, options] = self._stack.enter_context(broker)
        return found


@pytest.fixture(scope="module")
def brokers(workshop: Workshop) -> Iterator[Brokers]:
    with ExitStack() as running:
        yield Brokers(workshop, running)


@dataclass(frozen=True)
class Case:
    """`code`: of the failure. Empty: it connects. `names`: what the sentence must name."""

    certificate: str
    ca: str | None
    code: str
    names: tuple[str, ...] = ()
    device: tuple[str, str | None] | None = None
    options: str = ""
    host: str = HOST
    tls: bool = True


REQUIRED = "require_certificate true"
REQUIRED_1_2 = f"{REQUIRED}\ntls_version tlsv1.2"
DEVICE, FOREIGN, EXPIRED = ((f"{name}.pem", f"{name}.key") for name in ("device", "device-foreign", "device-expired"))
OLD_ROOT_ENDED = str((NOW - timedelta(days=2)).date())
CERT = "device.pem"
CASES = {
    "good": Case("broker", "root.pem", ""),
    "a chain with its intermediate": Case("broker-chain", "root.pem", ""),
    "an expired and a good authority in one file": Case("broker", "both-roots.pem", ""),
    "the CA with line ends of Windows": Case("broker", "root-crlf.pem", ""),
    "the CA with a byte order mark": Case("broker", "root-bom.pem", ""),
    "a self-signed certificate as its own CA": Case("broker-self-signed", "broker-self-signed.pem", ""),
    "a good certificate of the device": Case("broker", "root.pem", "", (), DEVICE, REQUIRED),
    "certificate and key in one file": Case("broker", "root.pem", "", (), ("together.pem", None), REQUIRED),
    "TLS 1.3 only": Case("broker", "root.pem", "", options="tls_version tlsv1.3"),
    "TLS 1.2 only": Case("broker", "root.pem", "", options="tls_version tlsv1.2"),
    "expired": Case("broker-expired", "root.pem", "expired", ("kiosk pki broker 127.0.0.1",)),
    "not valid yet": Case("broker-future", "root.pem", "not-yet-valid"),
    "expired authority": Case("broker-of-old-root", "old-root.pem", "authority-expired", ("old-root.pem", OLD_ROOT_ENDED)),
    "authority of the future": Case("broker-of-future-root", "future-root.pem", "not-yet-valid"),
    "another name": Case("broker-other-name", "root.pem", "wrong-name", ("kiosk pki broker 127.0.0.1",)),
    "another address": Case("broker-other-address", "root.pem", "wrong-name", (HOST,)),
    "no names": Case("broker-without-names", "root.pem", "wrong-name", (HOST,)),
    "an address, asked for by name": Case("broker", "root.pem", "wrong-name", ("localhost",), host="localhost"),
    "made for clients": Case("broker-for-clients", "root.pem", "wrong-purpose"),
    "another authority": Case("broker", "foreign-root.pem", "unknown-authority", ("foreign-root.pem",)),
    "the intermediate is missing": Case("broker-of-intermediate", "root.pem", "unknown-authority", ("root.pem",)),
    "the root is missing": Case("broker-chain", "intermediate.pem", "incomplete-authority", ("intermediate.pem",)),
    "self-signed": Case("broker-self-signed", "root.pem", "unknown-authority", ("root.pem",)),
    "no CA is set": Case("broker", None, "ca-not-set"),
    "the CA is DER": Case("broker", "root.der", "ca-not-pem", ("root.der",)),
    "the CA is UTF-16": Case("broker", "root-utf16.pem", "ca-not-pem", ("root-utf16.pem",)),
    "the CA in one line": Case("broker", "root-one-line.pem", "ca-not-pem", ("root-one-line.pem",)),
    "the CA is empty": Case("broker", "empty.pem", "ca-not-pem", ("empty.pem",)),
    "the CA is garbage": Case("broker", "garbage.pem", "ca-not-pem", ("garbage.pem",)),
    "the CA is cut off": Case("broker", "cut.pem", "ca-not-pem", ("cut.pem",)),
    "the CA is a key": Case("broker", "root.key", "ca-not-pem", ("root.key",)),
    "the CA is missing": Case("broker", "nothing.pem", "file-unreadable", ("nothing.pem",)),
    "the CA is a folder": Case("broker", "", "file-unreadable"),
    "the certificate is missing": Case("broker", "root.pem", "file-unreadable", ("nothing.pem",), ("nothing.pem", "device.key")),
    "the key is missing": Case("broker", "root.pem", "file-unreadable", ("nothing.key",), (CERT, "nothing.key")),
    "the key is of another certificate": Case("broker", "root.pem", "key-mismatch", ("broker.key", CERT), (CERT, "broker.key")),
    "certificate and key are swapped": Case("broker", "root.pem", "certificate-not-pem", ("device.key",), ("device.key", CERT)),
    "the key is a certificate": Case("broker", "root.pem", "key-not-pem", ("root.pem",), (CERT, "root.pem")),
    "the key is damaged": Case("broker", "root.pem", "key-not-pem", ("damaged.key",), (CERT, "damaged.key")),
    "the key is not named": Case("broker", "root.pem", "key-missing", (CERT,), (CERT, None)),
    "the key is encrypted": Case("broker", "root.pem", "key-encrypted", ("locked.key", "openssl pkey"), (CERT, "locked.key")),
    "no certificate of the device": Case("broker", "root.pem", "certificate-required", (), None, REQUIRED),
    "no certificate of the device, TLS 1.2": Case("broker", "root.pem", "certificate-required", (), None, REQUIRED_1_2),
    "a certificate of another authority": Case("broker", "root.pem", "handshake-closed", (), FOREIGN, REQUIRED),
    "an expired certificate of the device": Case("broker", "root.pem", "handshake-closed", (), EXPIRED, REQUIRED),
    "a port without TLS": Case("", "root.pem", "handshake-closed"),
    "TLS is off at a port with TLS": Case("broker", None, "tls-wanted", tls=False),
}  # fmt: skip
"""A situation -> the code of its sentence. Some brokers say less than others: those situations have further codes in ALSO."""
ALSO = {
    "no certificate of the device": {"handshake-closed"},
    "no certificate of the device, TLS 1.2": {"handshake-closed"},
    "a certificate of another authority": {"certificate-refused"},
    "an expired certificate of the device": {"certificate-refused"},
    "a port without TLS": {"no-tls"},
}


def connect(endpoint: BrokerEndpoint) -> None:
    """Until the broker has accepted the connection. Raises BrokerConnectionError."""
    connection = PahoConnection(endpoint, "kiosk")
    try:
        connection.open()
        for _ in range(100):
            if any(isinstance(event, Connected) for event in connection.process(0.1)):
                return
        raise AssertionError("no answer")
    finally:
        connection.close()


@pytest.mark.parametrize("name", CASES)
def test_each_situation_is_named_with_its_file_and_its_remedy(name: str, workshop: Workshop, brokers: Brokers) -> None:
    case = CASES[name]
    device = tuple(workshop.folder / each if each else None for each in case.device or (None, None))
    endpoint = BrokerEndpoint(
        case.host,
        brokers.get(case.certificate, case.options).port,
        tls=case.tls,
        ca_path=None if case.ca is None else workshop.folder / case.ca,
        certificate_path=device[0],
        key_path=device[1],
    )
    if not case.code:
        connect(endpoint)
        return
    with pytest.raises(BrokerConnectionError) as raised:
        connect(endpoint)
    error = raised.value
    assert error.code in {case.code, *ALSO.get(name, ())}, str(error)
    assert isinstance(error, CertificateTimeError) is (case.code == "not-yet-valid"), "only that may be the clock"
    for language in languages():
        text = broker_error_message(translator(language), error)
        assert f"tls.{error.code}" not in text
        assert not [each for each in case.names if each not in text], text
        assert "None" not in text
        assert "_ssl" not in text


def test_the_english_sentences_are_those_of_the_catalogue() -> None:
    english = translator("en")
    assert {
        code: english(f"tls.{code}", **{field: f"{{{field}}}" for field in _fields(text)})
        for code, text in SENTENCES.items()
    } == dict(SENTENCES)


def _fields(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def test_an_encrypted_key_never_asks_on_a_terminal(workshop: Workshop, run_python: Callable[[str], str]) -> None:
    said = run_python(
        "import pathlib, ssl; from mqtt.tls import load_certificate\n"
        f"folder = pathlib.Path({str(workshop.folder)!r})\n"
        "try:\n"
        "    load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), folder / 'device.pem', folder / 'locked.key')\n"
        "except Exception as error:\n"
        "    print(error.code)\n"
    )
    assert said.strip() == "key-encrypted"


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Runs a program on a terminal of its own, and returns all that appears there."""

    def run(program: str) -> str:
        import os
        import pty
        import sys

        parent, child = pty.openpty()
        ended = subprocess.run(
            [sys.executable, "-c", program], stdin=child, stdout=child, stderr=child, timeout=30, check=False
        )
        os.close(child)
        try:
            return os.read(parent, 10_000).decode() if ended.returncode == 0 else "failed"
        finally:
            os.close(parent)

    return run
