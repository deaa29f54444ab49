"""Checks what people type as a host: one sentence says what is wrong and what to write instead."""

import ipaddress
import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def host_error(text: str) -> str | None:
    """Why the text is neither a host name nor an address, as the end of a sentence without its full stop. None if it is one."""
    if not text:
        return "is empty. Write a name or an address"
    if text != text.strip() or any(letter.isspace() or not letter.isprintable() for letter in text):
        return f"has blanks. Write {_quoted(''.join(one for one in text if one.isprintable() and not one.isspace()))}"
    if "://" in text or "/" in text or "@" in text:
        return _address_error(text)
    if text.startswith("[") or text.endswith("]"):
        return _bracket_error(text)
    return None if _is_ip_address(text) else _port_error(text) or _name_error(text)


def split_host_port(text: str) -> tuple[str, int]:
    """Split `host:port`. An IPv6 address may stand in brackets. Raises ValueError with a sentence."""
    if "://" in text:
        raise ValueError(f"{text!r} {host_error(text)}.")
    host, _, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ip_address(host):
            raise ValueError(f"{text!r}: {host!r} is not an IPv6 address.")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port, such as localhost:1883 or [::1]:1883.")
    error = host_error(host)
    if error:
        raise ValueError(f"{text!r}: {host!r} {error}.")
    return host, int(port)


def _address_error(text: str) -> str:
    try:
        found = urlsplit(text if "://" in text else f"//{text}")
        host, port = found.hostname, found.port
    except ValueError:
        return "is not a host. Write only a name or an address"
    if not host:
        return "is not a host. Write only a name or an address"
    with_port = f", and {port} as the port" if port else ""
    return f"has more than a host. Write only {_quoted(host)}{with_port}"


def _bracket_error(text: str) -> str:
    inner, _, port = text.strip("[").partition("]")
    if not _is_ip_address(inner):
        return "is not an IPv6 address"
    with_port = f", and {port[1:]} as the port" if re.fullmatch(r":\d+", port) else ""
    return f"has brackets. Write {_quoted(inner)}{with_port}"


def _port_error(text: str) -> str | None:
    host, colon, port = text.rpartition(":")
    if ":" in host:
        return "is not an IPv6 address"
    if colon and port.isdecimal():
        return f"has a port. Write {_quoted(host)}, and {port} as the port"
    return "has a port that is not a number. Write only a name or an address" if colon else None


def _name_error(text: str) -> str | None:
    if text.endswith("."):
        return f"ends with a dot. Write {_quoted(text.rstrip('.'))}"
    if not text.isascii():
        return "has letters that a host name cannot have. Write a to z, digits, dots and hyphens only"
    if re.fullmatch(r"[\d.]+", text):
        return "is not a complete IPv4 address of four numbers up to 255"
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        return "is not a host name. Write a to z, digits, dots and hyphens only"
    return None


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    return f'"{text}"'
