"""Who is asked for: identifiers from a picture of a code, from a hand scanner, or typed. Nothing of it is shown or logged."""

from pathlib import Path

import click

from kiosk.core.model import Claim
from kiosk.credentials import is_known_format
from kiosk.credentials.formats import entry_pass, fields
from kiosk.credentials.trust.trust_list import make_trust_list
from kiosk.credentials.verifier import CredentialVerifier
from kiosk.decoding.preview.image_files import ImageFileError, load_luma
from kiosk.decoding.still_image import decode_image
from kiosk.system.clock import SystemClock
from mqtt.centre.tracing.core.model import Identifier
from web_ui.centre.data.calendar import utc_now

SCHEMES = ("document", "qid", "insurance", "pass", "hcert")


class IdentityError(click.ClickException):
    """The code or the number names no single person."""


def identifiers_of(
    image: Path | None, documents: tuple[str, ...], others: tuple[str, ...], *, scan: bool
) -> tuple[Identifier, ...]:
    """The identifiers of the options, at least one. Raises IdentityError."""
    found: list[Identifier] = []
    if image is not None:
        found += _from_image(image)
    if scan:
        found += identifiers_of_code(click.prompt("Scan the code", hide_input=True, err=True).encode())
    found += [("document", _number(text)) for text in documents]
    found += [_typed(text) for text in others]
    if not found:
        raise IdentityError("name the person: --code-image, --scan, --document or --identifier")
    return tuple(dict.fromkeys(found))


def identifiers_of_code(data: bytes) -> tuple[Identifier, ...]:
    """What a code says of its owner. Its validity does not matter. Raises IdentityError."""
    data = fields.trim_code(data)
    if data.startswith(entry_pass.PREFIX):
        try:
            return (("pass", entry_pass.parse_entry_pass(data).serial.hex()),)
        except ValueError as error:
            raise IdentityError("the entry pass cannot be read: scan it again") from error
    verifier = CredentialVerifier(make_trust_list([], number=0, issued_at=utc_now()))
    answer = verifier.verify(data, SystemClock().now())
    if not isinstance(answer, Claim):
        raise IdentityError(f"this code names no person: {answer.reason}")
    return tuple((one.scheme, one.value) for one in answer.subject.identifiers)


def _from_image(path: Path) -> tuple[Identifier, ...]:
    try:
        codes = decode_image(load_luma(path), is_known_format=is_known_format)
    except ImageFileError as error:
        raise IdentityError(f"{path} cannot be opened: {error}") from error
    if len(codes) != 1:
        raise IdentityError(f"{path} shows {len(codes)} codes. A picture of exactly one code is needed.")
    return identifiers_of_code(codes[0].data)


def _number(text: str) -> str:
    number = "".join(text.split()).upper()
    if not (number.isascii() and number.isalnum() and 5 <= len(number) <= 20):
        raise IdentityError("a document number has 5 to 20 letters and digits")
    return number


def _typed(text: str) -> Identifier:
    scheme, mark, value = text.partition("=")
    if not mark or scheme not in SCHEMES or not value.strip():
        raise IdentityError(f"an identifier looks like SCHEME=VALUE, with one of {', '.join(SCHEMES)}")
    return scheme, value.strip()
