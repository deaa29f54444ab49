"""The client of the enrolment service: EST (RFC 7030) with http.client and ssl. Bounded answers, bounded waits."""

import base64
import http.client
import ssl
from contextlib import closing
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from kiosk.enrolment.service_port import (
    RefusedError,
    ServiceAnswerError,
    ServiceUnreachableError,
    TlsIdentity,
    WaitAnswer,
)
from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_BUNDLE_BYTES = 24 * 1024 * 1024
"""Two lists of 8 MiB each, and what stands around them."""
MAX_RETRY_AFTER_S = 60.0
DEFAULT_RETRY_AFTER_S = 10.0
_BASE = "/.well-known/est"
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (x509_vfy.h): for a device whose clock has not been set."""
_TEMPORARY = frozenset({429, 500, 502, 503, 504})


class EstClient:
    """Implements EnrolmentClient. Any thread."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def fetch_authority(self, url: str, fingerprint: bytes) -> bytes:
        """See EnrolmentClient. The peer is not verified yet: the fingerprint decides (RFC 7030 section 4.1.1)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _, body = self._ask(url, context, "GET", f"{_BASE}/cacerts")
        found = [one for one in _certificates(body) if one.fingerprint(hashes.SHA256()) == fingerprint]
        if not found:
            raise ServiceAnswerError("the authority is not that of the invitation")
        return found[0].public_bytes(Encoding.PEM)

    def enrol(self, url: str, identity: TlsIdentity, name: str, token: bytes, request: bytes) -> WaitAnswer | bytes:
        """See EnrolmentClient."""
        credentials = base64.b64encode(f"{name}:{token.hex()}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        answer, body = self._post(url, identity, "simpleenroll", request, headers)
        if answer.status == http.HTTPStatus.ACCEPTED:
            return WaitAnswer(_retry_after_s(answer))
        return _single_certificate(body)

    def renew(self, url: str, identity: TlsIdentity, request: bytes) -> bytes:
        """See EnrolmentClient."""
        answer, body = self._post(url, identity, "simplereenroll", request, {})
        if answer.status != http.HTTPStatus.OK:
            raise ServiceUnreachableError("the service answers later")
        return _single_certificate(body)

    def fetch_bundle(self, url: str, identity: TlsIdentity) -> bytes:
        """See EnrolmentClient."""
        return self._ask(url, _context(identity), "GET", "/enrolment/bundle", limit=MAX_BUNDLE_BYTES)[1]

    def _post(
        self, url: str, identity: TlsIdentity, operation: str, request: bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        sent = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64", **headers}
        body = base64.encodebytes(request)
        return self._ask(url, _context(identity), "POST", f"{_BASE}/{operation}", body=body, headers=sent)

    def _ask(
        self,
        url: str,
        context: ssl.SSLContext,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        limit: int = MAX_ANSWER_BYTES,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        address = urlsplit(url)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port or 443, timeout=self._timeout_s, context=context
        )
        try:
            with closing(connection):
                connection.request(method, path, body, headers or {})
                answer = connection.getresponse()
                content = answer.read(limit + 1)
        except ssl.SSLCertVerificationError as error:
            raise ServiceAnswerError(f"the certificate of the service: {error.verify_message}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnreachableError(f"{address.hostname}: {_reason(error)}") from error
        if len(content) > limit:
            raise ServiceAnswerError("the answer is too long")
        _raise_for_status(answer.status, content)
        return answer, content


def _raise_for_status(status: int, content: bytes) -> None:
    if status in {http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED}:
        return
    if status in _TEMPORARY:
        raise ServiceUnreachableError(f"the service answers with HTTP {status}")
    code = content[:200].decode("ascii", "replace").partition(":")[0].strip()
    if status in {400, 401, 403} and code and all(each.isalnum() or each == "-" for each in code):
        raise RefusedError(code)
    raise ServiceAnswerError(f"the service answers with HTTP {status}")


def _context(identity: TlsIdentity) -> ssl.SSLContext:
    """TLS that trusts this authority alone. Raises ServiceAnswerError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=identity.authority_pem.decode("ascii"))
        if identity.certificate_path is not None:
            context.load_cert_chain(identity.certificate_path, identity.key_path)
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceAnswerError("the certificate of this device cannot be used") from error
    if not identity.check_dates:
        context.verify_flags = ssl.VerifyFlags(int(context.verify_flags) | _NO_CHECK_TIME)
    return context


def _certificates(body: bytes) -> list[x509.Certificate]:
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
    except UNREADABLE_CERTIFICATE as error:
        raise ServiceAnswerError("the answer holds no certificate") from error


def _single_certificate(body: bytes) -> bytes:
    found = _certificates(body)
    if not found:
        raise ServiceAnswerError("the answer holds no certificate")
    return found[0].public_bytes(Encoding.PEM)


def _retry_after_s(answer: http.client.HTTPResponse) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdecimal() else DEFAULT_RETRY_AFTER_S


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
