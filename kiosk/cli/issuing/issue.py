"""`kiosk issue`: sign passes and print them as PNG and PDF: one pass, a list of people, or a poster with a venue code."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from kiosk.credentials.issuing import (
    IssuerKey,
    key_files,
    list_builder,
    make_issuer_key,
    print_sheets,
    qr_images,
    sign_pass,
)
from kiosk.credentials.issuing.csv_import import CsvImportError, PassRequest, read_pass_requests
from kiosk.system.translations import in_all_languages

KEY_YEARS = 1
TRUST_FILE = "trust-list.cose"
REGISTER_FILE = "register.csv"


@dataclass(frozen=True, slots=True)
class _PrintJob:
    key: IssuerKey
    out: Path
    card_format: print_sheets.CardFormat
    now_at: datetime


@click.command("issue")
@click.option(
    "--key", "key_path", type=click.Path(path_type=Path), help="Private key of the issuer. It is made if missing."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for what is made.")
@click.option("--name", default="Khách", show_default=True, help="Name printed on the card. It is not in the code.")
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
    "--csv", "csv_path", type=click.Path(path_type=Path), help="Many at once: a CSV file with a column `name`."
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(sorted(print_sheets.CARD_FORMATS)),
    default="id-1",
    show_default=True,
    help="Size.",
)
@click.option("--poster", metavar="ADDRESS", help="Print a poster (15 x 15 cm) with this address instead of a pass.")
@click.option("--label", default="", help="Name of the issuer (in a new key, on cards) or of the place (on a poster).")
@click.option("--classes", default="", help="Status classes that a new key may issue, such as 1,2,3. Default: all.")
@click.option("--password-file", type=click.Path(path_type=Path), help="File with the password of the key.")
def issue(
    *,
    key_path: Path | None,
    out: Path,
    name: str,
    days: int,
    status_class: int,
    declaration_hours: int,
    csv_path: Path | None,
    shape: str,
    poster: str | None,
    label: str,
    classes: str,
    password_file: Path | None,
) -> None:
    """Make a signing key and passes to print. Every code is read back by the kiosk's own reader before its file is written."""
    now_at = datetime.now(UTC).replace(microsecond=0)
    _make_folder(out)
    if poster:
        _print_poster(poster, label, out)
        return
    if key_path is None:
        raise click.UsageError("--key FILE is missing: the issuer's key, or the name for a new one.")
    password = key_files.read_password(password_file)
    key = _load_or_create_key(key_path, password, label, classes, now_at)
    request = PassRequest(name, days, status_class, declaration_hours)
    requests = read_pass_requests(csv_path, request) if csv_path else [request]
    _print_passes(
        _PrintJob(key, out, print_sheets.CARD_FORMATS[shape], now_at), requests, stem="cards" if csv_path else None
    )
    list_builder.write_issuer_public_file(key, out / "issuer.json")
    trust_path = out / TRUST_FILE
    root = list_builder.load_or_create_root_key(out / list_builder.ROOT_PRIVATE_KEY_FILE, password)
    found = list_builder.add_issuer(key, trust_path, root, now_at)
    click.echo(f"Trust list {found.number} for the kiosks, with this issuer: {trust_path} (root key beside it)")


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


def _print_passes(job: _PrintJob, requests: Iterable[PassRequest], stem: str | None) -> None:
    """Sign, print, read back, and add name and serial to the register. A pass is withdrawn by its serial."""
    issued = [(request, os.urandom(10)) for request in requests]
    cards = list(_signed_cards(job, issued))
    stem = stem or f"pass-{issued[0][1].hex()[:8]}"
    target = job.out / f"{stem}.pdf"
    with click.progressbar(length=len(cards), label="Reading back", file=sys.stderr, hidden=len(cards) == 1) as bar:
        print_sheets.write_cards(cards, job.card_format, target, on_card_checked=lambda: bar.update(1))
    click.echo(f"{len(cards)} pass{'es' if len(cards) > 1 else ''}: {target}")
    if len(cards) == 1:
        qr_images.write_png(cards[0].code, target.with_suffix(".png"))
        click.echo(f"Picture to show on a phone: {target.with_suffix('.png')}")
    _append_register(job, issued)


def _signed_cards(job: _PrintJob, issued: Iterable[tuple[PassRequest, bytes]]) -> Iterator[print_sheets.PrintedCard]:
    for request, serial in issued:
        expires_at = job.now_at + timedelta(days=request.days)
        if expires_at > job.key.not_after_at:
            click.echo(f"The issuer key ends on {job.key.not_after_at:%Y-%m-%d}. The pass ends with it.", err=True)
            expires_at = job.key.not_after_at
        text = sign_pass(
            job.key,
            serial,
            job.now_at,
            expires_at,
            status_class=request.status_class,
            declaration_h=request.declaration_h,
        )
        yield print_sheets.PrintedCard(
            qr_images.make_qr_code(text.decode("ascii")), request.name, expires_at, job.key.label
        )


def _append_register(job: _PrintJob, issued: Iterable[tuple[PassRequest, bytes]]) -> None:
    """Append to the register, which only the issuer may read. It is never copied to a kiosk."""
    path = job.out / REGISTER_FILE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(["serial", "name", "issued_at", "days", "key"])
        for request, serial in issued:
            writer.writerow([serial.hex(), request.name, job.now_at.isoformat(), request.days, job.key.kid.hex()])
    click.echo(f"Register of serials, to withdraw by (kiosk deny): {path}")


def _print_poster(address: str, label: str, out: Path) -> None:
    title, lines = label or in_all_languages("poster.title")[0], in_all_languages("poster.how")
    target = out / "poster.pdf"
    print_sheets.write_poster(qr_images.make_qr_code(address), title, lines, target)
    click.echo(f"Poster: {target}")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CsvImportError(f"{out} cannot be made: {error.strerror}. Give another --out.") from error
