"""`kiosk issue`: sign passes and print them as PNG and PDF: one pass, a list of people, or a poster with a venue code."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from kiosk.cli.issuing import root_keys
from kiosk.core import file_names
from kiosk.credentials.issuing import (
    IssuerKey,
    key_files,
    list_builder,
    make_issuer_key,
    names,
    print_sheets,
    qr_images,
)
from kiosk.credentials.issuing.batch import PrintJob, print_passes
from kiosk.credentials.issuing.key_files import KeyFileError
from kiosk.credentials.issuing.output_files import unused_path
from kiosk.credentials.issuing.people_list.csv_import import CsvImportError, PassRequest, read_pass_requests
from kiosk.credentials.issuing.register import REGISTER_FILE, Register, open_register
from kiosk.system.csv_output import neutralised
from kiosk.system.translations import in_all_languages

KEY_YEARS = 1
MAX_PHONE_CHARACTERS = 30


@click.command("issue")
@click.option(
    "--key", "key_path", type=click.Path(path_type=Path), help="Private key of the issuer. It is made if missing."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for what is made.")
@click.option("--name", default="Khách", show_default=True, help="Name printed on the card. It is not in the code.")
@click.option("--reference", default="", help="What tells people of one name apart, such as a staff number.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How long the pass is valid.")
@click.option(
    "--status-class", type=click.IntRange(0, 255), default=1, show_default=True, help="Status class in the pass."
)
@click.option(
    "--declaration-hours",
    type=click.IntRange(0, 8784),
    default=48,
    show_default=True,
    help="How long the declaration made with it is valid. 0: no declaration.",
)
@click.option(
    "--csv", "csv_path", type=click.Path(path_type=Path), help="Many at once: a CSV or XLSX file with a column `name`."
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(sorted(print_sheets.CARD_FORMATS)),
    default="id-1",
    show_default=True,
    help="Size.",
)
@click.option("--help-phone", default="", help="Telephone number on the cards, for people who need help.")
@click.option("--pictures", is_flag=True, help="Also one PNG for each person, for sending.")
@click.option("--poster", metavar="ADDRESS", help="Print a poster (15 x 15 cm) with this address instead of a pass.")
@click.option("--label", default="", help="Name of the issuer (in a new key, on cards) or of the place (on a poster).")
@click.option("--classes", default="", help="Status classes that a new key may issue, such as 1,2,3. Default: all.")
@click.option("--password-file", type=click.Path(path_type=Path), help="File with the password of the key.")
@click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    help="Private root key that signs the trust list. Default: root.key in --out, in the current folder or beside --key. "
    "It is made if there is none.",
)
@click.option("--no-trust-list", is_flag=True, help="Sign no trust list: the root key is on another machine.")
def issue(
    *,
    key_path: Path | None,
    out: Path,
    name: str,
    reference: str,
    days: int,
    status_class: int,
    declaration_hours: int,
    csv_path: Path | None,
    shape: str,
    help_phone: str,
    pictures: bool,
    poster: str | None,
    label: str,
    classes: str,
    password_file: Path | None,
    root_key: Path | None,
    no_trust_list: bool,
) -> None:
    """Make a signing key and passes to print. Every code is read back by the kiosk's own reader before its file is written."""
    now_at = datetime.now(UTC).replace(microsecond=0)
    label = names.printable_text(label, "--label")
    _make_folder(out)
    if poster:
        _print_poster(poster, label, out)
        return
    if key_path is None:
        raise click.UsageError("--key FILE is missing: the issuer's key, or the name for a new one.")
    requests = _read_requests(csv_path, PassRequest(name, days, status_class, declaration_hours, reference))
    password = key_files.read_password(password_file)
    key = _load_or_create_key(key_path, password, label, classes, now_at)
    _publish(key, out, now_at, None if no_trust_list else root_key or _find_root_key(out, key_path), password)
    phone = names.printable_text(help_phone, "--help-phone", MAX_PHONE_CHARACTERS)
    job = PrintJob(key, out, print_sheets.CARD_FORMATS[shape], now_at, phone, pictures)
    with open_register(out) as register:
        _warn_of_equal_names(requests, register.names)
        print_and_report(job, requests, register, stem="cards" if csv_path else "")
    click.echo(f"Register of serials, to withdraw by (kiosk deny): {out / REGISTER_FILE}")


def print_and_report(job: PrintJob, requests: Sequence[PassRequest], register: Register, *, stem: str) -> None:
    """Print the passes with a bar that says how long it takes, and say where they are."""
    hidden = len(requests) == 1
    with click.progressbar(length=len(requests), label="Reading back", file=sys.stderr, hidden=hidden) as bar:
        printed = print_passes(job, requests, register, stem=stem, on_card=lambda: bar.update(1))
    if printed.shortened:
        click.echo(f"The issuer key ends on {job.key.not_after_at:%Y-%m-%d}. The pass ends with it.", err=True)
    click.echo(f"{len(requests)} pass{'es' if len(requests) > 1 else ''}: {printed.sheet}")
    if printed.picture:
        click.echo(f"Picture to show on a phone: {printed.picture}")
    if printed.pictures:
        click.echo(f"A picture for each person: {printed.pictures}")


def _read_requests(csv_path: Path | None, request: PassRequest) -> list[PassRequest]:
    if csv_path:
        return read_pass_requests(csv_path, request)
    reference = names.printable_text(request.reference, "--reference", names.MAX_REFERENCE_CHARACTERS)
    return [
        PassRequest(
            names.parse_name(request.name), request.days, request.status_class, request.declaration_h, reference
        )
    ]


def _find_root_key(out: Path, key_path: Path) -> Path:
    return root_keys.find_root_key(out / file_names.TRUST_LIST, key_path.parent)


def _publish(key: IssuerKey, out: Path, now_at: datetime, root_path: Path | None, password: bytes | None) -> None:
    """Write the public file of the issuer and, with a root key, a trust list with this issuer. Raises KeyFileError, OutputError."""
    public_file = list_builder.write_issuer_public_file(key, out)
    click.echo(f"Public file of the issuer, for `kiosk trust build`: {public_file}")
    if root_path is None:
        return
    trust_path = out / file_names.TRUST_LIST
    try:
        root = root_keys.open_or_make_root_key(root_path, password, beside=trust_path)
    except KeyFileError:
        if password is None:
            raise
        root = root_keys.open_or_make_root_key(root_path, None, beside=trust_path)  # only the issuer key has a password
    found = list_builder.add_issuer(key, trust_path, root, now_at)
    click.echo(f"Trust list {found.number} for the kiosks, with this issuer: {trust_path} (signed by {root_path})")


def _warn_of_equal_names(requests: Sequence[PassRequest], registered: frozenset[str]) -> None:
    by_person = defaultdict(list)
    for request in requests:
        by_person[request.name, request.reference].append(request.line)
    for (name, _), lines in by_person.items():
        if len(lines) > 1:
            shown = ", ".join(map(str, lines))
            click.echo(
                f"Lines {shown} have the same name: {name}. Column `card` of the register says which card is whose. "
                "A column `reference` in the CSV file, such as a staff number, tells them apart.",
                err=True,
            )
    again = sum(neutralised(request.name) in registered for request in requests)
    if again:
        click.echo(
            f"{again} of these names are in the register already. Their earlier passes stay valid until they expire "
            "or are withdrawn (kiosk deny).",
            err=True,
        )


def _load_or_create_key(path: Path, password: bytes | None, label: str, classes: str, now_at: datetime) -> IssuerKey:
    if path.exists():
        return key_files.read_issuer_key(path, password)
    try:
        allowed = frozenset(int(each) for each in classes.split(",") if each.strip())
    except ValueError:
        raise click.UsageError(f"--classes {classes!r} is not like 1,2,3.") from None
    key = make_issuer_key(
        now_at - timedelta(minutes=5), now_at + timedelta(days=366 * KEY_YEARS), status_classes=allowed, label=label
    )
    key_files.write_issuer_key(key, path, password)
    protection = (
        "locked with the password"
        if password
        else "readable by you alone, without a password (--password-file sets one)"
    )
    click.echo(f"New issuer key {key.kid.hex()}: {path}, {protection}")
    return key


def _print_poster(address: str, label: str, out: Path) -> None:
    title, lines = label or in_all_languages("poster.title")[0], in_all_languages("poster.how")
    target = unused_path(out, "poster", ".pdf")
    print_sheets.write_poster(qr_images.make_qr_code(address), title, lines, target)
    click.echo(f"Poster: {target}")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CsvImportError(f"{out} cannot be made: {error.strerror}. Give another --out.") from error
