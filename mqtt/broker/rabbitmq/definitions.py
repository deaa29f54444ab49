"""Users of a RabbitMQ cluster and their rights, as RabbitMQ imports them (definitions.json)."""

import re
from collections.abc import Iterable
from typing import Any

VHOST = "/"
EXCHANGE = "amq.topic"
DEVICE_WRITES, DEVICE_READS = ("state", "event", "health", "hello", "reply"), ("receipt", "command", "list", "desired")
"""The levels below a device's own topics."""
CENTRE_READS, CENTRE_WRITES = DEVICE_WRITES, DEVICE_READS
NOTHING = "^$"


def definitions(users: Iterable[str], topic_prefix: str = "entrance") -> dict[str, Any]:
    """`users` are the names of clients as their certificates have them: SITE.DEVICE, `centre`, `centre-2` ..."""
    names = sorted(set(users))
    return {
        "vhosts": [{"name": VHOST}],
        # Without a password: only a certificate opens this user.
        "users": [{"name": name, "password_hash": "", "tags": []} for name in names],
        "permissions": [_permissions(name) for name in names],
        "topic_permissions": [_topic_permissions(name, topic_prefix) for name in names],
    }


def is_centre(user: str) -> bool:
    """A centre has no site."""
    return "." not in user


def _permissions(user: str) -> dict[str, str]:
    """The queues of the client's own session, and the exchange that all topics go through."""
    queues = rf"mqtt-(subscription|will)-{re.escape(user)}(qos[01])?"
    either = f"^({queues}|{re.escape(EXCHANGE)})$"
    return {"user": user, "vhost": VHOST, "configure": f"^{queues}$", "write": either, "read": either}


def _topic_permissions(user: str, topic_prefix: str) -> dict[str, str]:
    """In a routing key, dots are the slashes of the topic. A wildcard level `+` is written `*`."""
    prefix = rf"{re.escape(topic_prefix)}\.v1"
    if is_centre(user):
        write = rf"^{prefix}\.([^.]+\.[^.]+\.{_either(CENTRE_WRITES)}(\..+)?|centre\..+)$"
        read = rf"^{prefix}\.([^.]+\.[^.]+\.{_either(CENTRE_READS)}(\..+)?|centre\..+)$"
    else:
        write = rf"^{prefix}\.{{username}}\.{_either(DEVICE_WRITES)}(\..+)?$"
        read = rf"^{prefix}\.({{username}}\.{_either(DEVICE_READS)}(\..+)?|centre\..+)$"
    return {"user": user, "vhost": VHOST, "exchange": EXCHANGE, "write": write, "read": read}


def _either(words: Iterable[str]) -> str:
    return f"({'|'.join(words)})"
