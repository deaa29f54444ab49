"""Settings of the provider, and one attempt to sign in there. Without libraries, so that a centre without a provider needs none."""

import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from kiosk.core.ports import KioskError

SUBJECT, EMAIL, USER_NAME = "sub", "email", "preferred_username"
CLAIMS = (SUBJECT, EMAIL, USER_NAME)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ATTEMPT = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{64})")


class OidcError(KioskError):
    """No sign-in by the provider. The text is for the log."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider that people may sign in with."""

    issuer: str
    """Exactly as in its metadata, such as https://sso.hue.example/realms/city."""
    client_id: str
    client_secret: str = field(repr=False)
    claim: str = SUBJECT
    """Which claim names the person: one of CLAIMS. A mail address counts only if the provider verified it."""
    name: str = ""
    """What the sign-in page calls it. Empty: the host name."""
    public_url: str = ""
    """Address of these pages as browsers see it. Empty: that of the request."""

    @property
    def shown_name(self) -> str:
        """For people."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Three secrets of one attempt. Only the browser that began it has them, in a cookie."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "SignInAttempt":
        """With fresh secrets."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    @classmethod
    def parse(cls, text: str) -> "SignInAttempt | None":
        """Of a cookie. None: it is not one of ours."""
        found = _ATTEMPT.fullmatch(text)
        return cls(*found.groups()) if found else None

    def __str__(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"


def is_secure_address(address: object) -> bool:
    """Whether it is https, or http of this machine."""
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
