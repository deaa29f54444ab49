"""Checks of every request and headers of every response: host names, size limits, and a policy against foreign scripts."""

import ipaddress
import socket
from collections.abc import Callable, Iterable

from flask import Flask, Response, abort, request

MAX_BODY_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024


def content_security_policy(image_sources: str = "'self'") -> str:
    """The content security policy (W3C CSP 3). `image_sources`: where images may come from."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {image_sources}; connect-src 'self'; worker-src 'self'; "
        "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": content_security_policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends its own forms with "Origin: null" (Fetch standard, 3.2)
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def allowed_hosts(extra: Iterable[str], host_name: str) -> frozenset[str]:
    """Host names that are answered: loopback, the name of this machine (also with .local), and those of the configuration."""
    host = host_name.lower()
    return frozenset({"localhost", host, f"{host.split('.')[0]}.local", *(name.lower() for name in extra)})


def is_allowed_host(host: str, allowed: frozenset[str]) -> bool:
    """Whether a Host header names this machine. Every literal address does: DNS rebinding needs a name."""
    name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower().rstrip(".") in allowed
    return True


def add_security_checks(
    app: Flask, extra_hosts: Iterable[str], host_name: Callable[[], str] = socket.gethostname
) -> None:
    """Add the checks and headers to every page of `app`. `extra_hosts`: names of this machine in the configuration."""
    extra = tuple(extra_hosts)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=50)

    @app.before_request
    def _host() -> None:
        # Asked each time: a person may change the name of the machine, and needs no restart for that.
        if not is_allowed_host(request.headers.get("Host", ""), allowed_hosts(extra, host_name())):
            abort(421)

    @app.after_request
    def _headers(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
