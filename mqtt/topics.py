"""The topics of the wire: `<prefix>/v1/<site>/<device>/<kind>`."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

VERSION = "v1"
CENTRE = "centre"
"""The centre's own topics have this word in place of the site. No site may have this name."""

COMMAND, REPLY, LIST = "command", "reply", "list"
"""Levels of a device's topics below which there is one more: the name of a command, its id, and the kind of a list."""

_LEVEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class TopicKind(StrEnum):
    """The last level of a device's topics. Wire values."""

    STATE = "state"
    EVENT = "event"
    HEALTH = "health"
    HELLO = "hello"
    RECEIPT = "receipt"
    DESIRED = "desired"


@dataclass(frozen=True, slots=True, order=True)
class DeviceTopics:
    """The topics of one device. Raises ValueError for a name that a topic or an ACL must not contain."""

    prefix: str
    site: str
    device: str
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.prefix, self.site, self.device)))
        for level in (self.prefix, self.site, self.device):
            if not _LEVEL.fullmatch(level):
                raise ValueError(f"{level!r} cannot be a topic level: use a-z, 0-9 and '-', at most 63 characters")
        if self.site == CENTRE:
            raise ValueError(f"no site may have the name {CENTRE!r}: it is reserved for the centre's topics")

    def __hash__(self) -> int:  # made once: a centre looks up each device of a batch in many tables
        return self._hash

    def topic(self, kind: TopicKind) -> str:
        """The full topic."""
        return f"{self.prefix}/{VERSION}/{self.site}/{self.device}/{kind}"

    def command_topic(self, name: str) -> str:
        """The topic of a command to this device. `+`: the filter for all of them."""
        return f"{self.prefix}/{VERSION}/{self.site}/{self.device}/{COMMAND}/{name}"

    def reply_topic(self, order_id: str) -> str:
        """The topic of the replies to a command."""
        return f"{self.prefix}/{VERSION}/{self.site}/{self.device}/{REPLY}/{order_id}"

    def list_topic(self, kind: str) -> str:
        """The topic of signed lists for this device. `+`: the filter for all kinds."""
        return f"{self.prefix}/{VERSION}/{self.site}/{self.device}/{LIST}/{kind}"

    @property
    def wire_name(self) -> str:
        """`SITE/DEVICE`, as in its certificate."""
        return f"{self.site}/{self.device}"

    @property
    def source(self) -> str:
        """The CloudEvents `source` of this device's events."""
        return f"/{self.prefix}/{self.site}/{self.device}"


def topic_filter(prefix: str, kind: TopicKind) -> str:
    """The filter for this kind of message of all devices."""
    return f"{prefix}/{VERSION}/+/+/{kind}"


def reply_filter(prefix: str) -> str:
    """The filter for the replies of all devices."""
    return f"{prefix}/{VERSION}/+/+/{REPLY}/+"


def centre_state_topic(prefix: str) -> str:
    """The centre's state: retained, with a last will."""
    return f"{prefix}/{VERSION}/{CENTRE}/state"


def backlog_rate_topic(prefix: str) -> str:
    """How fast devices may send their backlog: retained."""
    return f"{prefix}/{VERSION}/{CENTRE}/backlog-rate"


def centre_topics(prefix: str) -> list[str]:
    """The centre's topics that a device subscribes to, besides its receipts."""
    return [centre_state_topic(prefix), backlog_rate_topic(prefix)]


def parse_topic(topic: str) -> tuple[DeviceTopics, TopicKind] | None:
    """The device and the kind of message. None for other topics."""
    levels = topic.split("/")
    if len(levels) != 5 or levels[1] != VERSION:
        return None
    try:
        return DeviceTopics(levels[0], levels[2], levels[3]), TopicKind(levels[4])
    except ValueError:
        return None


def parse_reply_topic(topic: str) -> tuple[DeviceTopics, str] | None:
    """The device and the id of the command that a reply belongs to. None for other topics."""
    levels = topic.split("/")
    if len(levels) != 6 or levels[1] != VERSION or levels[4] != REPLY:
        return None
    try:
        return DeviceTopics(levels[0], levels[2], levels[3]), levels[5]
    except ValueError:
        return None
