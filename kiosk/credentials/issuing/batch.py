"""Signs and prints the passes of one run, and registers them: all of them or none."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kiosk.credentials.issuing import names, print_sheets, qr_images
from kiosk.credentials.issuing.output_files import output_error, unused_path
from kiosk.credentials.issuing.passes import IssuerKey, sign_pass
from kiosk.credentials.issuing.people_list.csv_import import PassRequest
from kiosk.credentials.issuing.register import Register


@dataclass(frozen=True, slots=True)
class PrintJob:
    """What is the same for all passes of a run."""

    key: IssuerKey
    out: Path
    card_format: print_sheets.CardFormat
    now_at: datetime
    help_phone: str = ""
    """Printed on the cards, for people who need help. Empty: none."""
    has_pictures: bool = False
    """Each pass also has a picture, for sending."""


@dataclass(frozen=True, slots=True)
class PrintedPasses:
    """What a run has made."""

    sheet: Path
    picture: Path | None
    """A single pass also has a picture for a phone."""
    pictures: Path | None
    """Folder of the pictures of many passes."""
    shortened: bool
    """Some passes end with the key of the issuer."""


def print_passes(
    job: PrintJob,
    requests: Sequence[PassRequest],
    register: Register,
    *,
    stem: str = "",
    on_card: Callable[[], object] = lambda: None,
) -> PrintedPasses:
    """Sign, read back, print and register. No file of an earlier run is replaced.

    `stem`: name of the sheet. Empty: by the serial. Raises QrCodeError, TextError or OutputError, and leaves no file then.
    """
    issued = [(request, request.serial or os.urandom(10)) for request in requests]
    cards = list(_signed_cards(job, issued))
    sheet = unused_path(job.out, stem or f"pass-{issued[0][1].hex()[:8]}", ".pdf")
    picture = sheet.with_suffix(".png") if len(cards) == 1 and not stem else None
    pictures = unused_path(job.out, f"{sheet.stem}-pictures", "") if job.has_pictures else None
    try:
        print_sheets.write_cards(cards, job.card_format, sheet, on_card_checked=on_card)
        if picture:
            qr_images.write_png(cards[0].code, picture)
        if pictures:
            _write_pictures(cards, pictures)
        register.append(_rows(job, issued, sheet))
    except BaseException:
        if pictures:
            shutil.rmtree(pictures, ignore_errors=True)
        for path in (sheet, picture):
            if path:
                path.unlink(missing_ok=True)
        raise
    return PrintedPasses(sheet, picture, pictures, any(card.expires_at == job.key.not_after_at for card in cards))


def _write_pictures(cards: Sequence[print_sheets.PrintedCard], folder: Path) -> None:
    """`001 Nguyễn Thị Ánh.png`. The numbers are those of the cards on the sheet."""
    try:
        folder.mkdir()
    except OSError as error:
        raise output_error(folder, error) from error
    digits = max(3, len(str(len(cards))))
    for number, card in enumerate(cards, start=1):
        letters = "".join(each if each.isalnum() or each in " -" else "_" for each in card.name)
        qr_images.write_png(card.code, folder / f"{number:0{digits}d} {letters[:80]}.png")


def _signed_cards(job: PrintJob, issued: Sequence[tuple[PassRequest, bytes]]) -> Iterator[print_sheets.PrintedCard]:
    issuer = names.printable_text(job.key.label, "the label of the issuer key")
    for request, serial in issued:
        expires_at = min(request.ends_at or job.now_at + timedelta(days=request.days), job.key.not_after_at)
        text = sign_pass(
            job.key,
            serial,
            job.now_at,
            expires_at,
            status_class=request.status_class,
            declaration_h=request.declaration_h,
        )
        code = qr_images.make_qr_code(text.decode("ascii"))
        yield print_sheets.PrintedCard(
            code, request.name, expires_at, issuer, request.reference, serial.hex(), job.help_phone
        )


def _rows(job: PrintJob, issued: Sequence[tuple[PassRequest, bytes]], sheet: Path) -> list[list[object]]:
    """A row for each pass, in the order of register.COLUMNS."""
    issued_at, key = job.now_at.isoformat(), job.key.kid.hex()
    return [
        [
            serial.hex(),
            request.name,
            request.reference,
            request.issued_at or issued_at,
            request.days,
            key,
            f"{sheet.name} {number}",
        ]
        for number, (request, serial) in enumerate(issued, start=1)
    ]
