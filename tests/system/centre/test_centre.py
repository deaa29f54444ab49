"""Centre and broker as packages on real systemd: install, init, a record arrives, backup, restore, PostgreSQL, remove.

The tests of one server run in the order of this file.
"""

from collections.abc import Callable
from pathlib import PurePath

import pytest

from tests.system.centre.server import OFFLINE, PASSWORD, UNITS, Server

pytestmark = [pytest.mark.system, pytest.mark.centre, pytest.mark.timeout(1800)]
CONFIG = "/etc/entrance-centre/centre.toml"
FOR_KIOSKS = "/var/lib/entrance-centre/for-kiosks"
AUTHORITY = "/var/lib/entrance-authority/pki"


def test_the_packages_install_beside_debians_mosquitto_and_start_nothing_yet(server: Server) -> None:
    server.type(
        f"sh /bundle/install.sh --yes --fingerprint '{server.key}' --package entrance-centre --package entrance-broker"
    )
    assert server.state("mosquitto") == "active"
    assert [server.state(unit) for unit in UNITS] == ["inactive"] * len(UNITS)
    assert server.look("systemctl --failed --plain --no-legend").strip() == ""
    assert "Set up a new centre" in server.look("kiosk centre init --help")
    assert server.look("stat -c '%U:%G %a' /etc/entrance-centre /etc/entrance-broker /var/lib/entrance-centre").split() == [
        "root:entrance-centre", "750", "root:mosquitto", "750", "entrance-centre:entrance-centre", "770"
    ]  # fmt: skip


def test_init_starts_everything_from_one_command(server: Server, measured: Callable[[str], None]) -> None:
    server.look(f"printf '{PASSWORD}\\n' > password; mkdir -p /media")
    options = (
        f"--organisation 'Phường Vỹ Dạ' --host centre.hue.example --administrator 'Lê Văn Tám' --offline {OFFLINE}"
    )
    assert "0640 root:mosquitto /etc/entrance-broker/broker.key" in server.type(
        f"kiosk centre init {options} --password-file password --no-release-key --check"
    )
    said = server.type(f"kiosk centre init {options} --password-file password --no-release-key")
    assert "https://centre.hue.example:8090/" in said
    for unit in UNITS:
        server.wait_until_active(unit)
        assert server.property(unit, "NRestarts") == "0"
    assert server.property("entrance-centre", "WatchdogUSec") == "2min"
    assert server.state("entrance-centre-backup.timer") == "active"
    assert server.state("mosquitto") == "active"
    measured(f"{server.commands} commands from the packages to a running centre")


def test_private_keys_are_readable_by_their_services_alone(server: Server) -> None:
    listed = server.look("find /etc /var -xdev -name '*.key' -path '*entrance*' -exec stat -c '%n %U:%G %a' {} +")
    assert sorted(listed.splitlines()) == [
        "/etc/entrance-broker/broker.key root:mosquitto 640",
        "/etc/entrance-centre/centre.key root:entrance-centre 640",
        "/etc/entrance-centre/fleet.key root:entrance-centre 640",
        "/etc/entrance-centre/web.key root:entrance-centre 640",
        f"{AUTHORITY}/ca.key entrance-authority:entrance-centre 600",
    ], listed


def test_a_second_init_changes_nothing(server: Server) -> None:
    before = server.look("cat /etc/entrance-*/* | sha256sum")
    options = "--organisation A --host a.example --administrator A --offline /media/other --password-file password"
    said = server.look(f"kiosk centre init {options} --no-release-key", check=False)
    assert f"{CONFIG} exists." in said
    assert server.look("cat /etc/entrance-*/* | sha256sum") == before


def test_a_record_of_a_kiosk_is_in_the_list_of_the_centre(server: Server) -> None:
    server.type(f"kiosk pki device cho-mau cong-1 --folder {AUTHORITY}")
    server.look(f"cp -r /gate gate; cp {FOR_KIOSKS}/ca.pem {FOR_KIOSKS}/centre-public.pem gate/")
    server.look(f"cp {AUTHORITY}/cho-mau.cong-1.pem {AUTHORITY}/cho-mau.cong-1.key gate/")
    server.start_gate()
    found = server.wait_for_events(3)
    assert (found["site"], found["device"]) == ("cho-mau", "cong-1")
    assert found["state"] == "ready"


def test_the_pages_answer_over_tls_with_the_certificate_of_the_authority(server: Server) -> None:
    line = "curl -sS --cacert /etc/entrance-centre/ca.pem --resolve centre.hue.example:8090:127.0.0.1"
    assert server.look(f"{line} -o /dev/null -w '%{{http_code}}' https://centre.hue.example:8090/").strip() in {
        "200",
        "302",
        "303",
    }


def test_services_come_back_after_a_kill_and_lose_nothing(server: Server) -> None:
    for unit in ("entrance-broker", "entrance-centre"):
        server.look(f"systemctl kill --kill-whom=main -s KILL {unit}")
        server.wait_until_active(unit)
    before = server.wait_for_events(3)["streams"][0]["up_to_seq"]
    server.wait_for_events(before + 2)


def test_a_nightly_backup_can_be_opened_with_the_offline_key_alone(server: Server) -> None:
    server.look("systemctl start entrance-centre-backup.service")
    path = server.look("ls /var/backups/entrance-centre/centre-*.age").split()[-1]
    assert server.look(f"stat -c '%U %a' {path}").split() == ["entrance-centre", "600"]
    said = server.type(f"kiosk centre verify-backup {path} --key {OFFLINE}/backup.key --password-file password")
    assert "1 areas, 1 accounts" in said


def test_a_backup_is_restored_after_the_database_was_lost(server: Server) -> None:
    server.stop_gate()
    server.look("systemctl start entrance-centre-backup.service")
    path = server.look("ls -t /var/backups/entrance-centre/centre-*.age").split()[0]
    before = [device["streams"] for device in server.streams()]
    server.type("systemctl stop 'entrance-centre*'")
    server.look("rm /var/lib/entrance-centre/centre.db*")
    said = server.type(f"kiosk centre restore {path} --key {OFFLINE}/backup.key --password-file password")
    assert "same rows, ranges and audit" in said
    server.type("systemctl start entrance-centre entrance-centre-web entrance-centre-alerts")
    assert [device["streams"] for device in server.streams()] == before
    server.start_gate()
    server.wait_for_events(before[0][0]["up_to_seq"] + 2)


def test_init_makes_a_role_and_a_database_of_postgresql_and_never_touches_existing_ones(server: Server) -> None:
    options = "--organisation A --host a.example --administrator 'Lê Văn Tám' --password-file password --no-release-key"
    server.look("mkdir -p first second")
    server.look(f"kiosk centre init {options} --root /root/first --offline /media/first --database postgresql")
    listed = "kiosk centre --config first/etc/entrance-centre/centre.toml account list"
    assert "le-van-tam (Lê Văn Tám)" in server.look(listed)
    again = f"kiosk centre init {options} --root /root/second --offline /media/second --database postgresql"
    assert "PostgreSQL refused" in server.look(again, check=False)
    assert "le-van-tam (Lê Văn Tám)" in server.look(listed)
    assert server.look("find second /media/second -type f", check=False).strip().endswith("No such file or directory")
    server.look("cd /; runuser -u postgres -- dropdb entrance; runuser -u postgres -- dropuser entrance-centre")


def test_a_centre_moves_to_postgresql(server: Server) -> None:
    server.stop_gate()
    address = "postgresql://entrance-centre:geheim@localhost/entrance"
    server.look('cd /; runuser -u postgres -- psql -qc "CREATE ROLE \\"entrance-centre\\" LOGIN PASSWORD \'geheim\'"')
    server.look("cd /; runuser -u postgres -- createdb -O entrance-centre entrance")
    before = [device["streams"] for device in server.streams()]
    assert "in use" in server.look(f"kiosk centre migrate --to {address}", check=False)
    server.type("systemctl stop 'entrance-centre*'")
    assert "same rows, ranges and audit" in server.type(f"kiosk centre migrate --to {address}")
    server.type(f"sed -i 's|^database = .*|database = \"{address}\"|' {CONFIG}")
    server.type("systemctl start entrance-centre entrance-centre-web entrance-centre-alerts")
    assert [device["streams"] for device in server.streams()] == before
    server.start_gate()
    server.wait_for_events(before[0][0]["up_to_seq"] + 2)
    server.stop_gate()


def test_what_the_services_wrote_lies_in_their_folders_alone(server: Server) -> None:
    listed = server.look(
        "find /var /etc /srv /opt -xdev \\( -user entrance-centre -o -user entrance-authority -o -user mosquitto \\) -type f"
    )
    folders = {
        "/var/lib/entrance-centre",
        "/var/lib/entrance-authority",
        "/var/lib/entrance-broker",
        "/var/backups/entrance-centre",
    }
    stray = [
        line
        for line in listed.splitlines()
        if not any(PurePath(line).is_relative_to(folder) for folder in folders)
        and not line.startswith(("/var/lib/mosquitto/", "/var/log/mosquitto/"))  # of Debian's own mosquitto
    ]
    assert stray == []


def test_a_purge_leaves_the_database_the_keys_and_debians_mosquitto(server: Server) -> None:
    server.type("DEBIAN_FRONTEND=noninteractive apt-get -qq purge -y entrance-centre entrance-broker")
    assert server.look("test -e /usr/bin/kiosk || echo gone").strip() == "gone"
    server.look(f"test -s {AUTHORITY}/ca.key && test -s /etc/entrance-centre/centre.toml")
    assert server.state("mosquitto") == "active"
    assert [server.state(unit) for unit in UNITS] == ["inactive"] * len(UNITS)
