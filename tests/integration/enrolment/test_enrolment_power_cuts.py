"""A power cut at any write of an enrolment: the same request again, or a clean beginning."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509

from kiosk.enrolment.device_key import make_key
from kiosk.enrolment.folder import EnrolmentFolder
from mqtt.centre.enrolment.invitations import InvitationState
from tests.fakes.centre.enrolment import EnrolmentCentre, LocalClient
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk


@pytest.fixture
def centre(tmp_path: Path) -> EnrolmentCentre:
    """In SQLite: tests of the service itself run in both databases."""
    return EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"))


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_power_cut_between_code_and_certificate_continues_with_the_same_request(
    kiosk: EnrollingKiosk, centre: EnrolmentCentre, client: LocalClient, steps: int
) -> None:
    invitation, text = centre.invite()
    kiosk.show(text)
    for _ in range(steps):
        kiosk.step()
    kiosk.restart()
    assert kiosk.step() == "waiting"
    centre.approve(invitation.number)
    assert kiosk.step() == "done"
    assert len(set(client.requests)) == 1
    assert centre.found(invitation.number).conflicts == 0


class PowerCutError(BaseException):
    """The power goes away."""


class CutFolder(EnrolmentFolder):
    """The power goes away before or after the change number `left`."""

    def __init__(self, path: Path, left: int) -> None:
        super().__init__(path)
        self._left = left

    def _tick(self) -> None:
        if self._left == 0:
            raise PowerCutError
        self._left -= 1

    def begin(self, code: bytes, key_pem: bytes) -> None:
        self._tick()
        super().begin(code, key_pem)
        self._tick()

    def write_pending_certificate(self, pem: bytes) -> tuple[Path, Path]:
        self._tick()
        found = super().write_pending_certificate(pem)
        self._tick()
        return found

    def write_generation(self, files: Mapping[str, bytes]) -> Path:
        self._tick()
        found = super().write_generation(files)
        self._tick()
        return found

    def switch(self, generation: Path) -> None:
        self._tick()
        super().switch(generation)
        self._tick()

    def discard_pending(self) -> None:
        self._tick()
        super().discard_pending()
        self._tick()


def show_and_approve(kiosk: EnrollingKiosk, centre: EnrolmentCentre, number: int, text: bytes) -> str:
    """Show a code, approve the request unless that has happened, and go on."""
    kiosk.show(text)
    if centre.found(number).state is InvitationState.WAITING:
        centre.approve(number)
    return kiosk.step()


def is_cut_at(kiosk: EnrollingKiosk, centre: EnrolmentCentre, point: int) -> bool:
    """Enrol, with a power cut at a change, and go on after it. False: there were fewer changes."""
    whole = kiosk.folder
    kiosk.folder = CutFolder(whole.path, point)
    invitation, text = centre.invite()
    try:
        kiosk.restart()
        show_and_approve(kiosk, centre, invitation.number, text)
    except PowerCutError:
        kiosk.folder = whole
        kiosk.restart()
        if not whole.is_enrolled:
            assert show_and_approve(kiosk, centre, invitation.number, text) == "done"
        was_cut = True
    else:
        was_cut = False
    found = centre.found(invitation.number)
    certificate = x509.load_pem_x509_certificate(whole.read_current()["device.pem"])
    assert (found.certificate_serial, found.conflicts) == (f"{certificate.serial_number:x}", 0)
    assert whole.pending() is None
    return was_cut


def test_a_power_cut_at_any_write_ends_in_the_same_enrolment_or_a_clean_beginning(
    centre: EnrolmentCentre, client: LocalClient, tmp_path: Path
) -> None:
    point = 0
    while True:
        kiosk = EnrollingKiosk(EnrolmentFolder(tmp_path / f"enrolment-{point}"), client)
        if not is_cut_at(kiosk, centre, point):
            break
        point += 1
    assert point >= 8


def test_half_written_pending_files_are_a_clean_beginning(kiosk: EnrollingKiosk, centre: EnrolmentCentre) -> None:
    _, text = centre.invite()
    kiosk.folder.begin(text, make_key())
    for content in (b"", b"HUE-E1:", b"\xff\x00"):
        (kiosk.folder.path / "pending.txt").write_bytes(content)
        kiosk.restart()
        assert kiosk.stage == "no-code"
    kiosk.folder.begin(text, b"not a key")
    kiosk.restart()
    assert kiosk.stage == "no-code"
    assert kiosk.show(text) == "waiting"
