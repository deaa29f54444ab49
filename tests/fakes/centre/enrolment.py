"""A centre that enrols kiosks: its authority, keys, lists and settings in a folder, and its service on a free port."""

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7
from werkzeug.test import TestResponse

from kiosk.credentials.issuing.samples import make_sample_data
from kiosk.enrolment import est_client
from kiosk.enrolment.invitation_code import InvitationCode, WifiNetwork, parse_invitation
from kiosk.enrolment.service_port import ServiceAnswerError, ServiceUnreachableError, TlsIdentity, WaitAnswer
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.enrolment.service import EnrolmentService
from mqtt.centre.enrolment.settings import CentreEnrolmentSettings, write_settings
from mqtt.centre.ingest.database import open_query
from web_ui.centre.enrolment_codes import invitation_text
from web_ui.centre.est.app import create_est_app
from web_ui.centre.est.request_rate import RequestRate
from web_ui.server import tls

SITE, DEVICE = "dong-ba", "gate-7"
NAME = f"{SITE}/{DEVICE}"
REASON = "a new gate at the market"


@dataclass
class EnrolmentCentre:
    """Files and database of one centre."""

    folder: Path
    database: str
    url: str = "https://127.0.0.1:1"
    brokers: tuple[str, ...] = ("127.0.0.1:8883",)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    certificate_days: int = 730
    values: str = ""
    authority: CertificateAuthority = field(init=False)

    def __post_init__(self) -> None:
        prepare_enrolment(self.database)
        self.authority = CertificateAuthority.create(self.pki, "test authority", datetime.now(UTC))
        self.authority.issue("enrolment", CertificateUse.SERVER, datetime.now(UTC), 3650, ["127.0.0.1", "localhost"])
        samples = make_sample_data(datetime.now(UTC))
        sealing = X25519PrivateKey.generate().public_key()
        files = {
            "root.pem": samples.root_pem,
            "trust-list.cose": samples.trust_list,
            "denylist.cose": samples.denylist,
            "centre-public.pem": sealing.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        }
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self.write_settings()

    @property
    def pki(self) -> Path:
        """Folder of the authority."""
        return self.folder / "pki"

    def settings(self) -> CentreEnrolmentSettings:
        """What kiosks get."""
        return CentreEnrolmentSettings(
            url=self.url,
            brokers=self.brokers,
            authority=(self.pki / "ca.pem").read_bytes(),
            root_public_key=(self.folder / "root.pem").read_bytes(),
            sealing_public_key=(self.folder / "centre-public.pem").read_bytes(),
            trust_list=(self.folder / "trust-list.cose").read_bytes(),
            denylist=(self.folder / "denylist.cose").read_bytes(),
            values=self.values,
            certificate_days=self.certificate_days,
        )

    def write_settings(self) -> None:
        """Write them to the database."""
        with open_query(self.database) as query:
            write_settings(query, self.settings())

    def service(self) -> EnrolmentService:
        """The service of this centre, without HTTP."""
        return EnrolmentService(self.database, self.pki)

    def invite(
        self, site: str = SITE, device: str = DEVICE, wifi: WifiNetwork | None = None
    ) -> tuple[Invitation, bytes]:
        """A new invitation, and the text of its code."""
        with open_query(self.database) as query:
            made, token = invitations.create_invitation(query, site, device, "an", self.now())
        return made, invitation_text(self.settings(), made, token, wifi).encode()

    def code(self) -> InvitationCode:
        """The content of a new code."""
        return parse_invitation(self.invite()[1])

    def approve(self, number: int, *, approve: bool = True) -> None:
        """A person approves or refuses a request that waits."""
        with open_query(self.database) as query:
            invitations.decide(query, number, approve=approve, by="an", now=self.now())

    def found(self, number: int) -> Invitation:
        """The present state of an invitation."""
        with open_query(self.database) as query:
            found = invitations.find_invitation(query, number)
        assert found
        return found

    def audited(self) -> list[str]:
        """What the audit has, oldest first."""
        with open_query(self.database) as query:
            return [str(row["what"]) for row in query("SELECT what FROM audit ORDER BY number")]

    @contextmanager
    def served(self) -> Iterator[str]:
        """`kiosk centre enrol serve` as a process on a free port. Yields its address, which is also written to the settings."""
        command = [
            sys.executable, "-m", "kiosk.cli", "centre", "--database", self.database, "enrol", "serve", "--host", "127.0.0.1",
            "--port", "0", "--pki", str(self.pki), "--certificate", str(self.pki / "enrolment.pem"),
            "--key", str(self.pki / "enrolment.key"),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            line = process.stdout.readline()
            found = re.fullmatch(r"enrolment: (https://127\.0\.0\.1:\d+)/\n", line)
            try:
                if not found:
                    process.terminate()
                    raise AssertionError(line + process.communicate()[1])
                self.url = found[1]
                self.write_settings()
                yield self.url
            finally:
                process.terminate()


@dataclass
class LocalClient:
    """An EnrolmentClient without a network: it calls the application of the service. Keeps all that was sent and answered."""

    centre: EnrolmentCentre
    is_reachable: bool = True
    address: str = "10.0.0.7"
    sent: list[bytes] = field(default_factory=list)
    dates_checked: list[bool] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    """The certificate requests, DER."""
    rate: RequestRate = field(default_factory=lambda: RequestRate(limit=10**9))
    change_bundle: Callable[[bytes], bytes] = lambda data: data
    change_certificate: Callable[[bytes], bytes] = lambda pem: pem

    def __post_init__(self) -> None:
        self._app = create_est_app(self.centre.service(), self.rate, self.centre.now)

    def fetch_authority(self, url: str, fingerprint: bytes) -> bytes:
        found = self._ask("GET", "/.well-known/est/cacerts")
        certificate = pkcs7.load_der_pkcs7_certificates(base64.b64decode(found.data))[0]
        if certificate.fingerprint(hashes.SHA256()) != fingerprint:
            raise ServiceAnswerError("the authority is not that of the invitation")
        return certificate.public_bytes(Encoding.PEM)

    def enrol(self, url: str, identity: TlsIdentity, name: str, token: bytes, request: bytes) -> WaitAnswer | bytes:
        self.dates_checked.append(identity.check_dates)
        self.requests.append(request)
        credentials = base64.b64encode(f"{name}:{token.hex()}".encode()).decode()
        answer = self._post("simpleenroll", request, {"Authorization": f"Basic {credentials}"})
        if answer.status_code == 202:
            return WaitAnswer(float(answer.headers["Retry-After"]))
        return self.change_certificate(self._certificate(answer))

    def renew(self, url: str, identity: TlsIdentity, request: bytes) -> bytes:
        self.requests.append(request)
        return self.change_certificate(self._certificate(self._post("simplereenroll", request, {}, identity)))

    def fetch_bundle(self, url: str, identity: TlsIdentity) -> bytes:
        return self.change_bundle(self._ask("GET", "/enrolment/bundle", identity=identity).data)

    def _certificate(self, answer: TestResponse) -> bytes:
        found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))
        return found[0].public_bytes(Encoding.PEM)

    def _post(
        self, operation: str, request: bytes, headers: dict[str, str], identity: TlsIdentity | None = None
    ) -> TestResponse:
        headers = {"Content-Type": "application/pkcs10", **headers}
        path = f"/.well-known/est/{operation}"
        return self._ask("POST", path, base64.encodebytes(request), headers, identity)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        identity: TlsIdentity | None = None,
    ) -> TestResponse:
        if not self.is_reachable:
            raise ServiceUnreachableError("no route to host")
        environ: dict[str, object] = {"REMOTE_ADDR": self.address}
        if identity is not None and identity.certificate_path is not None:
            certificate = x509.load_pem_x509_certificate(identity.certificate_path.read_bytes())
            environ[tls.CLIENT_CERTIFICATE] = certificate.public_bytes(Encoding.DER)
        self.sent.append(body)
        answer = self._app.test_client().open(
            path, method=method, data=body, headers=headers, environ_overrides=environ
        )
        est_client._raise_for_status(answer.status_code, answer.data)
        return answer
