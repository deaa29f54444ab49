"""`kiosk centre enrol`: set up, invite, compare words, approve and refuse. Each act has an audit row, or nothing happened."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.decoding.preview.image_files import load_luma
from kiosk.decoding.still_image import decode_image
from kiosk.enrolment.device_key import make_key, make_request
from kiosk.enrolment.invitation_code import InvitationCode, is_invitation, parse_invitation
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.certificate_request import parse_request
from mqtt.centre.enrolment.invitations import InvitationState
from mqtt.centre.enrolment.key_words import key_words
from mqtt.centre.enrolment.settings import read_settings
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.enrolment import DEVICE, NAME, SITE, EnrolmentCentre
from web_ui.centre.commands.enrol import enrol
from web_ui.centre.commands.enrolment_code import terminal_code

WHO = ("--requested-by", "An", "--reason", "a new gate at the market")


@pytest.fixture
def centre(tmp_path: Path) -> EnrolmentCentre:
    return EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"), url="https://centre.hue.example:8446")


def run(centre: EnrolmentCentre, *words: str) -> Result:
    return CliRunner().invoke(enrol, list(words), obj=centre.database)


def invited(centre: EnrolmentCentre, *words: str) -> InvitationCode:
    """The content of the picture that the command writes."""
    picture = centre.folder / "code.png"
    done = run(centre, "new", SITE, DEVICE, "--png", str(picture), *words, *WHO)
    assert done.exit_code == 0, done.output
    (found,) = decode_image(load_luma(picture), is_known_format=is_invitation)
    return parse_invitation(found.data)


def wait_with(centre: EnrolmentCentre, code: InvitationCode) -> bytes:
    """A kiosk asks with the code. Its public key."""
    request = parse_request(base64.b64encode(make_request(make_key(), NAME, "10000000abcdef")))
    with open_query(centre.database) as query:
        invitations.submit_request(query, NAME, code.token, request, address="10.0.0.7", now=datetime.now(UTC))
    return request.public_key_der


def test_from_set_up_to_approval(centre: EnrolmentCentre, tmp_path: Path) -> None:
    (tmp_path / "values.toml").write_text('[access]\ndirection = "in"\n', encoding="utf-8")
    files = {
        "ca": "pki/ca.pem",
        "root": "root.pem",
        "sealing-key": "centre-public.pem",
        "trust-list": "trust-list.cose",
    }
    options = [word for name, path in files.items() for word in (f"--{name}", str(tmp_path / path))]
    address = ["--url", "https://hue.example:8446/", "--broker", "b1:8883,b2:8883"]
    done = run(centre, "set-up", *address, *options, "--values", str(tmp_path / "values.toml"), *WHO)
    assert done.exit_code == 0, done.output
    with open_query(centre.database) as query:
        found = read_settings(query)
    assert (found.url, found.brokers) == ("https://hue.example:8446", ("b1:8883", "b2:8883"))
    code = invited(centre, "--wifi", "cho-dong-ba")
    assert (code.wire_name, code.url, code.brokers) == (NAME, found.url, found.brokers)
    assert code.authority_fingerprint == found.authority_fingerprint
    public_key = wait_with(centre, code)
    listed = run(centre, "list").output
    assert " ".join(key_words(public_key, "vi")) in listed
    assert "board 10000000abcdef, from 10.0.0.7" in listed
    approved = run(centre, "approve", "1", "--words", " ".join(key_words(public_key, "en")).upper(), *WHO)
    assert approved.exit_code == 0, approved.output
    assert centre.found(1).state is InvitationState.APPROVED
    assert centre.audited() == ["set-up-enrolment", "invite-kiosk", "approve-enrolment"]
    assert run(centre, "refuse", "1", *WHO).exit_code == 1


def test_wrong_words_approve_nothing(centre: EnrolmentCentre) -> None:
    wait_with(centre, invited(centre))
    done = run(centre, "approve", "1", "--words", "bàn ghế núi sông", *WHO)
    assert done.exit_code == 1
    assert "not the words" in done.output
    assert centre.found(1).state is InvitationState.WAITING
    assert centre.audited() == ["invite-kiosk"]
    assert run(centre, "refuse", "1", *WHO).exit_code == 0
    assert centre.found(1).state is InvitationState.REFUSED


@pytest.mark.parametrize(
    "words",
    [
        ("new", "Dong Ba", "gate-1"),
        ("new", "dong-ba", "gate-1", "--wifi", "x" * 40),
        ("approve", "99", "--words", "a b c d"),
        ("refuse", "99"),
    ],
)
def test_a_wrong_command_changes_nothing(centre: EnrolmentCentre, words: tuple[str, ...]) -> None:
    assert run(centre, *words, *WHO).exit_code == 1
    assert centre.audited() == []
    assert "Nothing waits" in run(centre, "list").output


def test_the_terminal_shows_the_code_as_our_decoder_reads_it(centre: EnrolmentCentre) -> None:
    import numpy as np

    _, text = centre.invite()
    blocks = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows = []
    for line in terminal_code(text.decode()).splitlines():
        pairs = [blocks[mark] for mark in line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m")]
        rows += [[upper for upper, _ in pairs], [lower for _, lower in pairs]]
    picture = np.asarray(np.kron(np.array(rows), np.ones((4, 4))), np.uint8)
    assert [found.data for found in decode_image(picture, is_known_format=is_invitation)] == [text]
