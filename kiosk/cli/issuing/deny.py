"""`kiosk deny`: withdraw passes, make and show denylists."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from kiosk.cli.issuing import root_keys
from kiosk.core import file_names
from kiosk.credentials.issuing import list_builder, register
from kiosk.credentials.trust import denylist


@click.group("deny")
def deny() -> None:
    """Withdraw passes before their time: make and show denylists."""


@deny.command("add")
@click.argument("serials", metavar="[SERIAL]...", nargs=-1)
@click.option(
    "--from",
    "source",
    type=click.File("r", encoding="utf-8"),
    help="More serials, one a line (a register's first column will do).",
)
@click.option("--name", help="Withdraw the passes of this person, as the register writes the name.")
@click.option("--reference", help="Withdraw the passes with this reference in the register.")
@click.option(
    "--register",
    "register_path",
    type=click.Path(path_type=Path),
    default=Path(register.REGISTER_FILE),
    show_default=True,
    help="The register for --name and --reference.",
)
@click.option("--uvci", multiple=True, help="Withdraw an HCERT by its certificate identifier.")
@click.option("--replace", is_flag=True, help="Start an empty list instead of adding to the existing one.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path(file_names.DENYLIST),
    show_default=True,
    help="The denylist to write.",
)
@root_keys.private_option
@root_keys.password_option
def add(  # noqa: PLR0917  click passes by name
    serials: tuple[str, ...],
    source: TextIO | None,
    name: str | None,
    reference: str | None,
    register_path: Path,
    uvci: tuple[str, ...],
    *,
    replace: bool,
    out: Path,
    root_key: Path | None,
    password_file: Path | None,
) -> None:
    """Add the SERIALs of passes (20 hex digits each, from the issuer's register) to a denylist, and sign it.

    A person is found in the register by name or reference. Where several passes match, you are asked which of them.
    """
    texts = [*serials, *_first_column(source)]
    if name is not None or reference is not None:
        texts += ask_passes(register.find_passes(register_path, name=name, reference=reference))
    entries = [_parse_serial(text) for text in texts] + [denylist.hcert_denylist_entry(each) for each in uvci]
    root = root_keys.open_root_key(root_key, password_file, beside=out)
    built = list_builder.build_denylist(entries, out, root, datetime.now(UTC).replace(microsecond=0), replace=replace)
    click.echo(f"Denylist {built.number} with {len(built.entries)} passes: {out}")


@deny.command("show")
@click.argument("path", type=click.Path(path_type=Path))
@root_keys.public_option
def show(path: Path, root_path: Path | None) -> None:
    """Check a denylist and print its number, date and entries."""
    found = denylist.load_denylist(path, root_path)
    click.echo(
        f"Denylist {found.number} of {found.issued_at:%Y-%m-%d %H:%M} UTC, {len(found.entries)} passes, signature good"
    )
    for entry in sorted(found.entries):
        click.echo(f"  {entry.hex()}")


def ask_passes(found: Sequence[register.RegisteredPass], verb: str = "Withdraw") -> list[str]:
    """Serials of the one that matches, or of those that the person at the terminal chooses. Raises click.ClickException."""
    nothing = "Nothing was withdrawn." if verb == "Withdraw" else "Nothing was printed."
    if not found:
        raise click.ClickException(f"the register has no such pass. {nothing}")
    for number, each in enumerate(found, 1):
        details = ", ".join(filter(None, (each.reference, f"issued {each.issued_at}", each.card, each.serial)))
        click.echo(f"{number:3}  {each.name or '(no name)'}: {details}")
    if len(found) == 1:
        return [found[0].serial]
    try:
        answer = click.prompt(
            f"Several passes match. {verb} which? Numbers with commas, or all", default="", show_default=False
        )
    except click.Abort:
        answer = ""
    numbers = range(1, len(found) + 1) if answer.strip() == "all" else _numbers(answer)
    if not numbers or not all(0 < number <= len(found) for number in numbers):
        raise click.ClickException(f"no choice was made. {nothing} Add --reference, or give the serials.")
    return [found[number - 1].serial for number in sorted(set(numbers))]


def _numbers(answer: str) -> list[int]:
    """The numbers of an answer. Empty where it is anything else."""
    parts = re.split(r"[,\s]+", answer.strip())
    return [int(part) for part in parts] if all(part.isascii() and part.isdecimal() for part in parts) else []


def _first_column(source: TextIO | None) -> list[str]:
    """First column of each line. The header of a register is skipped."""
    if source is None:
        return []
    firsts = [re.split("[,;\t]", line.lstrip("\ufeff"))[0].strip(' "\r\n') for line in source]
    return [text for text in firsts if text and text != "serial"]


def _parse_serial(text: str) -> bytes:
    try:
        entry = bytes.fromhex(text)
    except ValueError:
        entry = b""
    if len(entry) != denylist.ENTRY_BYTES:
        raise click.UsageError(f"{text!r} is not a serial of {2 * denylist.ENTRY_BYTES} hex digits.")
    return entry
