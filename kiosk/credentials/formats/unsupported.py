"""Codes that are recognised by their first bytes and refused: their format is not public, or out of scope.

The rotating code of VNeID has no published prefix, so it is an unknown code. The ID card's code that VNeID displays is read as
an ID card.
"""

import re

from kiosk.core.model import CodeKind, Reason, Refusal

_FORMAT_PREFIXES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("smart-health-card", re.compile(rb"shc:/", re.IGNORECASE)),  # SMART Health Cards Framework 1.4
    ("hcert-of-another-version", re.compile(rb"HC[02-9A-Z]:")),  # hcert-spec 1.0.8: the context identifier is HC1:
    ("new-zealand-covid-pass", re.compile(rb"NZCP:/")),  # NZCP technical specification, section 4
    ("vds-nc", re.compile(rb'\{(?=.{0,4000}"hdr"\s*:)', re.DOTALL)),  # ICAO VDS-NC 1.4, section 5
    ("vds", re.compile(rb"\xdc[\x02\x03]")),  # ICAO Doc 9303 part 13, section 2.2: magic constant and version
    ("2d-doc", re.compile(rb"DC0[1-4][0-9A-Z]{8}")),  # ANTS 2D-Doc 3.1, header
    (
        "cowin",
        re.compile(rb'PK\x03\x04|\{(?=.{0,4000}"(?:@context|credentialSubject)"\s*:)', re.DOTALL),
    ),  # DIVOC: a zipped W3C credential
    ("certificate-of-another-country", re.compile(rb"(?:NL[0-9]|DK[0-9]|LT[0-9]|CH[0-9]|CRED):")),
    ("wi-fi", re.compile(rb"WIFI:", re.IGNORECASE)),
    ("contact", re.compile(rb"BEGIN:VCARD|MECARD:|BIZCARD:", re.IGNORECASE)),
    ("calendar", re.compile(rb"BEGIN:V(?:EVENT|CALENDAR)", re.IGNORECASE)),
    ("telephone", re.compile(rb"tel:|sms:|smsto:|mms:|mmsto:|facetime:", re.IGNORECASE)),
    ("mail", re.compile(rb"mailto:|MATMSG:|SMTP:", re.IGNORECASE)),
    ("place", re.compile(rb"geo:[-+0-9]", re.IGNORECASE)),
    ("login", re.compile(rb"otpauth(?:-migration)?://|FIDO:/|eyJ[A-Za-z0-9_-]+\.", re.IGNORECASE)),
    ("boarding-pass", re.compile(rb"M[1-9][A-Z' /-]{20}[E ][A-Z0-9]{5,7}")),  # IATA Resolution 792
    ("device-setup", re.compile(rb"LPA:1\$|MT:[A-Z0-9.-]{19}|DPP:", re.IGNORECASE)),
)


def find_unsupported_format(data: bytes) -> str | None:
    """Name of the format, or None."""
    return next((name for name, pattern in _FORMAT_PREFIXES if pattern.match(data)), None)


def refuse_unsupported(format_name: str) -> Refusal:
    """Refusal of a recognised format that is not read here."""
    return Refusal(CodeKind.UNSUPPORTED, Reason.UNSUPPORTED, format_name)
