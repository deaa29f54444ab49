"""The QR code that invites a kiosk: `HUE-E1:` and base45 of a CBOR map. Pure, bounded and strict.

The code is not signed: a kiosk that is not enrolled knows no key to check a signature with. It carries the fingerprint of the
authority instead (docs/decisions/0048). The text holds a token, and perhaps the password of a Wi-Fi network. It is never logged.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import cbor2

from kiosk.credentials.formats.base45 import decode_base45, encode_base45
from kiosk.credentials.formats.cose import CoseError, decode_deterministic_cbor
from mqtt.topics import DeviceTopics

PREFIX = "HUE-E1:"
MAX_TEXT_LENGTH = 1500
TOKEN_BYTES = 16
FINGERPRINT_BYTES = 32
MAX_BROKERS = 4
MAX_URL_LENGTH = 200
MAX_SSID_BYTES = 32
"""IEEE 802.11."""
_PASSWORD_LENGTHS = range(8, 64)
"""WPA: a passphrase has 8 to 63 characters."""
_HOST = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
_URL = re.compile(rf"https://{_HOST}(?::\d{{1,5}})?")
_BROKER = re.compile(rf"{_HOST}:(\d{{1,5}})")
_PRINTABLE_ASCII = re.compile(r"[ -~]*")
_LATEST_END_S = 253_402_300_799  # year 9999
_SITE, _DEVICE, _URL_KEY, _BROKERS, _FINGERPRINT, _TOKEN, _END, _WIFI = range(1, 9)


class InvitationCodeError(ValueError):
    """The text is no invitation, or its content is not allowed. The message names the rule, never the content."""


@dataclass(frozen=True, slots=True)
class WifiNetwork:
    """A network to join. Raises InvitationCodeError."""

    ssid: str
    password: str = field(repr=False)
    """Empty: an open network."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.ssid.encode("utf-8", "replace")) <= MAX_SSID_BYTES or not self.ssid.isprintable():
            raise InvitationCodeError("the name of the Wi-Fi network has 1 to 32 bytes")
        if self.password and (
            len(self.password) not in _PASSWORD_LENGTHS or not _PRINTABLE_ASCII.fullmatch(self.password)
        ):
            raise InvitationCodeError("the password of the Wi-Fi network has 8 to 63 ASCII characters")


@dataclass(frozen=True, slots=True)
class InvitationCode:
    """The content of a code. Raises InvitationCodeError."""

    site: str
    device: str
    url: str
    """Address of the enrolment service, `https://HOST:PORT`."""
    brokers: tuple[str, ...]
    """`host:port`, first choice first."""
    authority_fingerprint: bytes
    """SHA-256 of the CA certificate."""
    token: bytes = field(repr=False)
    expires_at: datetime
    """End of validity, whole seconds."""
    wifi: WifiNetwork | None = None

    def __post_init__(self) -> None:
        try:
            DeviceTopics("entrance", self.site, self.device)
        except ValueError as error:
            raise InvitationCodeError("site or device has a name that is not allowed") from error
        if len(self.url) > MAX_URL_LENGTH or not _URL.fullmatch(self.url):
            raise InvitationCodeError("the address of the service is not https://HOST:PORT")
        if not 1 <= len(self.brokers) <= MAX_BROKERS or not all(map(_is_broker, self.brokers)):
            raise InvitationCodeError("the code names 1 to 4 brokers as HOST:PORT")
        if len(self.authority_fingerprint) != FINGERPRINT_BYTES or len(self.token) != TOKEN_BYTES:
            raise InvitationCodeError("the fingerprint has 32 bytes, the token 16")

    @property
    def wire_name(self) -> str:
        """SITE/DEVICE."""
        return f"{self.site}/{self.device}"


def _is_broker(text: str) -> bool:
    found = _BROKER.fullmatch(text)
    return found is not None and len(text) <= MAX_URL_LENGTH and 1 <= int(found[1]) <= 65535


def is_invitation(data: bytes) -> bool:
    """Whether a decoded code looks like an invitation. It may still be invalid."""
    return data.startswith(PREFIX.encode())


def encode_invitation(code: InvitationCode) -> str:
    """The text of the QR code. It has only characters of the alphanumeric mode. Raises InvitationCodeError if it is too long."""
    content: dict[int, Any] = {
        _SITE: code.site,
        _DEVICE: code.device,
        _URL_KEY: code.url,
        _BROKERS: list(code.brokers),
        _FINGERPRINT: code.authority_fingerprint,
        _TOKEN: code.token,
        _END: int(code.expires_at.timestamp()),
    }
    if code.wifi is not None:
        content[_WIFI] = [code.wifi.ssid, code.wifi.password]
    text = PREFIX + encode_base45(cbor2.dumps(content, canonical=True))
    if len(text) > MAX_TEXT_LENGTH:
        raise InvitationCodeError(f"the code has more than {MAX_TEXT_LENGTH} characters")
    return text


def parse_invitation(data: bytes) -> InvitationCode:
    """Undo `encode_invitation`. Raises InvitationCodeError for every other text."""
    if not is_invitation(data) or len(data) > MAX_TEXT_LENGTH:
        raise InvitationCodeError("the text is no invitation")
    try:
        content = decode_deterministic_cbor(decode_base45(data[len(PREFIX) :]))
    except (CoseError, ValueError) as error:
        raise InvitationCodeError("the invitation is damaged") from error
    match content:
        case {
            1: str(site),
            2: str(device),
            3: str(url),
            4: [*brokers],
            5: bytes(mark),
            6: bytes(token),
            7: int(end),
            **rest,
        }:
            if all(isinstance(broker, str) for broker in brokers) and _is_end(end):
                expires_at = datetime.fromtimestamp(end, UTC)
                return InvitationCode(site, device, url, tuple(brokers), mark, token, expires_at, _wifi(rest))
    raise InvitationCodeError("the invitation has not the fields of its version")


def _is_end(value: int) -> bool:
    """Whether it is a time. A boolean is an int for Python, and not for CBOR."""
    return not isinstance(value, bool) and 0 <= value <= _LATEST_END_S


def _wifi(rest: dict[Any, Any]) -> WifiNetwork | None:
    match rest:
        case {8: [str(ssid), str(password)], **others} if not others:
            return WifiNetwork(ssid, password)
        case {**others} if not others:
            return None
    raise InvitationCodeError("the invitation has not the fields of its version")
