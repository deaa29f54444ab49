"""Where each kind of message lives: `<root>/v1/<site>/<device>/<leaf>`."""

import re
from dataclasses import dataclass
from enum import StrEnum

VERSION = "v1"
CENTRE = "centre"
"""Takes the place of the site in topics of the centre itself, so no site may be called so."""

_LEVEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class TopicKind(StrEnum):
    """The last word of a device's topics (wire values)."""

    STATE = "state"
    EVENT = "event"
    HEALTH = "health"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True, order=True)
class DeviceTopics:
    """One device's part of the topic tree. Raises ValueError for words that a topic (or an ACL) must not have."""

    prefix: str
    site: str
    device: str

    def __post_init__(self) -> None:
        for word in (self.prefix, self.site, self.device):
            if not _LEVEL.fullmatch(word):
                raise ValueError(f"{word!r} cannot be part of a topic: small letters, digits and '-' only, at most 63")
        if self.site == CENTRE:
            raise ValueError(f"no site may be called {CENTRE!r}: the centre's own topics are there")

    def topic(self, kind: TopicKind) -> str:
        """The full topic."""
        return f"{self.prefix}/{VERSION}/{self.site}/{self.device}/{kind}"

    @property
    def source(self) -> str:
        """The CloudEvents `source` of this device's events."""
        return f"/{self.prefix}/{self.site}/{self.device}"


def topic_filter(prefix: str, kind: TopicKind) -> str:
    """The filter that matches this leaf of all devices."""
    return f"{prefix}/{VERSION}/+/+/{kind}"


def centre_state_topic(prefix: str) -> str:
    """Where the centre says that it is there; retained, with a last will."""
    return f"{prefix}/{VERSION}/{CENTRE}/state"


def backlog_rate_topic(prefix: str) -> str:
    """Where the centre says how fast devices may send their backlog; retained."""
    return f"{prefix}/{VERSION}/{CENTRE}/backlog-rate"


def centre_topics(prefix: str) -> list[str]:
    """All that a device listens to of the centre, beside its receipts."""
    return [centre_state_topic(prefix), backlog_rate_topic(prefix)]


def parse_topic(topic: str) -> tuple[DeviceTopics, TopicKind] | None:
    """Whose topic this is, and which; None where it is not one of these."""
    words = topic.split("/")
    if len(words) != 5 or words[1] != VERSION:
        return None
    try:
        return DeviceTopics(words[0], words[2], words[3]), TopicKind(words[4])
    except ValueError:
        return None
