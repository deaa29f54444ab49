"""Where each kind of message lives: `<root>/v1/<site>/<device>/<leaf>`."""

import re
from dataclasses import dataclass
from enum import StrEnum

VERSION = "v1"
CENTRE = "centre"
"""Takes the place of the site in topics of the centre itself, so no site may be called so."""

_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Leaf(StrEnum):
    """The last word of a device's topics (wire values)."""

    STATE = "state"
    PASSAGE = "passage"
    HEALTH = "health"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One device's part of the topic tree. Raises ValueError for words that a topic (or an ACL) must not have."""

    root: str
    site: str
    device: str

    def __post_init__(self) -> None:
        for word in (self.root, self.site, self.device):
            if not _WORD.fullmatch(word):
                raise ValueError(f"{word!r} cannot be part of a topic: small letters, digits and '-' only, at most 63")
        if self.site == CENTRE:
            raise ValueError(f"no site may be called {CENTRE!r}: the centre's own topics are there")

    def topic(self, leaf: Leaf) -> str:
        """The full topic."""
        return f"{self.root}/{VERSION}/{self.site}/{self.device}/{leaf}"

    @property
    def source(self) -> str:
        """The CloudEvents `source` of this device's events."""
        return f"/{self.root}/{self.site}/{self.device}"


def every(root: str, leaf: Leaf) -> str:
    """The filter that matches this leaf of all devices."""
    return f"{root}/{VERSION}/+/+/{leaf}"


def centre_state(root: str) -> str:
    """Where the centre says that it is there; retained, with a last will."""
    return f"{root}/{VERSION}/{CENTRE}/state"


def centre_drain(root: str) -> str:
    """Where the centre says how fast devices may send their backlog; retained."""
    return f"{root}/{VERSION}/{CENTRE}/drain"


def of_centre(root: str) -> list[str]:
    """All that a device listens to of the centre, beside its receipts."""
    return [centre_state(root), centre_drain(root)]


def parse(topic: str) -> tuple[Branch, Leaf] | None:
    """Whose topic this is, and which; None where it is not one of these."""
    words = topic.split("/")
    if len(words) != 5 or words[1] != VERSION:
        return None
    try:
        return Branch(words[0], words[2], words[3]), Leaf(words[4])
    except ValueError:
        return None
