"""Attacks on the page's port: each is refused, the page still answers others, and no scanning depends on it."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.processes.web_process import served
from web_ui.server.connection_limits import MAX_CONNECTIONS_PER_ADDRESS
from web_ui.server.security_headers import MAX_BODY_BYTES, MAX_HEADER_BYTES
from web_ui.server.server_sent_events import MAX_STREAMS_PER_ADDRESS


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    run_dir = tmp_path_factory.mktemp("run")
    publish(run_dir, a_status())
    with served("--run-dir", run_dir) as (url, _):
        found = urlsplit(url).port
        assert found
        yield found


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def answers(port: int) -> int:
    """The status of an honest request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def answer_to(port: int, raw: bytes) -> bytes:
    """The first words of the answer to these bytes; empty where the server hung up, perhaps before it heard them all."""
    with connect(port) as stream:
        try:
            stream.sendall(raw)
            stream.shutdown(socket.SHUT_WR)
            return stream.recv(64)
        except TimeoutError:
            raise
        except OSError:
            return b""


def ended(stream: socket.socket) -> bool:
    """Whether the server hung up (with or without a last word)."""
    try:
        while stream.recv(4096):
            continue
    except ConnectionError:
        return True
    return True


def test_a_request_that_never_ends_is_hung_up_on_while_others_are_answered(port: int) -> None:
    with connect(port) as slow, connect(port) as body:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        body.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        assert answers(port) == 200
        assert ended(slow)
        assert ended(body)


def test_one_address_cannot_hold_every_connection(port: int) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connect(port, "127.0.0.66")) for _ in range(MAX_CONNECTIONS_PER_ADDRESS + 10)]
        for stream in held:
            stream.sendall(b"GET / HTTP/1.1\r\n")
        assert ended(held[-1])
        assert answers(port) == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (MAX_HEADER_BYTES + 1) + b"\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /admin",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET /static/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_malformed_and_oversized_requests_are_refused(port: int, raw: bytes) -> None:
    said = answer_to(port, raw)
    assert not said.startswith(b"HTTP/1.1 2")
    assert answers(port) == 200


@given(raw=st.binary(min_size=1, max_size=200))
@settings(max_examples=examples(25), deadline=None)
def test_no_bytes_whatever_end_the_page(port: int, raw: bytes) -> None:
    said = answer_to(port, raw + b"\r\n\r\n")
    assert not said.startswith(b"HTTP/1.1 5")
    assert answers(port) == 200


def follow(stack: ExitStack, port: int, source: str) -> socket.socket | None:
    """An event stream of that address, or None where no seat is free."""
    stream = stack.enter_context(connect(port, source))
    stream.sendall(b"GET /live/status/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return stream if stream.recv(4096).startswith(b"HTTP/1.1 200") else None


def test_a_stream_that_was_left_gives_its_seat_back_within_seconds(port: int) -> None:
    with ExitStack() as bystander:
        other = follow(bystander, port, "127.0.0.78")
        assert other
        with ExitStack() as stack:
            assert all(follow(stack, port, "127.0.0.77") for _ in range(MAX_STREAMS_PER_ADDRESS))
            assert follow(stack, port, "127.0.0.77") is None
        for _ in range(10):  # each is a beat of the bystander's stream
            with ExitStack() as stack:
                if follow(stack, port, "127.0.0.77"):
                    break
            assert other.recv(65536)
        else:
            pytest.fail("the seats are still taken")
