"""The application of the enrolment service: which answer each address of RFC 7030 gives."""

import base64
import hashlib
import logging
import math
import re
from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE
from mqtt.centre.enrolment.certificate_request import (
    MAX_REQUEST_BYTES,
    CertificateRequest,
    CertificateRequestError,
    parse_request,
)
from mqtt.centre.enrolment.invitations import TOKEN_BYTES, EnrolmentRefusal, EnrolmentRefusedError
from mqtt.centre.enrolment.service import EnrolmentService, Issued, RenewalRefusedError
from mqtt.centre.enrolment.settings import NotSetUpError
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.est.request_rate import RequestRate
from web_ui.server.tls import CLIENT_CERTIFICATE

RETRY_AFTER_S = 5
"""How long a kiosk waits until it asks again whether its request is approved."""
SERVICE_RETRY_AFTER_S = 30
BASE = "/.well-known/est"
BUNDLE_PATH = "/enrolment/bundle"
SENTENCES = {
    EnrolmentRefusal.UNKNOWN_TOKEN: "The centre knows no such invitation for this device.",
    EnrolmentRefusal.EXPIRED: "The invitation has expired. Make a new one.",
    EnrolmentRefusal.SUPERSEDED: "A newer invitation of this device took the place of this one.",
    EnrolmentRefusal.OTHER_KEY: "The invitation was used with another key before. Make a new one.",
    EnrolmentRefusal.REFUSED: "The request was refused at the centre.",
    EnrolmentRefusal.WRONG_NAME: "The request names another device than the invitation.",
}
_LIST_NAME = re.compile(r"(trust|deny)-([0-9]{1,16})\.cose")
_TOKEN = re.compile(rf"[0-9a-f]{{{2 * TOKEN_BYTES}}}")
_log = logging.getLogger(__name__)


class BadRequestError(Exception):
    """The request is not as RFC 7030 has it. `status`: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


def create_est_app(
    service: EnrolmentService, rate: RequestRate | None = None, now: Callable[[], datetime] = utc_now
) -> Flask:
    """The application. It trusts `CLIENT_CERTIFICATE` and REMOTE_ADDR of its environment."""
    app = Flask("web_ui.centre.est", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES)
    views = _Views(service, rate or RequestRate(), now)
    app.before_request(views.check_rate)
    app.add_url_rule(f"{BASE}/cacerts", "cacerts", views.authority)
    app.add_url_rule(f"{BASE}/simpleenroll", "simpleenroll", views.enrol, methods=["POST"])
    app.add_url_rule(f"{BASE}/simplereenroll", "simplereenroll", views.renew, methods=["POST"])
    app.add_url_rule(BUNDLE_PATH, "bundle", views.bundle)
    app.add_url_rule("/lists/<name>", "lists", views.list_file)
    app.add_url_rule("/healthz", "healthz", lambda: _text(200, "ok"))
    app.register_error_handler(HTTPException, lambda error: _text(error.code or 500, error.name))
    app.register_error_handler(BadRequestError, lambda error: _text(error.status, f"bad-request: {error}"))
    app.register_error_handler(EnrolmentRefusedError, _refused)
    app.register_error_handler(RenewalRefusedError, lambda error: _text(403, f"{error}: No certificate was issued."))
    app.register_error_handler(NotSetUpError, _unavailable)
    app.register_error_handler(LedgerError, _unavailable)
    return app


class _Views:
    """The views. Flask calls them in any thread."""

    def __init__(self, service: EnrolmentService, rate: RequestRate, now: Callable[[], datetime]) -> None:
        self._service = service
        self._rate = rate
        self._now = now

    def check_rate(self) -> Response | None:
        """Too many requests of one address wait."""
        wait_s = self._rate.wait_s(request.remote_addr or "")
        if not wait_s:
            return None
        return _text(429, "too-many-requests: Ask again later.", {"Retry-After": str(math.ceil(wait_s))})

    def authority(self) -> Response:
        """RFC 7030 section 4.1. The kiosk compares the certificate with the fingerprint in its QR code."""
        return _certificates(self._service.authority_certificate)

    def enrol(self) -> Response:
        """RFC 7030 section 4.2. Name and token by HTTP Basic (section 3.2.3)."""
        name, token = _basic_credentials()
        wanted = _certificate_request()
        answer = self._service.enrol(name, token, wanted, request.remote_addr or "", self._now())
        if isinstance(answer, Issued):
            return _certificates(x509.load_pem_x509_certificate(answer.pem))
        return _text(202, "waiting: A person at the centre compares the words.", {"Retry-After": str(RETRY_AFTER_S)})

    def renew(self) -> Response:
        """RFC 7030 section 4.2.2. The kiosk shows its present certificate in TLS."""
        answer = self._service.renew(_client_certificate(), _certificate_request(), self._now())
        return _certificates(x509.load_pem_x509_certificate(answer.pem))

    def bundle(self) -> Response:
        """Keys, lists and values for the holder of a certificate."""
        return Response(self._service.bundle(_client_certificate()), mimetype="application/cose")

    def list_file(self, name: str) -> Response:
        """A signed list for the holder of a certificate, also from a byte on (RFC 9110 section 14)."""
        found = _LIST_NAME.fullmatch(name)
        content = self._service.list_content(_client_certificate(), found[1], int(found[2])) if found else None
        if content is None:
            return _text(404, "not-found: There is no such list.")
        answer = Response(content, mimetype="application/cose")
        answer.set_etag(hashlib.sha256(content).hexdigest())
        answer.make_conditional(request.environ, accept_ranges=True, complete_length=len(content))
        return answer


def _basic_credentials() -> tuple[str, bytes]:
    """Name and token. Raises EnrolmentRefusedError."""
    given = request.authorization
    if given is None or given.type != "basic" or not _TOKEN.fullmatch(given.password or ""):
        raise EnrolmentRefusedError(EnrolmentRefusal.UNKNOWN_TOKEN)
    return given.username or "", bytes.fromhex(given.password or "")


def _certificate_request() -> CertificateRequest:
    if request.mimetype != "application/pkcs10":
        raise BadRequestError(415, "the content type is application/pkcs10")
    try:
        return parse_request(request.get_data())
    except CertificateRequestError as error:
        raise BadRequestError(400, str(error)) from error


def _client_certificate() -> x509.Certificate:
    given = request.environ.get(CLIENT_CERTIFICATE)
    if given is None:
        raise RenewalRefusedError("certificate-required")
    try:
        return x509.load_der_x509_certificate(given)
    except UNREADABLE_CERTIFICATE as error:
        raise RenewalRefusedError("certificate-required") from error


def _certificates(certificate: x509.Certificate) -> Response:
    """RFC 7030 section 4.1.3: certs-only PKCS#7, base64."""
    der = pkcs7.serialize_certificates([certificate], Encoding.DER)
    answer = Response(base64.encodebytes(der), content_type="application/pkcs7-mime; smime-type=certs-only")
    answer.headers["Content-Transfer-Encoding"] = "base64"
    return answer


def _refused(error: EnrolmentRefusedError) -> Response:
    text = f"{error.refusal}: {SENTENCES[error.refusal]}"
    if error.refusal is EnrolmentRefusal.UNKNOWN_TOKEN:
        return _text(401, text, {"WWW-Authenticate": 'Basic realm="enrolment"'})
    return _text(403, text)


def _unavailable(error: Exception) -> Response:
    _log.error("no answer is possible: %s", printable(str(error)))
    return _text(503, "unavailable: The centre cannot answer now.", {"Retry-After": str(SERVICE_RETRY_AFTER_S)})


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    answer = Response(f"{text}\n", status, mimetype="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers.update(headers or {})
    return answer
