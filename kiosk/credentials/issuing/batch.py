"""Signs and prints the passes of one run, and registers them: all of them or none."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kiosk.credentials.issuing import names, print_sheets, qr_images
from kiosk.credentials.issuing.csv_import import PassRequest
from kiosk.credentials.issuing.output_files import unused_path
from kiosk.credentials.issuing.passes import IssuerKey, sign_pass
from kiosk.credentials.issuing.register import Register


@dataclass(frozen=True, slots=True)
class PrintJob:
    """What is the same for all passes of a run."""

    key: IssuerKey
    out: Path
    card_format: print_sheets.CardFormat
    now_at: datetime


@dataclass(frozen=True, slots=True)
class PrintedPasses:
    """What a run has made."""

    sheet: Path
    picture: Path | None
    """A single pass also has a picture for a phone."""
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
    issued = [(request, os.urandom(10)) for request in requests]
    cards = list(_signed_cards(job, issued))
    sheet = unused_path(job.out, stem or f"pass-{issued[0][1].hex()[:8]}", ".pdf")
    picture = sheet.with_suffix(".png") if len(cards) == 1 and not stem else None
    try:
        print_sheets.write_cards(cards, job.card_format, sheet, on_card_checked=on_card)
        if picture:
            qr_images.write_png(cards[0].code, picture)
        register.append(_rows(job, issued, sheet))
    except BaseException:
        for path in (sheet, picture):
            if path:
                path.unlink(missing_ok=True)
        raise
    return PrintedPasses(sheet, picture, any(card.expires_at == job.key.not_after_at for card in cards))


def _signed_cards(job: PrintJob, issued: Sequence[tuple[PassRequest, bytes]]) -> Iterator[print_sheets.PrintedCard]:
    issuer = names.printable_text(job.key.label, "the label of the issuer key")
    for request, serial in issued:
        expires_at = min(job.now_at + timedelta(days=request.days), job.key.not_after_at)
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
            code, request.name, expires_at, issuer, reference=request.reference, serial=serial.hex()
        )


def _rows(job: PrintJob, issued: Sequence[tuple[PassRequest, bytes]], sheet: Path) -> list[list[object]]:
    """A row for each pass, in the order of register.COLUMNS."""
    issued_at, key = job.now_at.isoformat(), job.key.kid.hex()
    return [
        [serial.hex(), request.name, request.reference, issued_at, request.days, key, f"{sheet.name} {number}"]
        for number, (request, serial) in enumerate(issued, start=1)
    ]
