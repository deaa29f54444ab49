"""`kiosk centre enrol new --wait` and `replace`: one command from the code to the certificate, at the terminal of the centre."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre as centre_command
from kiosk.decoding.preview.image_files import load_luma
from kiosk.decoding.still_image import decode_image
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.invitation_code import is_invitation
from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.enrolment.invitations import InvitationState
from mqtt.centre.fleet.operator_actions import OperatorRequest, acknowledge_gaps, forget_device
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.topics import DeviceTopics
from tests.fakes.centre.enrolment import DEVICE, NAME, SITE, EnrolmentCentre, LocalClient
from tests.fakes.data.access_events import an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk
from web_ui.centre.commands.enrolment_code import wait_and_approve

REASON = "new board for the stolen one"


@pytest.fixture
def here(tmp_path: Path) -> EnrolmentCentre:
    return EnrolmentCentre(tmp_path, str(tmp_path / "centre.db"))


@pytest.fixture
def gate(here: EnrolmentCentre, tmp_path: Path) -> EnrollingKiosk:
    return EnrollingKiosk(EnrolmentFolder(tmp_path / "enrolment"), LocalClient(here))


def words_of(kiosk: EnrollingKiosk, language: str = "en") -> str:
    """As its page shows them."""
    return kiosk.enroller.status.words[language]


def test_the_command_waits_for_the_kiosk_compares_its_words_and_ends_with_its_certificate(
    here: EnrolmentCentre, gate: EnrollingKiosk, capsys: pytest.CaptureFixture[str]
) -> None:
    made, text = here.invite()
    looks: Iterator[str] = iter([gate.show(text)])

    def pause(_: float) -> None:
        next(looks, None) or gate.step()

    wait_and_approve(here.database, made.number, "An", REASON, ask=lambda _: words_of(gate), pause=pause)
    said = capsys.readouterr().out
    assert "board 10000000abcdef, from 10.0.0.7" in said
    assert said.endswith(f"{NAME} has its certificate.\n")
    assert here.found(made.number).state is InvitationState.ISSUED
    assert gate.stage == "done"
    assert all(words not in said for words in gate.enroller.status.words.values()), "they could be copied from there"


def test_words_of_another_kiosk_approve_nothing(here: EnrolmentCentre, gate: EnrollingKiosk) -> None:
    made, text = here.invite()
    gate.show(text)
    with pytest.raises(click.ClickException, match=f"enrol refuse {made.number}"):
        wait_and_approve(here.database, made.number, "An", REASON, ask=lambda _: "bàn ghế núi sông")
    assert here.found(made.number).state is InvitationState.WAITING
    assert here.audited() == []


def test_a_code_that_ended_while_it_was_waited_for_says_so(here: EnrolmentCentre) -> None:
    made, _ = here.invite()
    with pytest.raises(click.ClickException, match="does not wait any more: ended"):
        wait_and_approve(here.database, made.number, "An", REASON, pause=lambda _: here.invite())


def run(here: EnrolmentCentre, *words: str, stdin: str = "") -> Result:
    """With a file of the centre, as `kiosk centre init` writes it."""
    config = here.folder / "centre.toml"
    config.write_text(
        f'database = "{here.database}"\n[revoke]\npki = "{here.pki}"\ncrl = "{here.folder / "broker-crl.pem"}"\n'
        'reload = "true"\n',
        encoding="utf-8",
    )
    who = ("--requested-by", "An", "--reason", REASON)
    return CliRunner().invoke(centre_command, ["--config", str(config), *words, *who], input=stdin)


def enrolled(here: EnrolmentCentre, gate: EnrollingKiosk) -> None:
    made, text = here.invite()
    gate.show(text)
    here.approve(made.number)
    for _ in range(2):
        gate.step()
    assert gate.stage == "done"


def test_one_command_locks_the_old_gate_out_and_invites_the_new_one(
    here: EnrolmentCentre, gate: EnrollingKiosk, tmp_path: Path
) -> None:
    enrolled(here, gate)
    picture = tmp_path / "code.png"
    done = run(here, "enrol", "replace", SITE, DEVICE, "--png", str(picture))
    assert done.exit_code == 0, done.output
    assert f"{NAME}: 1 certificate is revoked" in done.output
    assert f"kiosk centre acknowledge --site {SITE} --device {DEVICE}" in done.output
    assert (here.folder / "broker-crl.pem").read_bytes() == (here.pki / "crl.pem").read_bytes()
    assert here.audited()[-2:] == ["revoke-device", "invite-kiosk"]
    (found,) = decode_image(load_luma(picture), is_known_format=is_invitation)
    successor = EnrollingKiosk(EnrolmentFolder(tmp_path / "successor"), LocalClient(here))
    assert successor.show(found.data) == "waiting"


def test_a_gate_that_was_never_known_is_not_replaced(here: EnrolmentCentre) -> None:
    done = run(here, "enrol", "replace", SITE, DEVICE)
    assert done.exit_code == 1
    assert f"no certificate of {NAME} is known here" in done.output
    assert here.audited() == []


def test_where_enrolment_is_not_set_up_the_old_gate_stays_as_it_is(here: EnrolmentCentre, gate: EnrollingKiosk) -> None:
    enrolled(here, gate)
    with open_query(here.database) as query:
        query("DELETE FROM enrolment_setting")
    done = run(here, "enrol", "replace", SITE, DEVICE)
    assert done.exit_code == 1
    assert "enrolment is not set up" in done.output
    assert "revoke-device" not in here.audited()
    assert not (here.folder / "broker-crl.pem").exists()


def test_what_is_acknowledged_and_who_is_retired_stands_in_the_chained_audit(here: EnrolmentCentre) -> None:
    with closing(open_ledger(here.database)) as ledger:
        branch = DeviceTopics("entrance", SITE, DEVICE)
        ledger.record([arrival_of([(seq, an_event(seq)) for seq in (1, 3)], datetime.now(UTC), branch=branch)])
    request = OperatorRequest(SITE, DEVICE, "Lê Văn Tám", "card was stolen with the board")
    acknowledge_gaps(here.database, request, datetime.now(UTC))
    forget_device(here.database, request, datetime.now(UTC))
    with open_query(here.database) as query:
        rows = [row.entry for row in read_audit(query)]
        assert [(row.what, row.who, row.about, row.why) for row in rows] == [
            ("retire-device", "cli:Lê Văn Tám", NAME, request.reason),
            ("acknowledge-gaps", "cli:Lê Văn Tám", NAME, request.reason),
        ]
        assert list(verify_audit(query)) == []


def test_an_unknown_device_leaves_no_row_in_the_audit(here: EnrolmentCentre) -> None:
    request = OperatorRequest(SITE, "gate-99", "An", "card was stolen with the board")
    with pytest.raises(ValueError, match="knows no device"):
        forget_device(here.database, request, datetime.now(UTC))
    assert here.audited() == []


def test_a_mistyped_database_is_not_made(tmp_path: Path) -> None:
    request = OperatorRequest(SITE, DEVICE, "An", "card was stolen with the board")
    with pytest.raises(LedgerError):
        forget_device(str(tmp_path / "center.db"), request, datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []
