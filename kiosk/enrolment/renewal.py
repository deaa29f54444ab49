"""Renews the certificate of this device at two thirds of its life. The old one stays in force until the new one has a receipt."""

import logging
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kiosk.core import file_names
from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import Clock
from kiosk.enrolment import certificate_check, device_key
from kiosk.enrolment.certificate_check import CheckError, Validity
from kiosk.enrolment.credential_trial import CredentialSlot, files_of
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.service_port import (
    EnrolmentClient,
    RefusedError,
    RenewalStatus,
    ServiceAnswerError,
    ServiceUnreachableError,
    TlsIdentity,
)

RENEW_AT_SHARE = 2 / 3
"""Of the life of a certificate."""
TRIAL_S = 180.0
"""How long the new connection may lack a broker, or a receipt while events wait for one."""
RETRY_S = 3 * 3600.0
"""After a renewal that failed, with jitter. The service gives a device twelve certificates a day."""
IDLE_S = 30.0
TRIAL_STEP_S = 1.0
log = logging.getLogger(__name__)


def renewal_due_at(life: Validity) -> datetime:
    """When to renew."""
    return life.begins_at + (life.ends_at - life.begins_at) * RENEW_AT_SHARE


class Renewal:
    """One thread calls `step`. `status`: any thread."""

    def __init__(
        self,
        folder: EnrolmentFolder,
        slot: CredentialSlot,
        client: Callable[[], EnrolmentClient],
        clock: Clock,
        *,
        name: str,
        url: str,
        hardware_serial: str,
        has_waiting_events: Callable[[], bool],
        jitter: random.Random | None = None,
    ) -> None:
        """`client` makes the client at the first renewal: it imports what no other part needs.

        `name`: SITE/DEVICE. `url`: of the enrolment service. `has_waiting_events`: whether events wait for a receipt.
        """
        self._folder = folder
        self._slot = slot
        self._make_client = client
        self._client: EnrolmentClient | None = None
        self._clock = clock
        self._name = name
        self._url = url
        self._serial = hardware_serial
        self._has_waiting_events = has_waiting_events
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads attempts, not for security
        self._next_s = 0.0
        self._trial: Path | None = None
        self._trial_left_s = 0.0
        self._last_s = 0.0
        self._status = RenewalStatus()
        self._read_life()

    @property
    def status(self) -> RenewalStatus:
        """The present state."""
        return self._status

    def step(self) -> float:
        """Do what is due. Returns after how many seconds to call it again."""
        now = self._clock.now()
        try:
            if self._trial is not None:
                return self._watch_trial(now, self._trial)
            return self._begin(now) if self._is_due(now) else IDLE_S
        except (ServiceUnreachableError, ServiceAnswerError) as error:
            return self._fail(now, f"service: {error}")
        except (RefusedError, CheckError, device_key.DeviceKeyError) as error:
            return self._fail(now, str(error))
        except OSError as error:
            return self._fail(now, f"disk: {error.strerror}")

    def _is_due(self, now: ClockReading) -> bool:
        """Without a clock nothing is due: the certificate may be new."""
        life = self._read_life()
        if life is None or now.quality is ClockQuality.UNSET or now.monotonic_s < self._next_s:
            return False
        return now.utc_at >= renewal_due_at(life)

    def _read_life(self) -> Validity | None:
        try:
            pem = (self._folder.current / file_names.ENROLLED_CERTIFICATE).read_bytes()
            life = certificate_check.validity_of(pem)
        except (OSError, CheckError) as error:
            self._set(None, f"certificate: {error}")
            return None
        self._set(life.ends_at, self._status.error)
        return life

    def _begin(self, now: ClockReading) -> float:
        """Get the next certificate, and put it on trial beside the one in force. Raises what `step` catches."""
        files = self._folder.read_current()
        authority, key_pem = files[file_names.CA_CERTIFICATE], device_key.make_key()
        present = files_of(self._folder.current)
        identity = TlsIdentity(authority, present.certificate_path, present.key_path)
        request = device_key.make_request(key_pem, self._name, self._serial)
        self._client = self._client or self._make_client()
        pem = self._client.renew(self._url, identity, request)
        life = certificate_check.check_certificate(pem, authority, self._name, device_key.public_key_der(key_pem))
        if not certificate_check.is_valid_at(life, now.utc_at):
            raise CheckError("the new certificate is not valid now")
        if self._status.ends_at is not None and life.ends_at <= self._status.ends_at:
            raise CheckError("the new certificate ends no later than the present one")
        changed = {file_names.ENROLLED_CERTIFICATE: pem, file_names.ENROLLED_KEY: key_pem}
        self._trial = self._folder.write_generation({**files, **changed})
        self._trial_left_s, self._last_s = TRIAL_S, now.monotonic_s
        self._slot.begin_trial(files_of(self._trial))
        self._set(self._status.ends_at, self._status.error)
        log.info("a new certificate until %s is on trial", life.ends_at.date())
        return TRIAL_STEP_S

    def _watch_trial(self, now: ClockReading, generation: Path) -> float:
        """At a quiet gate the trial lasts until the next person: without an event there is nothing to confirm."""
        result = self._slot.result
        if result.has_receipt:
            self._folder.switch(generation)
            self._slot.keep_trial()
            self._trial = None
            self._set(self._status.ends_at, "")
            log.info("the new certificate has a receipt and is in force")
            return IDLE_S
        if not result.connected or self._has_waiting_events():
            self._trial_left_s -= now.monotonic_s - self._last_s
        self._last_s = now.monotonic_s
        if result.refusal:
            return self._fail(now, f"refused: {result.refusal}")
        if self._trial_left_s <= 0:
            return self._fail(now, "no-receipt" if result.connected else "no-connection")
        return TRIAL_STEP_S

    def _fail(self, now: ClockReading, error: str) -> float:
        """Stay with the certificate in force, and try again later."""
        if self._trial is not None:
            self._slot.end_trial()
            self._trial = None
        self._next_s = now.monotonic_s + self._jitter.uniform(RETRY_S, RETRY_S * 1.5)
        log.error("the certificate could not be renewed: %s. The present one stays in use", error)
        self._set(self._status.ends_at, error)
        try:
            self._folder.remove_unused()
        except OSError as disk_error:
            log.error("files of the trial could not be removed: %s", disk_error.strerror)
        return IDLE_S

    def _set(self, ends_at: datetime | None, error: str) -> None:
        self._status = RenewalStatus(ends_at, error, self._trial is not None)
