"""The file of `kiosk centre --config`, and the address of its broker, as people write them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from kiosk.cli.centre.service.brokers import parse_brokers


def status(folder: Path, content: bytes, *arguments: str) -> Result:
    path = folder / "centre.toml"
    path.write_bytes(content)
    return CliRunner().invoke(centre, ["--config", str(path), *arguments, "status"])


@pytest.mark.parametrize("key", ["topic_prefix", "topic-prefix"])
def test_a_byte_order_mark_and_both_spellings_of_a_key_are_read(tmp_path: Path, key: str) -> None:
    text = f'database = "{tmp_path}/none.db"\n{key} = "entrance"\n'
    assert f"{tmp_path}/none.db" in status(tmp_path, b"\xef\xbb\xbf" + text.encode()).output


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('name = "a"'.encode("utf-16"), "Save it again with the encoding UTF-8."),
        (b'name = "caf\xe9"', "line 1 has the byte 0xe9"),
        (b'ca = ""', "ca: is empty. Leave this key out."),
        (b'ca = " "\nkey = ""', "key: is empty. Leave this key out."),
        (b"[database]\nfile = 1", "database: a text or a number is expected."),
        (b"retentiondays = 3", "did you mean 'retention_days'?"),
        (b"name = " + b"9" * 5000, "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_gets_a_clear_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    done = status(tmp_path, content)
    assert done.exit_code == 1
    assert sentence in done.output
    assert "centre.toml" in done.output


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("mqtt://h:1883", 'Write only "h", and 1883 as the port.'),
        ("h", "is not host:port"),
        ("[h]:1883", "is not an IPv6 address"),
        ("h:0", "is not host:port"),
        ("h:1,", "is not host:port"),
        ("h:1,g:1,h:1", "stands there twice"),
    ],
)
def test_a_broker_that_is_no_host_and_port_gets_a_clear_sentence(address: str, sentence: str) -> None:
    done = CliRunner().invoke(centre, ["--broker", address])
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())


@pytest.mark.parametrize("value", ['"a:1,b:2"', '["a:1", "b:2"]', '["a:1,b:2"]'])
def test_several_brokers_stand_in_the_file_as_a_list_or_with_commas(tmp_path: Path, value: str) -> None:
    done = status(tmp_path, f'database = "{tmp_path}/none.db"\nbroker = {value}\n'.encode())
    assert "none.db" in done.output, "the file is good: the missing database is the error"


@pytest.mark.parametrize("value", ["[]", "[1.5, []]", '["a:1", ""]'])
def test_a_list_of_brokers_that_cannot_be_used_is_refused(tmp_path: Path, value: str) -> None:
    done = status(tmp_path, f"broker = {value}\n".encode())
    assert done.exit_code == 1
    assert "centre.toml: broker: " in done.output


def test_brokers_are_kept_in_their_order() -> None:
    assert parse_brokers(["a:1,[::1]:2", "c:3"]) == [("a", 1), ("::1", 2), ("c", 3)]
