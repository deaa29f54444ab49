"""Takes a kiosk from the QR code to its certificate, keys and lists. Each step can be interrupted by a power cut."""

import json
import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from kiosk.core import file_names
from kiosk.core.model import ClockQuality
from kiosk.core.ports import Clock
from kiosk.core.status import EnrolmentStatus
from kiosk.enrolment import certificate_check, device_key
from kiosk.enrolment.certificate_check import Bundle, CheckError
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.invitation_code import InvitationCode, InvitationCodeError, parse_invitation
from kiosk.enrolment.service_port import (
    EnrolmentClient,
    RefusedError,
    ServiceAnswerError,
    ServiceUnreachableError,
    TlsIdentity,
    WaitAnswer,
)
from kiosk.enrolment.wifi import WifiError, WifiJoiner
from mqtt.centre.enrolment.key_words import LANGUAGES, key_words

RETRY_S = 5.0
IDLE_S = 0.2
LONGEST_WITHOUT_CLOCK = timedelta(minutes=60)
"""A device whose clock is not set cannot judge the end of a code. It asks this long at most, and the centre judges."""
NO_CODE, JOINING_WIFI, NO_NETWORK, WAITING, INSTALLING, DONE, FAILED = (
    "no-code", "joining-wifi", "no-network", "waiting", "installing", "done", "failed",
)  # fmt: skip

log = logging.getLogger(__name__)


class CandidateError(Exception):
    """The configuration of the centre does not fit this device. The text says why."""


class Enroller:
    """One thread calls `step`. `offer` and `status`: any thread."""

    def __init__(
        self,
        folder: EnrolmentFolder,
        client: EnrolmentClient,
        clock: Clock,
        *,
        hardware_serial: str,
        wifi: WifiJoiner | None = None,
        check_candidate: Callable[[Path], None],
    ) -> None:
        """Goes on with what a power cut interrupted.

        `wifi` None: networks of codes are not joined. `check_candidate` gets the folder of the new files before they are in
        force, and raises CandidateError. Raises OSError.
        """
        self._folder = folder
        self._client = client
        self._clock = clock
        self._serial = hardware_serial
        self._wifi = wifi
        self._check_candidate = check_candidate
        self._lock = threading.Lock()
        self._offered: bytes | None = None
        self._taken = b""
        """Text of the code that is in work. It stays in view of the camera for seconds."""
        self._failed = (b"", "")
        """Text of the last code that ended in a failure, and the reason. Its key is gone: a new code is needed."""
        self._status = EnrolmentStatus(NO_CODE)
        self._code: InvitationCode | None = None
        self._key_pem = b""
        self._begun_s = 0.0
        self._wifi_done = False
        self._authority = b""
        self._resume()

    @property
    def status(self) -> EnrolmentStatus:
        """How far it is."""
        return self._status

    def offer(self, text: bytes) -> str:
        """A code was read. Returns the code of the reason if it is not taken. Taken and repeated codes: an empty text."""
        try:
            code = parse_invitation(text)
        except InvitationCodeError:
            return self._reject("damaged-code")
        now = self._clock.now()
        if now.quality is not ClockQuality.UNSET and now.utc_at >= code.expires_at:
            return self._reject("expired")
        with self._lock:
            if text == self._failed[0]:
                return self._failed[1]
            if text not in {self._offered, self._taken}:
                self._offered = text
        return ""

    def _reject(self, reason: str) -> str:
        if self._code is None and self._offered is None:
            self._status = EnrolmentStatus(FAILED, reason)
        return reason

    def step(self) -> float:
        """Do what is due. Returns after how many seconds to call it again. Raises OSError if the disk fails."""
        with self._lock:
            offered, self._offered = self._offered, None
            self._taken = offered or self._taken
        if offered is not None:
            self._begin(offered)
        code = self._code
        if code is None or self._status.stage == DONE:
            return IDLE_S
        if self._is_over(code):
            return self._fail("expired")
        try:
            return self._attempt(code)
        except (ServiceUnreachableError, ServiceAnswerError) as error:
            reason = "unreachable" if isinstance(error, ServiceUnreachableError) else "wrong-service"
            return self._wait(reason, str(error))
        except RefusedError as error:
            return self._fail(error.code)
        except (CheckError, CandidateError) as error:
            log.error("enrolment: %s", error)
            return self._fail("unusable-answer" if isinstance(error, CheckError) else "unusable-configuration")

    def _resume(self) -> None:
        """After a restart: the same key and the same code, if they are complete."""
        if self._folder.is_enrolled:
            self._folder.discard_pending()
            return
        pending = self._folder.pending()
        if pending is None:
            return
        try:
            self._take(parse_invitation(pending.code), pending.key_pem)
            self._taken = pending.code
        except (InvitationCodeError, device_key.DeviceKeyError):  # a damaged card
            self._folder.discard_pending()

    def _begin(self, text: bytes) -> None:
        key_pem = device_key.make_key()
        self._folder.begin(text, key_pem)
        self._take(parse_invitation(text), key_pem)

    def _take(self, code: InvitationCode, key_pem: bytes) -> None:
        public_key = device_key.public_key_der(key_pem)
        words = {language: " ".join(key_words(public_key, language)) for language in LANGUAGES}
        expires_at = code.expires_at.isoformat()
        self._code, self._key_pem, self._authority, self._wifi_done = code, key_pem, b"", code.wifi is None
        self._begun_s = self._clock.now().monotonic_s
        self._status = EnrolmentStatus(INSTALLING, "", code.wire_name, words, expires_at)
        log.info("enrolment as %s has begun", code.wire_name)

    def _is_over(self, code: InvitationCode) -> bool:
        now = self._clock.now()
        if now.quality is ClockQuality.UNSET:
            return now.monotonic_s - self._begun_s > LONGEST_WITHOUT_CLOCK.total_seconds()
        return now.utc_at >= code.expires_at

    def _attempt(self, code: InvitationCode) -> float:
        self._join_wifi(code)
        if not self._authority:
            self._authority = self._client.fetch_authority(code.url, code.authority_fingerprint)
        request = device_key.make_request(self._key_pem, code.wire_name, self._serial)
        answer = self._client.enrol(code.url, self._identity(), code.wire_name, code.token, request)
        if isinstance(answer, WaitAnswer):
            self._set(WAITING)
            return answer.retry_after_s
        self._set(INSTALLING)
        self._check_validity(answer, code)
        certificate_path, key_path = self._folder.write_pending_certificate(answer)
        identity = TlsIdentity(self._authority, certificate_path, key_path, self._identity().check_dates)
        data = self._client.fetch_bundle(code.url, identity)
        self._install(code, answer, certificate_check.open_bundle(data, self._authority, code.site, code.device))
        return IDLE_S

    def _join_wifi(self, code: InvitationCode) -> None:
        """Once for each code and start. Where it fails, there may be another way: the attempt goes on."""
        if self._wifi_done or code.wifi is None:
            return
        self._wifi_done = True
        if self._wifi is None:
            return
        self._set(JOINING_WIFI)
        try:
            self._wifi.join(code.wifi)
        except WifiError as error:
            self._wifi_done = False
            log.warning("enrolment: the Wi-Fi network cannot be joined: %s", error)

    def _identity(self) -> TlsIdentity:
        return TlsIdentity(self._authority, check_dates=self._clock.now().quality is not ClockQuality.UNSET)

    def _check_validity(self, pem: bytes, code: InvitationCode) -> None:
        """Dates count only where the clock is set. Later the broker's connection judges them."""
        public_key = device_key.public_key_der(self._key_pem)
        life = certificate_check.check_certificate(pem, self._authority, code.wire_name, public_key)
        now = self._clock.now()
        if now.quality is not ClockQuality.UNSET and not certificate_check.is_valid_at(life, now.utc_at):
            raise CheckError("the certificate is not valid now")

    def _install(self, code: InvitationCode, certificate: bytes, bundle: Bundle) -> None:
        settings = settings_of(code, bundle, self._clock.now().utc_at)
        files = {
            **bundle.files,
            file_names.CA_CERTIFICATE: self._authority,
            file_names.ENROLLED_CERTIFICATE: certificate,
            file_names.ENROLLED_KEY: self._key_pem,
            file_names.PSEUDONYM_KEY: secrets.token_bytes(32),
            file_names.ENROLMENT_SETTINGS: json.dumps(settings, ensure_ascii=False, indent=1).encode(),
        }
        generation = self._folder.write_generation(files)
        try:
            self._check_candidate(generation)
        except CandidateError:
            self._folder.remove_unused()
            raise
        self._folder.switch(generation)
        self._folder.discard_pending()
        self._set(DONE)
        log.info("this kiosk is now %s", code.wire_name)

    def _set(self, stage: str, reason: str = "") -> None:
        before = self._status
        self._status = EnrolmentStatus(stage, reason, before.name, before.words, before.expires_at)

    def _wait(self, reason: str, text: str) -> float:
        if (self._status.stage, self._status.reason) != (NO_NETWORK, reason):
            log.warning("enrolment: %s. It is tried again until the code ends", text)
        self._set(NO_NETWORK, reason)
        return RETRY_S

    def _fail(self, reason: str) -> float:
        """Forget code and key. A new code begins again."""
        log.error("enrolment as %s has failed: %s", self._status.name, reason)
        self._folder.discard_pending()
        self._code, self._key_pem = None, b""
        with self._lock:
            self._failed, self._taken = (self._taken, reason), b""
        self._status = EnrolmentStatus(FAILED, reason, self._status.name)
        return IDLE_S


def settings_of(code: InvitationCode, bundle: Bundle, now_at: datetime) -> dict[str, object]:
    """The content of settings.json."""
    return {
        "site": code.site,
        "device": code.device,
        "brokers": list(bundle.brokers or code.brokers),
        "url": bundle.url or code.url,
        "values_toml": bundle.values,
        "enrolled_at": now_at.isoformat(timespec="seconds"),
    }
