"""TLS with a broker: what a device shows and believes, and what its failures mean."""

import ssl
from datetime import UTC, datetime
from typing import Any

from mqtt.connection import BrokerEndpoint, BrokerRefusedError, CertificateTimeError

NOT_YET_VALID, HAS_EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (openssl verify(1))


class BrokerTlsContext(ssl.SSLContext):
    """Remembers the socket that it wrapped: where the handshake fails, paho loses it, unclosed."""

    wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """See ssl.SSLContext."""
        self.wrapped = super().wrap_socket(*arguments, **options)
        return self.wrapped


def make_context(endpoint: BrokerEndpoint) -> BrokerTlsContext:
    """TLS 1.2 or newer, the peer always verified. Raises OSError, ssl.SSLError."""
    made = BrokerTlsContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.ca_path is not None:
        made.load_verify_locations(endpoint.ca_path)
    else:
        made.load_default_certs()
    if endpoint.certificate_path is not None:
        made.load_cert_chain(endpoint.certificate_path, endpoint.key_path)
    return made


def tls_error(endpoint: BrokerEndpoint, error: ssl.SSLError) -> BrokerRefusedError:
    """Why TLS with the broker failed. Two of the reasons are about the time, and pass by themselves: LinkClock."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return BrokerRefusedError(f"{endpoint}: TLS failed: {error.reason or error}")
    if error.verify_code in (NOT_YET_VALID, HAS_EXPIRED):  # a device that booted in 1970 waits for its clock
        return CertificateTimeError(
            f"{endpoint}: {error.verify_message} by this device's clock ({datetime.now(UTC):%Y-%m-%d %H:%M} UTC); "
            "it is tried again until clock and certificate agree"
        )
    return BrokerRefusedError(f"{endpoint}: the broker's certificate is not to be trusted: {error.verify_message}")
