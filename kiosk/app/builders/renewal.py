"""Builds the renewal of the certificate of a device that was enrolled by a code."""

from kiosk import config
from kiosk.config.enrolled import read_enrolled
from kiosk.core.ports import Clock
from kiosk.delivery import OutboxRelay
from kiosk.enrolment.credential_trial import CredentialSlot, files_of
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.service_port import EnrolmentClient, RenewalWorker
from kiosk.storage import SqliteEventStore


def build_slot(settings: config.Settings) -> CredentialSlot | None:
    """Which certificate the connection to the broker uses. None: the one that the configuration names."""
    if not settings.uses_enrolment:
        return None
    return CredentialSlot(files_of(EnrolmentFolder(settings.enrolment.folder).current))


def build_renewal(
    settings: config.Settings,
    slot: CredentialSlot | None,
    store: SqliteEventStore,
    relay: OutboxRelay,
    clock: Clock,
) -> RenewalWorker | None:
    """None: the certificate of this device is renewed by hand. Raises OSError."""
    folder = EnrolmentFolder(settings.enrolment.folder)
    found = read_enrolled(folder.current)
    if slot is None or found is None:
        return None
    from kiosk.enrolment.device_key import read_hardware_serial  # noqa: PLC0415  other devices do not need X.509
    from kiosk.enrolment.renewal import Renewal  # noqa: PLC0415

    folder.remove_unused()  # what a power cut left of a trial
    return Renewal(
        folder,
        slot,
        _make_client,
        clock,
        name=f"{settings.site.site}/{settings.site.device}",
        url=str(found.get("url", "")),
        hardware_serial=read_hardware_serial(),
        has_waiting_events=lambda: relay.status().connected and store.backlog_size() > 0,
    )


def _make_client() -> EnrolmentClient:
    """Imports ssl and http at the first renewal, not at the start of the daemon."""
    from kiosk.enrolment.est_client import EstClient  # noqa: PLC0415

    return EstClient()
