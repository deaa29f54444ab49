"""The answers to the questions of `kiosk centre init`, and all that is wrong with them at once. Pure."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mqtt.centre.ingest.database import POSTGRES_SCHEMES

SQLITE, POSTGRESQL = "sqlite", "postgresql"
"""Words for a database on this machine that `init` makes."""
MIN_PASSWORD_CHARACTERS = 12
MAX_NAME_CHARACTERS = 100
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_AREA_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,19}")
_KINDS = {"phường": "ward", "ward": "ward", "xã": "commune", "commune": "commune", "tỉnh": "province", "province": "province",
          "thành phố": "city", "tp": "city", "tp.": "city", "city": "city"}  # fmt: skip
_NOT_IN_LOGINS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class SetupAnswers:
    """What the administrator answered."""

    organisation: str
    """Name of the city or ward."""
    hosts: tuple[str, ...]
    """Names and addresses by which kiosks and browsers reach this machine."""
    database: str
    """`sqlite`, `postgresql`, or the address of a PostgreSQL database."""
    administrator: str
    """Name of the person who administers."""
    offline_dir: Path
    """Where the offline keys go, for example a folder on a stick."""
    password: str = field(repr=False)
    """Locks the offline keys."""
    area_code: str = "1"
    has_holders: bool = False
    """The sealing key is divided among three holders, of whom two are needed."""
    is_authority_offline: bool = False
    """The key that signs certificates stays off this machine. Kiosks then cannot enrol by QR code."""

    @property
    def login(self) -> str:
        """Name of the first account: `Lê Văn Tám` becomes `le-van-tam`."""
        plain = unicodedata.normalize("NFD", self.administrator.casefold().replace("đ", "d"))
        letters = "".join(character for character in plain if not unicodedata.combining(character))
        login = _NOT_IN_LOGINS.sub("-", letters).strip("-")[:40].strip("-")
        return login if len(login) > 1 and login[0].isalpha() else f"admin-{login}".strip("-")

    @property
    def area_kind(self) -> str:
        """Kind of the first area, by the first word of its name. A ward where it says nothing."""
        name = unicodedata.normalize("NFC", self.organisation).casefold()
        return next((kind for word, kind in _KINDS.items() if name.startswith(f"{word} ")), "ward")


def find_mistakes(answers: SetupAnswers) -> Iterator[str]:
    """One sentence for each mistake."""
    yield from _text_mistakes("--organisation", answers.organisation)
    yield from _text_mistakes("--administrator", answers.administrator)
    yield from _host_mistakes(answers.hosts)
    if answers.database not in {SQLITE, POSTGRESQL} and not answers.database.startswith(POSTGRES_SCHEMES):
        yield f"--database {answers.database}: write sqlite, postgresql, or postgresql://USER@HOST/NAME."
    if not _AREA_CODE.fullmatch(answers.area_code):
        yield f"--area-code {answers.area_code}: at most 20 letters, digits and hyphens."
    if len(answers.password) < MIN_PASSWORD_CHARACTERS:
        yield f"the password of the offline keys has fewer than {MIN_PASSWORD_CHARACTERS} characters."
    yield from _offline_mistakes(answers.offline_dir)


def _text_mistakes(option: str, text: str) -> Iterator[str]:
    if not text.strip():
        yield f"{option} is missing."
    elif len(text) > MAX_NAME_CHARACTERS:
        yield f"{option} has more than {MAX_NAME_CHARACTERS} characters."
    elif not text.isprintable():
        yield f"{option} has a character that cannot be printed."


def _host_mistakes(hosts: Sequence[str]) -> Iterator[str]:
    if not hosts:
        yield "--host is missing: the name or the address by which kiosks reach this machine."
    for host in hosts:
        if not _is_host(host):
            yield f"--host {host}: write only a name such as centre.hue.example, or an address, without a port."
    twice = sorted({host for host in hosts if hosts.count(host) > 1})
    if twice:
        yield f"--host {', '.join(twice)} stands there twice."


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.split(".")
        return len(text) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdecimal()
    return True


def _offline_mistakes(folder: Path) -> Iterator[str]:
    if not folder.name:
        yield "--offline is missing: the folder for the offline keys, for example on a stick."
    elif not folder.parent.is_dir():
        yield f"--offline {folder}: there is no folder {folder.parent}. Is the stick mounted?"
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        yield f"--offline {folder}: is not empty. Nothing is overwritten: name a new folder."
