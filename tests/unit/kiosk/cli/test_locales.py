"""A terminal without UTF-8 crashes no command: letters that it does not have are written without their marks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from tests.paths import PROJECT

LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "Vietnamese of Windows": {"PYTHONIOENCODING": "cp1258"},
}
COMMANDS = {
    "check-config": ("check-config", "CONFIG"),
    "doctor": ("doctor", "--config", "CONFIG"),
    "status": ("status", "--config", "CONFIG"),
    "trust show": ("trust", "show", "FOLDER/trust.cbor", "--root", "FOLDER/root-public.pem"),
    "a file with a Vietnamese name": ("check-config", "FOLDER/cấu-hình.toml"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as made:
        (made.folder / "denylist.cbor").write_bytes(made.samples.denylist)
        yield made


def kiosk(sandbox: Sandbox, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    places = {"CONFIG": str(sandbox.config_file), "FOLDER": str(sandbox.folder)}
    for name, path in places.items():
        arguments = tuple(argument.replace(name, path) for argument in arguments)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    command = [sys.executable, "-m", "kiosk.cli", *arguments]
    environment = {**inherited, **variables}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False, cwd=PROJECT)


@pytest.mark.parametrize("locale", LOCALES)
def test_no_command_crashes_in_another_locale(sandbox: Sandbox, locale: str) -> None:
    for name, arguments in COMMANDS.items():
        ended = kiosk(sandbox, LOCALES[locale], *arguments)
        assert b"Traceback" not in ended.stderr, (name, ended.stderr[-500:])
        assert ended.stdout + ended.stderr, name


def test_vietnamese_is_written_without_marks_where_the_terminal_has_none(sandbox: Sandbox) -> None:
    said = kiosk(sandbox, {"PYTHONIOENCODING": "latin-1"}, "doctor", "--config", "CONFIG").stdout.decode("latin-1")
    assert "Danh sách tin cay còn moi." in said


def test_data_for_other_programs_loses_no_letter(sandbox: Sandbox) -> None:
    arguments = ("trust", "show", "--json", "FOLDER/trust.cbor", "--root", "FOLDER/root-public.pem")
    plain = kiosk(sandbox, {"PYTHONIOENCODING": "ascii"}, *arguments).stdout
    whole = kiosk(sandbox, {"PYTHONIOENCODING": "utf-8"}, *arguments).stdout
    assert plain.isascii()
    assert json.loads(plain) == json.loads(whole)


def test_any_text_can_be_written() -> None:
    text = "Đặng Thị Huệ 龍 😀 “x” … \udc80 ﬁ"
    program = f"from kiosk.system.terminal import adapt_output; adapt_output(); print({text!r})"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert ended.stdout == b'Dang Thi Hue ? ? "x" ... ? fi\n'
