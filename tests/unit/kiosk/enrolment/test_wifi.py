"""Wi-Fi of a code: nmcli gets the password over standard input, never as an argument that other processes can read."""

from pathlib import Path

import pytest

from kiosk.enrolment.invitation_code import WifiNetwork
from kiosk.enrolment.wifi import NetworkManagerJoiner, WifiError

PASSWORD = "a long password"


def fake_nmcli(folder: Path, status: int = 0) -> NetworkManagerJoiner:
    """A program that keeps what it is called with."""
    program = folder / "nmcli"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/arguments\ncat >>{folder}/input\n'
        f'case "$*" in *delete*) exit 10;; *" up "*) exit {status};; esac\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return NetworkManagerJoiner(str(program))


def test_the_password_is_on_standard_input_only(tmp_path: Path) -> None:
    fake_nmcli(tmp_path).join(WifiNetwork("Chợ Đông Ba", PASSWORD))
    arguments = (tmp_path / "arguments").read_text(encoding="utf-8")
    assert PASSWORD not in arguments
    assert "ssid Chợ Đông Ba" in arguments
    assert f"set wifi-sec.psk {PASSWORD}\n" in (tmp_path / "input").read_text(encoding="utf-8")
    assert arguments.splitlines()[-1].endswith("connection up entrance-kiosk")


def test_an_open_network_needs_no_secret(tmp_path: Path) -> None:
    fake_nmcli(tmp_path).join(WifiNetwork("guest", ""))
    assert "edit" not in (tmp_path / "arguments").read_text(encoding="utf-8")


def test_a_failure_never_names_the_password(tmp_path: Path) -> None:
    for joiner in (fake_nmcli(tmp_path, status=4), NetworkManagerJoiner(str(tmp_path / "missing"))):
        with pytest.raises(WifiError) as caught:
            joiner.join(WifiNetwork("net", PASSWORD))
        assert PASSWORD not in str(caught.value)
