"""What a certificate allows its key to do: a key that was made for another purpose only signs no health certificates."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

_HCERT_PURPOSES = ("1.3.6.1.4.1.1847.2021.1.", "1.3.6.1.4.1.0.1847.2021.1.")
"""Purposes of hcert-spec 1.0.8 section 3.3.2, and a mistake in them that several states have made."""
_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS clients",
    ExtendedKeyUsageOID.CODE_SIGNING: "software",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "e-mail",
    ExtendedKeyUsageOID.TIME_STAMPING: "time stamps",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP",
}


def other_purpose(certificate: x509.Certificate) -> str | None:
    """For what else alone the key was made. None if it may sign health certificates, or if its extensions cannot be read.

    Some certificates in real use have extensions that cannot be read. Without any restriction a key may sign (RFC 5280
    sections 4.2.1.3 and 4.2.1.12).
    """
    try:
        extensions = certificate.extensions
    except UNREADABLE_CERTIFICATE:
        return None
    allowed = [each for one in extensions if isinstance(one.value, x509.ExtendedKeyUsage) for each in one.value]
    if allowed and not any(map(_allows_hcert, allowed)):
        return ", ".join(_NAMES.get(each, each.dotted_string) for each in allowed)
    for one in extensions:
        usage = one.value
        if isinstance(usage, x509.KeyUsage) and not (usage.digital_signature or usage.content_commitment):
            return "signing certificates" if usage.key_cert_sign else "encryption or another use than signatures"
    return None


def _allows_hcert(purpose: x509.ObjectIdentifier) -> bool:
    return purpose == ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE or purpose.dotted_string.startswith(_HCERT_PURPOSES)
