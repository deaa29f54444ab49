"""`kiosk reissue`: print a pass again that was lost or damaged, and renew passes before they end."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from kiosk.cli.issuing.deny import ask_passes
from kiosk.cli.issuing.issue import MAX_PHONE_CHARACTERS, print_and_report
from kiosk.credentials.issuing import key_files, names, print_sheets
from kiosk.credentials.issuing.batch import PrintJob
from kiosk.credentials.issuing.people_list.csv_import import PassRequest
from kiosk.credentials.issuing.register import REGISTER_FILE, RegisteredPass, ending_passes, open_register, read_passes
from kiosk.credentials.issuing.register import find_passes as find_registered

Command = TypeVar("Command", bound=Callable[..., Any])


def _printing_options(command: Command) -> Command:
    """The options that both commands share."""
    for option in reversed(
        (
            click.option(
                "--key", "key_path", type=click.Path(path_type=Path), required=True, help="Key of the issuer."
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path, file_okay=False),
                required=True,
                help="Folder with register.csv.",
            ),
            click.option("--status-class", type=click.IntRange(0, 255), default=1, show_default=True),
            click.option("--declaration-hours", type=click.IntRange(0, 8784), default=48, show_default=True),
            click.option(
                "--format",
                "shape",
                type=click.Choice(sorted(print_sheets.CARD_FORMATS)),
                default="id-1",
                show_default=True,
            ),
            click.option("--help-phone", default="", help="Telephone number on the cards."),
            click.option("--pictures", is_flag=True, help="Also one PNG for each person."),
            click.option("--password-file", type=click.Path(path_type=Path), help="File with the password of the key."),
        )
    ):
        command = option(command)
    return command


@click.group()
def reissue() -> None:
    """Print passes again, and renew those that end soon. Nothing is overwritten."""


@reissue.command(name="print")
@click.option("--name", help="The name in the register.")
@click.option("--reference", help="The reference in the register.")
@_printing_options
def print_again(*, name: str | None, reference: str | None, out: Path, **options: Any) -> None:
    """Print a pass again, with its serial and its end: for a card that was damaged. Withdraw a lost card instead.

    Where several passes match, you are asked which of them.
    """
    if name is None and reference is None:
        raise click.UsageError("--name or --reference is missing.")
    found = find_registered(out / REGISTER_FILE, name=name, reference=reference)
    serials = set(ask_passes(found, "Print"))
    now_at = datetime.now(UTC)
    ended = [one for one in found if one.serial in serials and (one.ends_at is None or one.ends_at <= now_at)]
    if ended:
        raise click.ClickException(f"the pass of {ended[0].name} has ended. Use kiosk reissue renew.")
    _print([one for one in found if one.serial in serials], out, options, is_same_pass=True)


@reissue.command()
@click.option(
    "--within-days", type=click.IntRange(0, 366), default=14, show_default=True, help="Passes that end so soon."
)
@click.option(
    "--days", type=click.IntRange(1, 366), help="How long the new passes are valid. Default: as long as before."
)
@_printing_options
def renew(*, within_days: int, days: int | None, out: Path, **options: Any) -> None:
    """Make new passes for all people whose last pass ends soon. The earlier ones stay valid until they end."""
    found = ending_passes(read_passes(out / REGISTER_FILE), datetime.now(UTC), timedelta(days=within_days))
    if not found:
        click.echo(f"No pass ends within {within_days} days.")
        return
    _print(found, out, {**options, "days": days}, is_same_pass=False)


def _print(passes: Sequence[RegisteredPass], out: Path, options: dict[str, Any], *, is_same_pass: bool) -> None:
    key = key_files.read_issuer_key(options["key_path"], key_files.read_password(options["password_file"]))
    others = sorted({one.name for one in passes if is_same_pass and one.key != key.kid.hex()})
    if others:
        raise click.ClickException(f"another issuer key signed the pass of {', '.join(others)}. Renew it instead.")
    requests = [
        PassRequest(
            one.name.removeprefix("'"),
            options.get("days") or int(one.days),
            options["status_class"],
            options["declaration_hours"],
            one.reference.removeprefix("'"),
            serial=bytes.fromhex(one.serial) if is_same_pass else None,
            ends_at=one.ends_at if is_same_pass else None,
            issued_at=one.issued_at if is_same_pass else "",
        )
        for one in passes
    ]
    phone = names.printable_text(options["help_phone"], "--help-phone", MAX_PHONE_CHARACTERS)
    now_at = datetime.now(UTC).replace(microsecond=0)
    job = PrintJob(key, out, print_sheets.CARD_FORMATS[options["shape"]], now_at, phone, options["pictures"])
    with open_register(out) as register:
        print_and_report(job, requests, register, stem="reprint" if is_same_pass else "renewed")
