"""A host is a name or an address and nothing else: each other spelling gets a sentence that says what to write."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config.addresses import host_error, split_host_port

GOOD = [
    "localhost",
    "h",
    "MQTT.hue.lan",
    "a-b.c",
    "under_score.lan",
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104  an address to listen on
    "::",
    "::1",
    "fe80::1%eth0",
]
SUGGESTIONS = {
    "mqtt://h": 'Write only "h"',
    "mqtts://h:8883/path": 'Write only "h", and 8883 as the port',
    "tcp://[::1]:1883": 'Write only "::1", and 1883 as the port',
    "user:secret@h": 'Write only "h"',
    "h/": 'Write only "h"',
    "h:1883": 'Write "h", and 1883 as the port',
    "[::1]": 'Write "::1"',
    "[::1]:1883": 'Write "::1", and 1883 as the port',
    " h": 'Write "h"',
    "h\n": 'Write "h"',
    "h\u00a0": 'Write "h"',
    "\u200bh": 'Write "h"',
    "h.": 'Write "h"',
    "": "is empty",
    "   ": "has blanks",
    "192.168.1": "not a complete IPv4 address",
    "192.168.1.300": "not a complete IPv4 address",
    "1:2:3": "not an IPv6 address",
    "[h]": "not an IPv6 address",
    "h:port": "a port that is not a number",
    "mqtt://": "is not a host",
    "máy-chủ.vn": "letters that a host name cannot have",
    "-h": "is not a host name",
    "a..b": "is not a host name",
    "h" * 64: "is not a host name",
    ".".join(["a" * 60] * 5): "is not a host name",
    "h;rm": "is not a host name",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_name_or_an_address_is_accepted(text: str) -> None:
    assert host_error(text) is None


@pytest.mark.parametrize("text", SUGGESTIONS)
def test_any_other_spelling_gets_a_sentence_with_what_to_write(text: str) -> None:
    assert SUGGESTIONS[text] in (host_error(text) or "")


@given(st.text(max_size=40) | st.text("[]:/.@%-h1 ", max_size=20))
def test_any_text_is_accepted_or_gets_a_sentence(text: str) -> None:
    error = host_error(text)
    if error is None:
        assert not any(letter.isspace() for letter in text)
        assert not set("/@[]") & set(text)


@given(st.ip_addresses())
def test_every_address_is_accepted_as_it_is_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert host_error(str(address)) is None


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("h:1883", "h", 1883), ("[::1]:1883", "::1", 1883), ("::1:1883", "::1", 1883), (" h:1 ", "h", 1)],
)
def test_host_and_port_are_split(text: str, host: str, port: int) -> None:
    assert split_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["h", "h:", ":1", "h:0", "h:65536", "h:x", "mqtt://h:1", "[h]:1", "h :1", "1.2.3:1", "h:\u0661"]
)
def test_what_is_not_host_and_port_gets_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        split_host_port(text)


@given(st.text(max_size=30))
def test_any_text_is_split_or_gets_a_sentence(text: str) -> None:
    said = ""
    host, port = "h", 1
    try:
        host, port = split_host_port(text)
    except ValueError as error:
        said = str(error)
    assert not said or said.endswith(".")
    assert host
    assert 0 < port < 65536
