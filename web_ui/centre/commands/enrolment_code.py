"""Shows the QR code of an invitation, and waits at the terminal until the kiosk has read it and a person has approved it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import segno

from kiosk.credentials.issuing.qr_images import make_qr_code, write_png
from mqtt.centre.enrolment import invitations
from mqtt.centre.enrolment.invitations import Invitation, InvitationError, InvitationState
from mqtt.centre.enrolment.key_words import same_words
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from web_ui.centre.commands.enrolment_transaction import enrolment_query, write_entry
from web_ui.centre.enrolment_codes import about_request

LOOK_INTERVAL_S = 1.0
ISSUED_WITHIN_S = 60.0
"""A kiosk that waits asks every few seconds."""
MAX_ATTEMPTS = 3
_tick = threading.Event()
Command = TypeVar("Command", bound=Callable[..., Any])


def code_options(command: Command) -> Command:
    """The options of a command that shows a code."""
    password = click.option(
        "--wifi-password-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="File with its password in the first line.",
    )
    network = click.option("--wifi", "ssid", help="Name of a Wi-Fi network that the kiosk joins.")
    waits = click.option(
        "--wait", is_flag=True, help="Wait until the kiosk has read the code, ask for its four words, and approve it."
    )
    picture = click.option(
        "--png", type=click.Path(path_type=Path, dir_okay=False), help="Write the code as a picture. Delete it later."
    )
    return picture(waits(network(password(command))))


def show_code(made: Invitation, text: str, png: Path | None) -> None:
    """Print the code, or write it as a picture. Raises OutputError."""
    if png is None:
        click.echo(terminal_code(text))
    else:
        write_png(make_qr_code(text), png)
        click.echo(f"{png}: show it to the camera of the kiosk, then delete it.")
    click.echo(f"{made.wire_name}: request {made.number}, valid until {made.expires_at.astimezone():%H:%M}.")


def terminal_code(text: str) -> str:
    """The code in half blocks: two rows of modules in a line. Dark on light also on a dark terminal."""
    modules = [list(row) for row in segno.make_qr(text, error="l", boost_error=False).matrix_iter(border=3)]
    if len(modules) % 2:
        modules.append([0] * len(modules[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    lines = [
        "".join(blocks[bool(upper), bool(lower)] for upper, lower in zip(top, bottom, strict=True))
        for top, bottom in zip(modules[::2], modules[1::2], strict=True)
    ]
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" for line in lines)


def wait_and_approve(
    database: str,
    number: int,
    requested_by: str,
    reason: str,
    *,
    ask: Callable[[str], str] = click.prompt,
    pause: Callable[[float], object] = _tick.wait,
) -> None:
    """Wait for the request of a kiosk, compare the words that a person types, approve, and wait for the certificate.

    The words of the centre are not shown, so that they cannot be copied. Raises ClickException where nothing was approved.
    """
    click.echo("Show the code to the camera of the kiosk. Ctrl-C ends the wait, and the code stays valid.")
    found = _look(database, number)
    while found.state_at(datetime.now(UTC)) is InvitationState.OPEN:
        pause(LOOK_INTERVAL_S)
        found = _look(database, number)
    if found.state_at(datetime.now(UTC)) is not InvitationState.WAITING:
        raise click.ClickException(f"request {number} does not wait any more: {found.state_at(datetime.now(UTC))}.")
    click.echo(f"A kiosk has read it: board {found.hardware_serial or 'unknown'}, from {found.address or 'unknown'}.")
    click.echo("Its page shows four words, and so does `kiosk status` there.")
    for _ in range(MAX_ATTEMPTS):
        if same_words(ask("Words of the kiosk"), found.public_key_der):
            break
        click.echo("These are not the words of the request.")
    else:
        raise click.ClickException(
            f"nothing was approved. Another kiosk may have read the code: kiosk centre enrol refuse {number}"
        )
    approve_request(database, number, requested_by, reason)
    waited_s = 0.0
    while (found := _look(database, number)).state is InvitationState.APPROVED and waited_s < ISSUED_WITHIN_S:
        pause(LOOK_INTERVAL_S)
        waited_s += LOOK_INTERVAL_S
    issued = found.state is InvitationState.ISSUED
    click.echo(f"{found.wire_name} {'has its certificate.' if issued else 'is approved, and has not asked again yet.'}")


def approve_request(database: str, number: int, requested_by: str, reason: str) -> None:
    """Approve a request whose words were compared. Raises ClickException."""
    with enrolment_query(database) as query:
        found = invitations.find_invitation(query, number)
        if found is None or not found.public_key_der:
            raise InvitationError(f"no request {number} waits for an approval")
        if found.conflicts:
            click.echo(f"ALERT: the code was used with another key too, from {found.conflict_address}.", err=True)
        write_entry(query, requested_by, "approve-enrolment", about_request(found), reason)
        invitations.decide(query, number, approve=True, by=f"cli:{requested_by}", now=datetime.now(UTC))


def _look(database: str, number: int) -> Invitation:
    """The present state. Raises ClickException."""
    try:
        with open_query(database) as query:
            found = invitations.find_invitation(query, number)
    except LedgerError as error:
        raise click.ClickException(printable(str(error))) from error
    if found is None:
        raise click.ClickException(f"there is no request {number} any more.")
    return found
