"""TLS with a broker: the context of a connection, and what its failures mean, in words with the file and the remedy."""

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mqtt.connection import (
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    CertificateTimeError,
)

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "file-unreadable": "{path} cannot be read: {error}. Check the path and the owner of the file.",
        "ca-not-pem": "{path} holds no certificate in PEM form. Ask for the CA certificate as PEM, saved as plain text.",
        "certificate-not-pem": "{path} holds no certificate in PEM form. Check that certificate and key are not swapped.",
        "key-not-pem": "{path} holds no private key in PEM form. Check that certificate and key are not swapped.",
        "key-missing": "{path} holds no private key, and no key file is set. Set the key file as well.",
        "key-without-certificate": "The key {path} is set without its certificate. Set the certificate as well.",
        "key-encrypted": "The key {path} is encrypted, and no person is there to type its password. "
        "Write it without a password: openssl pkey -in {path} -out NEW.key",
        "key-mismatch": "The key {key} does not belong to the certificate {path}. Use the key that was made with it.",
        "certificate-unusable": "The certificate {path} cannot be used: {error}. Issue a new one.",
        "not-yet-valid": "The certificate of the broker is not valid yet by the clock of this device ({now} UTC). "
        "Check the clock. The connection is tried again until the clock is right.",
        "expired": "The certificate of the broker has expired by the clock of this device ({now} UTC). "
        "Renew it on the broker: kiosk pki broker {host}",
        "authority-expired": "The CA certificate {path} expired on {until}. Renew the authority, and copy its certificate here.",
        "wrong-name": "The certificate of the broker is not for {host}. Set a name as the host that is in the certificate, "
        "or issue a new one: kiosk pki broker {host}",
        "ca-not-set": "This system does not know the authority of the broker, and no CA certificate is set. Set one.",
        "unknown-authority": "The certificate of the broker is not signed by the authority in {path}. "
        "Copy the CA certificate of the broker here, or let the broker send its intermediate certificate.",
        "incomplete-authority": "{path} holds an intermediate certificate without its root. Add the root certificate to the file.",
        "not-an-authority": "The certificate of the broker is signed by a certificate that is not an authority ({error}). "
        "Issue a new one: kiosk pki broker {host}",
        "wrong-purpose": "The certificate of the broker is not made for a server. Issue a new one: kiosk pki broker {host}",
        "too-weak": "The certificate of the broker has a key or a signature that is too weak. "
        "Issue a new one: kiosk pki broker {host}",
        "untrusted": "The certificate of the broker cannot be trusted: {error}.",
        "certificate-required": "The broker requires a certificate of this device, and none is set. Set certificate and key.",
        "certificate-refused": "The broker refuses the certificate {path}: {error}. Issue a new one with its authority.",
        "handshake-closed": "The broker closed the connection during the TLS handshake. It may require a certificate, "
        "refuse the one that is set, or not use TLS on port {port}.",
        "no-tls": "The broker does not use TLS on port {port}. Set the TLS port of the broker.",
        "tls-wanted": "The broker closed the connection without an answer. It may require TLS on port {port}: set tls = true.",
        "old-version": "The broker offers only TLS versions before 1.2. Update the broker.",
        "handshake-failed": "The TLS handshake failed: {error}.",
    }
)
"""English sentence of each code. The catalogues have the same ids as `tls.CODE`."""
NOT_YET_VALID, HAS_EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (openssl verify(1))
_CODE_OF_VERIFY_ERROR = MappingProxyType(
    {2: "incomplete-authority", 18: "unknown-authority", 19: "unknown-authority", 20: "unknown-authority", 21: "unknown-authority",
     24: "not-an-authority", 26: "wrong-purpose", 62: "wrong-name", 64: "wrong-name", 66: "too-weak", 67: "too-weak",
     68: "too-weak", 79: "not-an-authority"}
)  # fmt: skip
"""X509_V_ERR_* of openssl's x509_vfy.h."""
_CODE_OF_REASON = MappingProxyType(
    {"WRONG_VERSION_NUMBER": "no-tls", "HTTP_REQUEST": "no-tls", "UNKNOWN_PROTOCOL": "no-tls", "PACKET_LENGTH_TOO_LONG": "no-tls",
     "RECORD_LAYER_FAILURE": "no-tls", "UNSUPPORTED_PROTOCOL": "old-version", "TLSV1_ALERT_PROTOCOL_VERSION": "old-version",
     "UNEXPECTED_EOF_WHILE_READING": "handshake-closed", "DH_KEY_TOO_SMALL": "too-weak"}
)  # fmt: skip
_CERTIFICATE_ALERT = re.compile(r"ALERT_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED|DECRYPT)")
"""Alerts of a broker about the certificate of this device."""


class EncryptedKeyError(Exception):
    """A private key asks for a password."""


class BrokerTlsContext(ssl.SSLContext):
    """Remembers the socket that it wrapped: where the handshake fails, paho loses it, unclosed."""

    wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """See ssl.SSLContext."""
        self.wrapped = super().wrap_socket(*arguments, **options)
        return self.wrapped


class TlsFileError(BrokerRefusedError):
    """A file for TLS cannot be used. It has a code of SENTENCES."""


def make_context(endpoint: BrokerEndpoint) -> BrokerTlsContext:
    """TLS 1.2 or newer, the peer always verified. Never asks for a password. Raises TlsFileError."""
    made = BrokerTlsContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.ca_path is not None:
        load_authorities(made, endpoint.ca_path)
    else:
        made.load_default_certs()
    if endpoint.certificate_path is not None:
        load_certificate(made, endpoint.certificate_path, endpoint.key_path)
    elif endpoint.key_path is not None:
        raise _file_error("key-without-certificate", path=endpoint.key_path)
    return made


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Trust the CA certificates in a PEM file. Raises TlsFileError."""
    _read(path)
    try:
        context.load_verify_locations(path)
    except OSError as error:  # SSLError is one
        raise _file_error("ca-not-pem", path=path) from error
    if not context.cert_store_stats()["x509"]:
        raise _file_error("ca-not-pem", path=path)


def load_certificate(context: ssl.SSLContext, path: Path, key_path: Path | None) -> None:
    """Use a certificate with its private key, which may be in the same file. Raises TlsFileError, never asks for a password."""
    certificate, key = _read(path), _read(key_path or path)
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        raise _file_error("certificate-not-pem", path=path)
    if b"PRIVATE KEY-----" not in key:
        raise _file_error("key-not-pem" if key_path else "key-missing", path=key_path or path)

    def refuse_password() -> str:
        raise EncryptedKeyError

    try:
        context.load_cert_chain(path, key_path, refuse_password)
    except EncryptedKeyError as error:
        raise _file_error("key-encrypted", path=key_path or path) from error
    except ssl.SSLError as error:
        if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
            raise _file_error("key-mismatch", path=path, key=key_path or path) from error
        if _is_key_damaged(key):
            raise _file_error("key-not-pem", path=key_path or path) from error
        raise _file_error("certificate-unusable", path=path, error=_reason(error)) from error


def tls_error(
    endpoint: BrokerEndpoint, error: OSError, authorities: ssl.SSLContext | None = None
) -> BrokerConnectionError:
    """Why TLS with the broker failed. Only a certificate that is not valid yet is CertificateTimeError: that may be the clock.

    `authorities`: the context of the connection, which says whether a CA certificate has expired.
    """
    now_at = datetime.now(UTC)
    values: dict[str, object] = {
        "host": endpoint.host, "port": endpoint.port, "path": endpoint.ca_path, "now": f"{now_at:%Y-%m-%d %H:%M}",
        "error": _reason(error),
    }  # fmt: skip
    if not isinstance(error, ssl.SSLCertVerificationError):
        code = _handshake_code(endpoint, error)
        if code == "certificate-refused":
            values["path"] = endpoint.certificate_path
        return _broker_error(endpoint, code, values)
    if error.verify_code == NOT_YET_VALID:  # a device that booted in 1970 waits for its clock
        return CertificateTimeError(_sentence(endpoint, "not-yet-valid", values), "not-yet-valid", values)
    if error.verify_code == HAS_EXPIRED:
        until_at = _expired_authority_until(authorities, now_at) if authorities and endpoint.ca_path else None
        values["until"] = f"{until_at:%Y-%m-%d}" if until_at else ""
        return _broker_error(endpoint, "authority-expired" if until_at else "expired", values)
    code = _CODE_OF_VERIFY_ERROR.get(error.verify_code, "untrusted")
    if code in {"unknown-authority", "incomplete-authority"} and endpoint.ca_path is None:
        code = "ca-not-set"
    return _broker_error(endpoint, code, {**values, "error": error.verify_message.rstrip(".")})


def closed_early_error(endpoint: BrokerEndpoint) -> BrokerUnreachableError:
    """The broker closed the connection before it answered CONNECT. With TLS 1.3 it refuses a certificate in this way.

    A broker that stops does so too: the connection is worth another attempt.
    """
    code = "handshake-closed" if endpoint.certificate_path else "certificate-required"
    code = code if endpoint.tls else "tls-wanted"
    values: dict[str, object] = {"port": endpoint.port}
    return BrokerUnreachableError(_sentence(endpoint, code, values), code, values)


def _handshake_code(endpoint: BrokerEndpoint, error: OSError) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason in _CODE_OF_REASON:
        return _CODE_OF_REASON[reason]
    if _CERTIFICATE_ALERT.search(reason):
        return "certificate-refused" if endpoint.certificate_path else "certificate-required"
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError | BrokenPipeError):
        return "handshake-closed"
    return "handshake-failed"


def _expired_authority_until(context: ssl.SSLContext, now_at: datetime) -> datetime | None:
    """When the first expired CA certificate of a context ended. None if none has."""
    ends = (ssl.cert_time_to_seconds(str(found["notAfter"])) for found in context.get_ca_certs())
    return min((end for end in (datetime.fromtimestamp(each, UTC) for each in ends) if end < now_at), default=None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _file_error("file-unreadable", path=path, error=error.strerror) from error


def _is_key_damaged(pem: bytes) -> bool:
    """Whether the private key itself cannot be read, however good its certificate is."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  only after a failure

    from mqtt.broker.key_errors import UNREADABLE_KEY  # noqa: PLC0415

    start = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----", pem)
    try:
        load_pem_private_key(pem[start.start() if start else 0 :], None)
    except UNREADABLE_KEY:
        return True
    return False


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if isinstance(reason, str) else error.strerror or str(error)


def _file_error(code: str, **values: object) -> TlsFileError:
    return TlsFileError(SENTENCES[code].format(**values), code, values)


def _broker_error(endpoint: BrokerEndpoint, code: str, values: Mapping[str, object]) -> BrokerConnectionError:
    kind = BrokerUnreachableError if code == "handshake-closed" else BrokerRefusedError
    return kind(_sentence(endpoint, code, values), code, values)


def _sentence(endpoint: BrokerEndpoint, code: str, values: Mapping[str, object]) -> str:
    return f"{endpoint}: {SENTENCES[code].format(**values)}"
