"""Renewal at two thirds of life: the old certificate stays until the new one has a receipt, whatever is sabotaged."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.core.model import ClockQuality
from kiosk.enrolment.device_key import make_key
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.health import Measurements, evaluate
from mqtt.centre.enrolment import device_certificates
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.enrolment import DEVICE, NAME, SITE, EnrolmentCentre, LocalClient
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk, HandClock
from tests.fakes.enrolment.renewing_kiosk import CheckingBroker, RenewingKiosk, renewing

DAYS = 90
MINUTE = timedelta(minutes=1)
KIOSKS, YEARS = int(os.environ.get("RENEWAL_KIOSKS", "8")), 2
STEP_DAYS = 10
"""Of the simulated calendar. A renewal is due every 60 days."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime.now(UTC))


@pytest.fixture
def centre(tmp_path: Path, clock: HandClock) -> EnrolmentCentre:
    now = clock.now
    return EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"), now=lambda: now().utc_at, certificate_days=DAYS)


@pytest.fixture
def broker(centre: EnrolmentCentre) -> CheckingBroker:
    return CheckingBroker(centre.authority.certificate, centre.now)


def enrolled(
    centre: EnrolmentCentre, client: LocalClient, clock: HandClock, folder: Path, device: str = DEVICE
) -> EnrollingKiosk:
    kiosk = EnrollingKiosk(EnrolmentFolder(folder), client, clock)
    invitation, text = centre.invite(SITE, device)
    kiosk.show(text)
    centre.approve(invitation.number)
    assert kiosk.step() == "done"
    return kiosk


@pytest.fixture
def kiosk(centre: EnrolmentCentre, broker: CheckingBroker, clock: HandClock, tmp_path: Path) -> RenewingKiosk:
    """Enrolled, and one step before its renewal."""
    made = renewing(enrolled(centre, LocalClient(centre), clock, tmp_path / "enrolment"), broker, NAME)
    made.live(MINUTE)
    made.live(timedelta(days=DAYS * 2 / 3 - 2))
    assert not made.renewal.status.is_on_trial
    clock.advance(timedelta(days=3))
    return made


def check_of(kiosk: RenewingKiosk) -> tuple[str, str]:
    """The health check of the certificate."""
    status, now = kiosk.renewal.status, kiosk.clock.now()
    left_s = (status.ends_at - now.utc_at).total_seconds() if status.ends_at else None
    found = next(
        each
        for each in evaluate(Measurements(certificate_left_s=left_s, renewal_error=status.error))
        if each.code == "certificate"
    )
    return found.status.value, found.reason


def test_a_new_certificate_is_in_force_after_its_first_receipt(kiosk: RenewingKiosk, broker: CheckingBroker) -> None:
    first = kiosk.certificate
    kiosk.live(MINUTE)
    assert kiosk.renewal.status.is_on_trial
    assert kiosk.certificate == first
    for _ in range(3):
        kiosk.live(timedelta(seconds=1))
    second = kiosk.certificate
    assert second.not_valid_after_utc > first.not_valid_after_utc
    assert second.public_key() != first.public_key()
    assert broker.accepted[-1] == second.serial_number
    assert check_of(kiosk) == ("pass", "")
    assert [path.name for path in kiosk.folder.path.glob("[0-9]*")] == ["2"]
    assert kiosk.outages == 0


def test_at_a_quiet_gate_the_trial_waits_for_the_next_person(kiosk: RenewingKiosk) -> None:
    first = kiosk.certificate
    for _ in range(600):
        kiosk.live(MINUTE, passes=False)
    assert kiosk.renewal.status.is_on_trial
    assert kiosk.certificate == first
    kiosk.live(MINUTE)
    kiosk.live(MINUTE)
    assert kiosk.certificate != first


def sabotage_wrong_certificate(kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    other = load_pem_private_key(make_key(), None).public_key()
    wrong = centre.authority.sign_client(other, NAME, centre.now(), DAYS)  # type: ignore[arg-type]
    kiosk.client.change_certificate = lambda _: wrong.public_bytes(Encoding.PEM)  # type: ignore[attr-defined]


def sabotage_refusing_broker(kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker) -> None:
    genuine = broker.admit

    def refuse_new(path: Path) -> None:
        if path.parent.name not in {"current", "1"}:
            raise broker_refusal()
        genuine(path)

    broker.admit = refuse_new  # type: ignore[method-assign]


def broker_refusal() -> Exception:
    from mqtt.connection import BrokerRefusedError

    return BrokerRefusedError("the broker refuses the certificate")


def sabotage_no_receipts(kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker) -> None:
    broker.sends_receipts = False


def sabotage_no_service(kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker) -> None:
    kiosk.client.is_reachable = False  # type: ignore[attr-defined]


def sabotage_shorter_life(kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker) -> None:
    centre.certificate_days = 1
    centre.write_settings()


SABOTAGES = [
    sabotage_wrong_certificate, sabotage_refusing_broker, sabotage_no_receipts, sabotage_no_service, sabotage_shorter_life,
]  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_a_sabotaged_renewal_leaves_the_old_certificate_in_use_and_raises_an_alert(
    kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker, sabotage: object
) -> None:
    first = kiosk.certificate
    sabotage(kiosk, centre, broker)  # type: ignore[operator]
    for _ in range(10):
        kiosk.live(MINUTE)
    assert kiosk.certificate == first
    assert not kiosk.renewal.status.is_on_trial
    assert check_of(kiosk) == ("warn", "renewal-failed")
    broker.sends_receipts = True
    for _ in range(3):
        kiosk.relay()
    assert broker.accepted[-1] == first.serial_number
    assert (kiosk.waiting, kiosk.outages) == (0, 0)
    assert [path.name for path in kiosk.folder.path.glob("[0-9]*")] == ["1"]


def test_after_a_failure_it_is_tried_again_hours_later(kiosk: RenewingKiosk) -> None:
    first = kiosk.certificate
    kiosk.client.is_reachable = False  # type: ignore[attr-defined]
    kiosk.live(MINUTE)
    kiosk.client.is_reachable = True  # type: ignore[attr-defined]
    for _ in range(5):
        kiosk.live(MINUTE)
    assert kiosk.certificate == first
    kiosk.live(timedelta(hours=5))
    for _ in range(3):
        kiosk.live(MINUTE)
    assert kiosk.certificate != first
    assert check_of(kiosk) == ("pass", "")


def test_a_power_cut_in_the_trial_begins_with_the_old_certificate(kiosk: RenewingKiosk) -> None:
    first = kiosk.certificate
    kiosk.live(MINUTE)
    assert kiosk.renewal.status.is_on_trial
    kiosk.restart()
    assert kiosk.certificate == first
    assert [path.name for path in kiosk.folder.path.glob("[0-9]*")] == ["1"]
    for _ in range(3):
        kiosk.live(MINUTE)
    assert kiosk.certificate != first


def test_without_a_clock_nothing_is_renewed(kiosk: RenewingKiosk) -> None:
    kiosk.clock.quality = ClockQuality.UNSET
    kiosk.live(MINUTE)
    assert not kiosk.renewal.status.is_on_trial
    kiosk.clock.quality = ClockQuality.SYNCHRONISED
    kiosk.live(MINUTE)
    assert kiosk.renewal.status.is_on_trial


def test_a_revoked_kiosk_gets_no_new_certificate_and_says_so(
    kiosk: RenewingKiosk, centre: EnrolmentCentre, broker: CheckingBroker
) -> None:
    with open_query(centre.database) as query:
        device_certificates.revoke_device(query, SITE, DEVICE, by="an", why="stolen", now=centre.now())
    kiosk.live(MINUTE)
    assert kiosk.renewal.status.error == "revoked"


def test_an_expired_certificate_is_an_alert_of_its_own(kiosk: RenewingKiosk) -> None:
    kiosk.client.is_reachable = False  # type: ignore[attr-defined]
    kiosk.live(timedelta(days=DAYS))
    assert check_of(kiosk) == ("warn", "expired")


@pytest.mark.timeout(900)
def test_kiosks_live_two_years_without_an_outage(
    centre: EnrolmentCentre, broker: CheckingBroker, clock: HandClock, tmp_path: Path, record_property: object
) -> None:
    """All share one calendar. Certificates live for 90 days. RENEWAL_KIOSKS=100 is the long form."""
    client = LocalClient(centre)
    kiosks = []
    for number in range(KIOSKS):
        device = f"gate-{number}"
        made = enrolled(centre, client, clock, tmp_path / device, device)
        kiosks.append(renewing(made, broker, f"{SITE}/{device}"))
    first = [kiosk.certificate.serial_number for kiosk in kiosks]
    for _ in range(YEARS * 365 // STEP_DAYS):
        clock.advance(timedelta(days=STEP_DAYS))
        for kiosk in kiosks:
            kiosk.live(timedelta(0))
            while kiosk.renewal.status.is_on_trial:
                kiosk.live(timedelta(0))
    assert sum(kiosk.outages for kiosk in kiosks) == 0
    assert all(kiosk.certificate.serial_number != old for kiosk, old in zip(kiosks, first, strict=True))
    with open_query(centre.database) as query:
        renewed = query("SELECT count(*) AS number FROM device_certificate WHERE origin = 'renewed'")[0]["number"]
    assert renewed == KIOSKS * (YEARS * 365 // (DAYS * 2 // 3))
    record_property("renewals", renewed)  # type: ignore[operator]
