"""Which machine this is: the same board after a restart, another one for a copied card, and the address that people type."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.system.machine_identity import MAX_CHARS, lan_address, page_url, read_board_id


def add_network_device(
    sysfs: Path, name: str, number: int, address: str, kind: str = "0", *, bus: str | None = "devices/platform"
) -> None:
    device = sysfs / "class/net" / name
    device.mkdir(parents=True)
    for file, text in (("ifindex", str(number)), ("address", address), ("addr_assign_type", kind)):
        (device / file).write_text(f"{text}\n", encoding="ascii")
    if bus is not None:
        (sysfs / bus / name).mkdir(parents=True)
        (device / "device").symlink_to(sysfs / bus / name)


def add_serial(sysfs: Path, content: bytes) -> None:
    folder = sysfs / "firmware/devicetree/base"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "serial-number").write_bytes(content)


def test_a_raspberry_pi_has_the_serial_number_of_its_board(tmp_path: Path) -> None:
    add_serial(tmp_path, b"10000000a1b2c3d4\0")
    add_network_device(tmp_path, "eth0", 2, "dc:a6:32:00:00:01")
    assert read_board_id(tmp_path) == "serial 10000000a1b2c3d4"


def test_another_machine_has_the_address_of_its_first_built_in_network_device(tmp_path: Path) -> None:
    add_serial(tmp_path, b"0000000000000000\0")
    add_network_device(tmp_path, "lo", 1, "00:00:00:00:00:00", bus=None)
    add_network_device(tmp_path, "usb0", 2, "02:00:00:00:00:01", bus="devices/pci0/usb1/1-1")
    add_network_device(tmp_path, "wlan0", 3, "02:00:00:00:00:02", kind="3")
    add_network_device(tmp_path, "enp2s0", 5, "00:1b:21:00:00:02")
    add_network_device(tmp_path, "enp1s0", 4, "00:1b:21:00:00:01")
    assert read_board_id(tmp_path) == "network 00:1b:21:00:00:01"


def test_a_machine_with_neither_has_none(tmp_path: Path) -> None:
    assert read_board_id(tmp_path) == ""
    add_network_device(tmp_path, "veth0", 2, "0a:00:00:00:00:01", bus=None)
    assert read_board_id(tmp_path) == ""


@given(st.binary(max_size=100))
def test_no_content_of_the_file_stops_the_daemon(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    sysfs = tmp_path_factory.getbasetemp() / "sysfs"
    add_serial(sysfs, content)
    assert len(read_board_id(sysfs)) <= MAX_CHARS


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])  # noqa: S104  what `web.host` may say
def test_a_server_on_all_addresses_is_shown_with_the_one_that_other_machines_reach(host: str) -> None:
    shown = lan_address()
    assert shown == "" or ipaddress.ip_address(shown).version == 4
    expected = shown or ("[::1]" if host == "::" else "127.0.0.1")
    assert page_url(host, 8080, secure=True) == f"https://{expected}:8080/"


def test_a_server_on_one_address_is_shown_with_that_one() -> None:
    assert page_url("127.0.0.1", 80, secure=False) == "http://127.0.0.1:80/"
    assert page_url("fd00::5", 8080, secure=False) == "http://[fd00::5]:8080/"
    assert page_url("cong-1.lan", 8080, secure=True) == "https://cong-1.lan:8080/"
