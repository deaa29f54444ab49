"""Checks the certificates of `[mqtt]` and `[web]`: they parse, match their keys, are valid now, for this use and this device."""

import re
import ssl
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk import config
from kiosk.app.builders.delivery import broker_endpoints
from kiosk.app.builders.preflight.findings import Finding, Severity
from kiosk.app.builders.preflight.keys import check_private_mode
from mqtt import tls
from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

EXPIRES_SOON = timedelta(days=30)
_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def check_broker_files(settings: config.Settings, now_at: datetime) -> Iterator[Finding]:
    """CA certificate, certificate of the device and its key, as the connection will load them."""
    mqtt = settings.mqtt
    if not mqtt.tls:
        return
    endpoint = broker_endpoints(mqtt)[0]  # all have the same files
    has_authority = False
    if endpoint.ca_path is not None:
        path = endpoint.ca_path
        loaded = yield from _try_file(("mqtt.ca",), lambda: tls.load_authorities(_client_context(), path))
        if loaded:
            problems = list(_check_authorities(path, now_at))
            yield from problems
            has_authority = not any(each.severity > Severity.NOTICE for each in problems)
    if endpoint.certificate_path is None:
        if endpoint.key_path is not None:
            yield Finding("tls.key-without-certificate", Severity.WRONG, ("mqtt.key",), {"path": endpoint.key_path})
        return
    certificate, key = endpoint.certificate_path, endpoint.key_path
    settings_named = ("mqtt.certificate", "mqtt.key") if key else ("mqtt.certificate",)
    loaded = yield from _try_file(settings_named, lambda: tls.load_certificate(_client_context(), certificate, key))
    if loaded:
        yield from check_private_mode(settings_named[-1], key or certificate)
        device = f"{settings.site.site}/{settings.site.device}"
        for leaf in _certificates(certificate)[:1]:
            yield from _check_validity("mqtt.certificate", certificate, leaf, now_at)
            yield from _check_use("mqtt.certificate", certificate, leaf, ExtendedKeyUsageOID.CLIENT_AUTH)
            yield from _check_device_name(certificate, leaf, device)
        if endpoint.ca_path is not None and has_authority:
            yield from _check_issuer(certificate, endpoint.ca_path)


def check_web_files(settings: config.Settings, now_at: datetime) -> Iterator[Finding]:
    """The certificate of the pages and its key, as the web server will load them."""
    certificate, key = settings.web.certificate, settings.web.key
    if certificate is None:
        return
    names = ("web.certificate", "web.key") if key else ("web.certificate",)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    loaded = yield from _try_file(names, lambda: tls.load_certificate(context, certificate, key))
    if loaded:
        yield from check_private_mode(names[-1], key or certificate)
        for leaf in _certificates(certificate)[:1]:
            yield from _check_validity("web.certificate", certificate, leaf, now_at)
            yield from _check_use("web.certificate", certificate, leaf, ExtendedKeyUsageOID.SERVER_AUTH)


def _client_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _try_file(settings: tuple[str, ...], load: Callable[[], None]) -> Generator[Finding, None, bool]:
    """True if the file was loaded, after a finding if it was not."""
    try:
        load()
    except tls.TlsFileError as error:
        yield Finding(f"tls.{error.code}", Severity.WRONG, settings, error.values)
        return False
    return True


def _certificates(path: Path) -> Sequence[x509.Certificate]:
    """Those of a PEM file that can be read. OpenSSL has accepted the file already."""
    found = []
    for block in _PEM_BLOCK.findall(path.read_bytes()):
        try:
            found.append(x509.load_pem_x509_certificate(block))
        except UNREADABLE_CERTIFICATE:
            continue
    return found


def _check_authorities(path: Path, now_at: datetime) -> Iterator[Finding]:
    """An expired authority beside a good one does no harm."""
    last_at = max((each.not_valid_after_utc for each in _certificates(path)), default=None)
    if last_at is None:
        return
    values = {"path": path, "until": f"{last_at:%Y-%m-%d}"}
    if last_at < now_at:
        yield Finding("tls.authority-expired", Severity.WRONG, ("mqtt.ca",), values)
    elif last_at < now_at + EXPIRES_SOON:
        yield Finding("certificate-soon", Severity.NOTICE, ("mqtt.ca",), values)


def _check_validity(setting: str, path: Path, leaf: x509.Certificate, now_at: datetime) -> Iterator[Finding]:
    values = {
        "path": path,
        "since": f"{leaf.not_valid_before_utc:%Y-%m-%d}",
        "until": f"{leaf.not_valid_after_utc:%Y-%m-%d}",
    }
    if leaf.not_valid_after_utc < now_at:
        yield Finding("certificate-expired", Severity.WRONG, (setting,), values)
    elif leaf.not_valid_before_utc > now_at:
        yield Finding("certificate-early", Severity.NOTICE, (setting,), values)
    elif leaf.not_valid_after_utc < now_at + EXPIRES_SOON:
        yield Finding("certificate-soon", Severity.NOTICE, (setting,), values)


def _check_use(setting: str, path: Path, leaf: x509.Certificate, use: x509.ObjectIdentifier) -> Iterator[Finding]:
    try:
        allowed = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, *UNREADABLE_CERTIFICATE):
        return
    if use not in allowed and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in allowed:
        code = "certificate-not-server" if use == ExtendedKeyUsageOID.SERVER_AUTH else "certificate-not-client"
        yield Finding(code, Severity.WRONG, (setting,), {"path": path})


def _check_issuer(path: Path, authority_path: Path) -> Iterator[Finding]:
    """Whether an authority of `mqtt.ca` signed the certificate of the device. With `kiosk pki` and with enrolment it is the same.

    A broker may trust another authority for devices than the one that signed its own certificate: only a notice.
    """
    chain, authorities = _certificates(path), _certificates(authority_path)
    if not chain or not authorities:
        return
    signed = chain[0]
    for _ in chain:
        if _is_signed_by_any(signed, authorities):
            return
        signed = next((each for each in chain[1:] if _is_signed_by_any(signed, [each])), signed)
    leaf = chain[0]
    issuer = ", ".join(_common_names(lambda: leaf.issuer)) or "-"
    values = {"path": path, "issuer": issuer, "authority": authority_path}
    yield Finding("certificate-issuer", Severity.NOTICE, ("mqtt.certificate", "mqtt.ca"), values)


def _is_signed_by_any(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> bool:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (*UNREADABLE_CERTIFICATE, InvalidSignature):
            continue
        return True
    return False


def _check_device_name(path: Path, leaf: x509.Certificate, device: str) -> Iterator[Finding]:
    """The broker gives each certificate the topics of the device that its common name names (mqtt/broker/acl)."""
    names = _common_names(lambda: leaf.subject)
    if device not in names:
        values = {"path": path, "name": ", ".join(names) or "-", "device": device}
        settings = ("mqtt.certificate", "site.site", "site.device")
        yield Finding("certificate-name", Severity.WRONG, settings, values)


def _common_names(read_name: Callable[[], x509.Name]) -> list[str]:
    """None if the name cannot be read."""
    try:
        return [str(each.value) for each in read_name().get_attributes_for_oid(NameOID.COMMON_NAME)]
    except UNREADABLE_CERTIFICATE:
        return []
