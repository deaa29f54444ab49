"""Client of the control socket: sends one command and waits for the response."""

import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from kiosk.app.control_socket.commands import CLIENT_DEADLINE_S, MAX_RESPONSE_BYTES, SOCKET_FILE, Command, Response
from kiosk.core.ports import KioskError

_LEAST_WAIT_S = 0.001
"""A send timeout of 0 means no timeout (socket(7))."""


def send_command(run_dir: Path, command: Command, *, monotonic: Callable[[], float] = time.monotonic) -> Response:
    """Send a command to the daemon of `run_dir` and wait for the response, CLIENT_DEADLINE_S in all.

    Raises KioskError if there is none.
    """
    until_s = monotonic() + CLIENT_DEADLINE_S

    def remaining_s() -> float:
        return until_s - monotonic()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            _connect(connection, str(run_dir / SOCKET_FILE), remaining_s)
            connection.sendall(json.dumps(asdict(command)).encode() + b"\n")
            line = read_line(connection, MAX_RESPONSE_BYTES, remaining_s)
        except OSError as error:
            raise KioskError(f"The kiosk does not take commands: {error.strerror or error}.") from error
    try:
        return Response(**json.loads(line or b""))
    except (ValueError, TypeError) as error:
        raise KioskError(
            "The response of the kiosk is invalid. Web UI and kiosk may have different versions."
        ) from error


def read_line(
    connection: socket.socket, limit: int, remaining_s: Callable[[], float] = lambda: CLIENT_DEADLINE_S
) -> bytes | None:
    """One line without its end. None if it is longer than `limit` bytes or has no end.

    `remaining_s`: time until the deadline of the whole line. Raises OSError, and TimeoutError at the deadline.
    """
    received = bytearray()
    while b"\n" not in received and len(received) <= limit:
        connection.settimeout(_positive(remaining_s()))
        more = connection.recv(64 * 1024)
        if not more:
            return None
        received += more
    line, end, _ = bytes(received).partition(b"\n")
    return line if end and len(line) <= limit else None


def _connect(connection: socket.socket, path: str, remaining_s: Callable[[], float]) -> None:
    """Connect, and wait while the queue of the server is full.

    A socket with a Python timeout is non-blocking, so it would not wait here. The kernel's send timeout does (socket(7)).
    """
    connection.setblocking(True)
    wait_s = max(_positive(remaining_s()), _LEAST_WAIT_S)
    timeval = struct.pack("@ll", int(wait_s), int(wait_s % 1 * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
    try:
        connection.connect(path)
    except BlockingIOError as error:
        raise TimeoutError("no response in time") from error


def _positive(remaining_s: float) -> float:
    if remaining_s <= 0:
        raise TimeoutError("no response in time")
    return remaining_s
