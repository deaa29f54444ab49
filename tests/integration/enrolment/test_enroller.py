"""A kiosk enrols at a centre: every failure case of the protocol, and power cuts between any two writes."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from kiosk.core.model import ClockQuality
from kiosk.enrolment.device_key import make_key, public_key_der
from kiosk.enrolment.enroller import CandidateError
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.invitation_code import WifiNetwork
from mqtt.centre.enrolment.invitations import InvitationState
from mqtt.centre.enrolment.key_words import key_words
from tests.fakes.centre.enrolment import NAME, EnrolmentCentre, LocalClient
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk, HandClock


@pytest.fixture
def centre(tmp_path: Path) -> EnrolmentCentre:
    """In SQLite: tests of the service itself run in both databases."""
    return EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"))


def key_bytes(key_pem: bytes) -> list[bytes]:
    """Each form in which the private key could be written."""
    key = load_pem_private_key(key_pem, None)
    number = key.private_numbers().private_value  # type: ignore[union-attr]  # it is an EC key
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    raw = number.to_bytes(32, "big")
    return [raw, raw.hex().encode(), der, b"".join(key_pem.splitlines()[1:-1])[48:88]]


def test_from_the_code_to_ready(kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient) -> None:
    invitation, text = centre.invite()
    assert kiosk.stage == "no-code"
    assert kiosk.show(text) == "waiting"
    waiting = centre.found(invitation.number)
    assert waiting.hardware_serial == "10000000abcdef"
    for language, words in kiosk.enroller.status.words.items():
        assert words == " ".join(key_words(waiting.public_key_der, language))
    assert kiosk.step() == "waiting"
    centre.approve(invitation.number)
    assert kiosk.step() == "done"
    files = kiosk.folder.read_current()
    assert sorted(files) == [
        "ca.pem", "centre-public.pem", "denylist.cose", "device.key", "device.pem", "pseudonym.key", "root.pem", "settings.json",
        "trust-list.cose",
    ]  # fmt: skip
    assert files["trust-list.cose"] == (centre.folder / "trust-list.cose").read_bytes()
    certificate = x509.load_pem_x509_certificate(files["device.pem"])
    assert certificate.subject.rfc4514_string() == f"CN={NAME}"
    assert kiosk.folder.pending() is None


def test_private_files_belong_to_the_daemon_alone(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> None:
    invitation, text = centre.invite()
    kiosk.show(text)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kiosk.folder.path.iterdir()}
    assert modes == {"pending.key": 0o600, "pending.txt": 0o600}
    centre.approve(invitation.number)
    kiosk.step()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kiosk.folder.current.iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == set(modes) - {"device.key", "pseudonym.key"}


def test_the_private_key_is_neither_on_the_wire_nor_at_the_centre(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    invitation, text = centre.invite()
    kiosk.show(text)
    centre.approve(invitation.number)
    kiosk.step()
    key = kiosk.folder.read_current()["device.key"]
    centre_files = [path for path in tmp_path.rglob("*") if path.is_file() and kiosk.folder.path not in path.parents]
    assert any(path.name == "centre.db" for path in centre_files)
    haystacks = [*client.sent, *client.requests, *(path.read_bytes() for path in centre_files)]
    assert public_key_der(key) in b"".join(client.requests)  # the search finds what is there
    assert not [form for form in key_bytes(key) for haystack in haystacks if form in haystack]


def test_a_photographed_code_is_useless_for_the_second_one_who_shows_it(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    invitation, text = centre.invite()
    kiosk.show(text)
    thief = EnrollingKiosk(
        EnrolmentFolder(tmp_path / "thief"), LocalClient(centre, address="203.0.113.9"), serial="thief"
    )
    assert thief.show(text) == "failed other-key"
    assert thief.enroller.status.words == {}
    found = centre.found(invitation.number)
    assert (found.conflicts, found.conflict_address, found.hardware_serial) == (1, "203.0.113.9", "10000000abcdef")
    centre.approve(invitation.number)
    assert kiosk.step() == "done"
    assert thief.show(text) == "failed other-key"


def test_where_a_thief_was_first_the_words_and_the_board_differ_and_the_kiosk_says_so(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, tmp_path: Path
) -> None:
    invitation, text = centre.invite()
    thief = EnrollingKiosk(EnrolmentFolder(tmp_path / "thief"), LocalClient(centre), serial="thief")
    thief.show(text)
    kiosk.enroller.offer(text)
    assert kiosk.step() == "failed other-key"
    waiting = centre.found(invitation.number)
    assert waiting.hardware_serial == "thief"
    assert thief.enroller.status.words["vi"] == " ".join(key_words(waiting.public_key_der, "vi"))
    centre.approve(invitation.number, approve=False)
    assert thief.step() == "failed refused"
    second, text = centre.invite()
    assert kiosk.show(text) == "waiting"
    centre.approve(second.number)
    assert kiosk.step() == "done"


def test_a_refused_kiosk_forgets_the_code_and_takes_a_new_one(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> None:
    invitation, text = centre.invite()
    kiosk.show(text)
    centre.approve(invitation.number, approve=False)
    assert kiosk.step() == "failed refused"
    assert kiosk.folder.pending() is None
    assert kiosk.show(centre.invite()[1]) == "waiting"


def test_without_a_network_it_asks_until_the_code_ends(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient
) -> None:
    client.is_reachable = False
    _, text = centre.invite()
    assert kiosk.show(text) == "no-network unreachable"
    kiosk.clock.advance(timedelta(minutes=50))
    assert kiosk.step() == "no-network unreachable"
    client.is_reachable = True
    assert kiosk.step() == "waiting"
    client.is_reachable = False
    assert kiosk.step() == "no-network unreachable"
    kiosk.clock.advance(timedelta(minutes=10))
    assert kiosk.step() == "failed expired"
    assert kiosk.folder.pending() is None


def test_a_code_that_has_ended_or_is_damaged_is_not_taken(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> None:
    _, text = centre.invite()
    assert kiosk.enroller.offer(text[:-3]) == "damaged-code"
    assert kiosk.stage == "failed damaged-code"
    kiosk.clock.advance(timedelta(minutes=61))
    assert kiosk.enroller.offer(text) == "expired"
    assert kiosk.step() == "failed expired"


def test_a_kiosk_whose_clock_is_not_set_enrols_and_judges_no_dates(
    centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    clock = HandClock(datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)
    kiosk = EnrollingKiosk(EnrolmentFolder(tmp_path / "enrolment"), client, clock)
    invitation, text = centre.invite()
    assert kiosk.show(text) == "waiting"
    clock.utc_at, clock.quality = datetime.now(UTC), ClockQuality.SYNCHRONISED
    assert kiosk.step() == "waiting"
    assert client.dates_checked == [False, True]
    centre.approve(invitation.number)
    assert kiosk.step() == "done"


def test_a_clock_that_is_never_set_ends_the_attempts_after_an_hour(
    centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    clock = HandClock(datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)
    kiosk = EnrollingKiosk(EnrolmentFolder(tmp_path / "enrolment"), client, clock)
    kiosk.show(centre.invite()[1])
    clock.advance(timedelta(minutes=59))
    assert kiosk.step() == "waiting"
    clock.advance(timedelta(minutes=2))
    assert kiosk.step() == "failed expired"


def test_when_the_time_comes_the_end_of_the_code_is_judged(
    centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    clock = HandClock(datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)
    kiosk = EnrollingKiosk(EnrolmentFolder(tmp_path / "enrolment"), client, clock)
    kiosk.show(centre.invite()[1])
    clock.utc_at, clock.quality = datetime.now(UTC) + timedelta(hours=3), ClockQuality.SYNCHRONISED
    assert kiosk.step() == "failed expired"


def test_another_authority_than_that_of_the_code_gets_no_token(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = LocalClient(EnrolmentCentre(tmp_path / "other", str(tmp_path / "other" / "centre.db")))
    kiosk.client = other
    kiosk.restart()
    assert kiosk.show(centre.invite()[1]) == "no-network wrong-service"
    assert other.requests == []


def test_a_new_code_takes_the_place_of_a_pending_one_and_the_same_code_changes_nothing(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre
) -> None:
    first, text = centre.invite()
    kiosk.show(text)
    words = kiosk.enroller.status.words
    assert kiosk.show(text) == "waiting"
    assert kiosk.enroller.status.words == words
    second, newer = centre.invite()
    assert kiosk.show(newer) == "waiting"
    assert kiosk.enroller.status.words != words
    assert centre.found(first.number).state is InvitationState.ENDED
    assert centre.found(second.number).state is InvitationState.WAITING


def test_a_code_that_stays_in_view_is_taken_once_and_after_a_failure_not_again(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient
) -> None:
    invitation, text = centre.invite()
    kiosk.enroller.offer(text)
    take = kiosk.folder.begin

    def begin_while_it_is_in_view(code: bytes, key_pem: bytes) -> None:
        assert kiosk.enroller.offer(text) == ""
        take(code, key_pem)

    kiosk.folder.begin = begin_while_it_is_in_view  # type: ignore[method-assign]
    assert [kiosk.step() for _ in range(3)] == ["waiting"] * 3
    assert len(set(client.requests)) == 1
    centre.approve(invitation.number, approve=False)
    assert kiosk.step() == "failed refused"
    assert kiosk.enroller.offer(text) == "refused"
    assert [kiosk.step() for _ in range(3)] == ["failed refused"] * 3
    assert centre.found(invitation.number).conflicts == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data + b"\0",
    ],
)
def test_a_bundle_that_the_authority_did_not_sign_is_not_installed(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient, change: object
) -> None:
    client.change_bundle = change  # type: ignore[assignment]
    assert enrolled_stage(kiosk, centre) == "failed unusable-answer"
    assert not kiosk.folder.is_enrolled


def test_a_bundle_of_another_kiosk_is_not_installed(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient
) -> None:
    def of_another(data: bytes) -> bytes:
        content = cbor2.loads(cbor2.loads(data).value[2])
        other = cbor2.dumps({**content, "device": "gate-8"}, canonical=True)
        from mqtt.centre.enrolment.bundle import sign_bundle

        return sign_bundle(centre.authority, other)

    client.change_bundle = of_another
    assert enrolled_stage(kiosk, centre) == "failed unusable-answer"


def test_a_certificate_for_another_key_or_from_another_authority_is_not_installed(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient
) -> None:
    other = load_pem_private_key(make_key(), None).public_key()
    wrong = centre.authority.sign_client(other, NAME, datetime.now(UTC), 30)  # type: ignore[arg-type]
    client.change_certificate = lambda _: wrong.public_bytes(Encoding.PEM)
    assert enrolled_stage(kiosk, centre) == "failed unusable-answer"
    assert not kiosk.folder.is_enrolled


def test_a_configuration_that_does_not_fit_this_device_is_not_put_in_force(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre
) -> None:
    def refuse(folder: Path) -> None:
        assert (folder / "settings.json").exists()
        raise CandidateError("access.capacity: must be positive")

    kiosk.check_candidate = refuse
    kiosk.restart()
    assert enrolled_stage(kiosk, centre) == "failed unusable-configuration"
    assert not kiosk.folder.is_enrolled
    assert list(kiosk.folder.path.iterdir()) == []


def enrolled_stage(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> str:
    """Where an enrolment ends that a person approves."""
    invitation, text = centre.invite()
    kiosk.show(text)
    centre.approve(invitation.number)
    return kiosk.step()


def test_the_wifi_network_of_the_code_is_joined_and_tried_again(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> None:
    network = WifiNetwork("cho-dong-ba", "a long password")
    kiosk.wifi.failures = 1
    assert kiosk.show(centre.invite(wifi=network)[1]) == "waiting"  # there was another way
    assert kiosk.wifi.joined == []
    kiosk.step()
    kiosk.step()
    assert kiosk.wifi.joined == [network]


def test_neither_token_nor_password_is_logged(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    invitation, text = centre.invite(wifi=WifiNetwork("net", "a long password"))
    client.is_reachable = False
    kiosk.wifi.failures = 1
    kiosk.show(text)
    client.is_reachable = True
    kiosk.step()
    kiosk.enroller.offer(text[:-4])
    centre.approve(invitation.number, approve=False)
    kiosk.step()
    assert "enrolment as dong-ba/gate-7 has failed: refused" in caplog.text
    from kiosk.enrolment.invitation_code import parse_invitation

    for secret in ("a long password", text.decode(), parse_invitation(text).token.hex()):
        assert secret not in caplog.text
