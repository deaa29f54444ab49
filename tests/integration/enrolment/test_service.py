"""Invitations, approvals and renewals in a real database, SQLite and PostgreSQL."""

import base64
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.enrolment.device_key import make_key, make_request
from kiosk.enrolment.invitation_code import parse_invitation
from mqtt.centre.accounts.audit import verify_audit
from mqtt.centre.enrolment import device_certificates, invitations
from mqtt.centre.enrolment.certificate_request import CertificateRequest, parse_request
from mqtt.centre.enrolment.invitations import EnrolmentRefusal, EnrolmentRefusedError, InvitationError, InvitationState
from mqtt.centre.enrolment.service import EnrolmentService, Issued, RenewalRefusedError, Waiting
from mqtt.centre.enrolment.settings import NotSetUpError, read_settings
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.enrolment import DEVICE, NAME, SITE, EnrolmentCentre

NOW = datetime.now(UTC)
ADDRESS = "10.0.0.7"


@pytest.fixture(autouse=True)
def fixed_time(centre: EnrolmentCentre) -> None:
    """The centre and the tests have one clock, however long the tests before took."""
    centre.now = lambda: NOW


def request_of(key: bytes, name: str = NAME) -> CertificateRequest:
    return parse_request(base64.b64encode(make_request(key, name, "10000000abcdef")))


def invited(centre: EnrolmentCentre) -> tuple[int, bytes]:
    made, text = centre.invite()
    return made.number, parse_invitation(text).token


def refusal(
    service: EnrolmentService, token: bytes, request: CertificateRequest, *, name: str = NAME, now: datetime = NOW
) -> EnrolmentRefusal:
    with pytest.raises(EnrolmentRefusedError) as caught:
        service.enrol(name, token, request, ADDRESS, now)
    return caught.value.refusal


def enrolled(centre: EnrolmentCentre) -> tuple[EnrolmentService, x509.Certificate]:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    service.enrol(NAME, token, request, ADDRESS, NOW)
    centre.approve(number)
    answer = service.enrol(NAME, token, request, ADDRESS, NOW)
    assert isinstance(answer, Issued)
    return service, x509.load_pem_x509_certificate(answer.pem)


def test_a_kiosk_waits_until_a_person_approves_and_then_gets_a_certificate_for_the_broker(
    centre: EnrolmentCentre,
) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    assert service.enrol(NAME, token, request, ADDRESS, NOW) == Waiting()
    waiting = centre.found(number)
    assert (waiting.state, waiting.hardware_serial, waiting.address) == (
        InvitationState.WAITING,
        "10000000abcdef",
        ADDRESS,
    )
    assert service.enrol(NAME, token, request, ADDRESS, NOW) == Waiting()
    centre.approve(number)
    answer = service.enrol(NAME, token, request, ADDRESS, NOW)
    assert isinstance(answer, Issued)
    certificate = x509.load_pem_x509_certificate(answer.pem)
    certificate.verify_directly_issued_by(centre.authority.certificate)
    assert [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [NAME]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["dong-ba.gate-7"]
    assert certificate.public_key() == request.public_key
    assert centre.audited() == ["issue-certificate"]
    with open_query(centre.database) as query:
        assert list(verify_audit(query)) == []


def test_the_same_key_gets_the_same_certificate_again_also_after_the_end_of_the_code(centre: EnrolmentCentre) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    service.enrol(NAME, token, request, ADDRESS, NOW)
    centre.approve(number)
    answers = [service.enrol(NAME, token, request, ADDRESS, NOW + timedelta(hours=hours)) for hours in (0, 0, 2)]
    assert len(set(map(repr, answers))) == 1
    assert len({answer.pem for answer in answers if isinstance(answer, Issued)}) == 1


@pytest.mark.parametrize("state", ["waiting", "approved", "issued"])
def test_a_token_that_is_used_with_another_key_is_refused_counted_and_audited(
    centre: EnrolmentCentre, state: str
) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    service.enrol(NAME, token, request, ADDRESS, NOW)
    if state != "waiting":
        centre.approve(number)
    if state == "issued":
        service.enrol(NAME, token, request, ADDRESS, NOW)
    for count in (1, 2):
        assert refusal(service, token, request_of(make_key())) is EnrolmentRefusal.OTHER_KEY
        assert centre.found(number).conflicts == count
    assert centre.audited().count("enrolment-conflict") == 2
    with open_query(centre.database) as query:
        assert [one.number for one in invitations.read_conflicts(query, NOW)] == [number]
        assert invitations.read_conflicts(query, NOW + timedelta(days=2)) == []


def test_a_request_is_refused_with_the_reason(centre: EnrolmentCentre) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    assert refusal(service, b"x" * 16, request) is EnrolmentRefusal.UNKNOWN_TOKEN
    assert refusal(service, token, request, name="dong-ba/gate-8") is EnrolmentRefusal.UNKNOWN_TOKEN
    assert refusal(service, token, request_of(make_key(), "dong-ba/gate-8")) is EnrolmentRefusal.WRONG_NAME
    assert refusal(service, token, request, now=NOW + timedelta(minutes=61)) is EnrolmentRefusal.EXPIRED
    service.enrol(NAME, token, request, ADDRESS, NOW)
    assert refusal(service, token, request, now=NOW + timedelta(minutes=61)) is EnrolmentRefusal.EXPIRED
    centre.approve(number, approve=False)
    assert refusal(service, token, request) is EnrolmentRefusal.REFUSED


def test_a_newer_code_of_the_device_ends_the_older_one(centre: EnrolmentCentre) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    service.enrol(NAME, token, request, ADDRESS, NOW)
    invited(centre)
    assert refusal(service, token, request) is EnrolmentRefusal.SUPERSEDED
    with pytest.raises(InvitationError):
        centre.approve(number)


def test_only_a_request_that_waits_and_has_not_expired_is_approved(centre: EnrolmentCentre) -> None:
    service, (number, token), request = centre.service(), invited(centre), request_of(make_key())
    with pytest.raises(InvitationError):
        centre.approve(number)
    service.enrol(NAME, token, request, ADDRESS, NOW)
    with open_query(centre.database) as query, pytest.raises(InvitationError):
        invitations.decide(query, number, approve=True, by="an", now=NOW + timedelta(hours=2))
    centre.approve(number)
    with pytest.raises(InvitationError):
        centre.approve(number, approve=False)


@pytest.mark.parametrize(
    ("site", "device"), [("Dong Ba", "g"), ("centre", "g"), ("a", "b/c"), ("not-enrolled", "g"), ("", "g")]
)
def test_names_that_no_topic_may_have_are_not_invited(centre: EnrolmentCentre, site: str, device: str) -> None:
    with open_query(centre.database) as query, pytest.raises(InvitationError):
        invitations.create_invitation(query, site, device, "an", NOW)


def test_the_database_holds_no_token(centre: EnrolmentCentre) -> None:
    _, token = invited(centre)
    with open_query(centre.database) as query:
        row = query("SELECT * FROM enrolment")[0]
    assert token.hex() not in repr(row)
    assert base64.b64encode(token).decode() not in repr(row)


def test_two_kiosks_with_one_code_at_the_same_moment_get_one_binding(centre: EnrolmentCentre) -> None:
    service, (number, token) = centre.service(), invited(centre)
    others = [centre.service() for _ in range(3)]
    results: list[str] = []

    def ask(one: EnrolmentService) -> None:
        try:
            one.enrol(NAME, token, request_of(make_key()), ADDRESS, NOW)
            results.append("waiting")
        except EnrolmentRefusedError as error:
            results.append(error.refusal.value)

    threads = [threading.Thread(target=ask, args=(one,)) for one in (service, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [EnrolmentRefusal.OTHER_KEY.value] * 3 + ["waiting"]
    assert centre.found(number).state is InvitationState.WAITING


def test_a_renewal_gives_a_new_certificate_once_for_each_key(centre: EnrolmentCentre) -> None:
    service, first = enrolled(centre)
    key = make_key()
    one, two = (service.renew(first, request_of(key), NOW) for _ in range(2))
    assert one.pem == two.pem
    assert x509.load_pem_x509_certificate(one.pem).serial_number != first.serial_number
    with open_query(centre.database) as query:
        assert [each.origin for each in device_certificates.read_certificates(query, SITE, DEVICE)].count(
            "renewed"
        ) == 1


def test_a_renewal_under_another_name_is_refused(centre: EnrolmentCentre) -> None:
    service, first = enrolled(centre)
    with pytest.raises(RenewalRefusedError, match="wrong-name"):
        service.renew(first, request_of(make_key(), "dong-ba/gate-8"), NOW)


def test_a_kiosk_that_asks_again_and_again_is_slowed_down(centre: EnrolmentCentre) -> None:
    service, first = enrolled(centre)
    for _ in range(device_certificates.MAX_PER_DAY - 1):
        service.renew(first, request_of(make_key()), NOW)
    with pytest.raises(RenewalRefusedError, match="too-many"):
        service.renew(first, request_of(make_key()), NOW)
    assert service.renew(first, request_of(make_key()), NOW + timedelta(days=1, minutes=1))


@pytest.mark.parametrize("by", ["database", "list"])
def test_a_revoked_device_gets_neither_a_certificate_nor_the_bundle(centre: EnrolmentCentre, by: str) -> None:
    service, first = enrolled(centre)
    assert service.bundle(first)
    if by == "list":
        centre.authority.revoke([first.serial_number], NOW)
    else:
        with open_query(centre.database) as query:
            revoked = device_certificates.revoke_device(query, SITE, DEVICE, by="an", why="stolen", now=NOW)
            assert device_certificates.revoked_serials(query, NOW) == [first.serial_number]
        assert len(revoked) == 1
    with pytest.raises(RenewalRefusedError, match="revoked"):
        service.renew(first, request_of(make_key()), NOW)
    with pytest.raises(RenewalRefusedError, match="revoked"):
        service.bundle(first)


@pytest.mark.parametrize("name", ["enrolment", "centre"])
def test_a_certificate_of_another_machine_gets_no_renewal(centre: EnrolmentCentre, name: str) -> None:
    other = centre.authority.sign_client(request_of(make_key()).public_key, name, NOW, 30)
    with pytest.raises(RenewalRefusedError, match="wrong-name"):
        centre.service().renew(other, request_of(make_key()), NOW)


def test_settings_are_read_as_they_were_written(centre: EnrolmentCentre) -> None:
    with open_query(centre.database) as query:
        assert read_settings(query) == centre.settings()
        query("DELETE FROM enrolment_setting WHERE name = 'url'")
    with open_query(centre.database) as query, pytest.raises(NotSetUpError):
        read_settings(query)
