"""`kiosk centre init`: all mistakes at once, keys that fit together, each in its place, and nothing overwritten or half done."""

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from kiosk.cli.centre.command import centre
from kiosk.cli.centre.setup import shares
from mqtt.centre.backup.encrypted_file import unlock

PASSWORD = "mot-mat-khau-dai"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that stands for the machine, a stick, and a file with the password."""
    for name in ("root", "stick"):
        (tmp_path / name).mkdir()
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    return tmp_path


def init(machine: Path, *more: str, **changed: str) -> Result:
    options = {
        "root": str(machine / "root"),
        "organisation": "Phường Vỹ Dạ",
        "host": "centre.hue.example",
        "administrator": "Lê Văn Tám",
        "offline": str(machine / "stick/keys"),
        "password-file": str(machine / "password"),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    words = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    return CliRunner().invoke(centre, ["init", "--no-release-key", *words, *more])


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_keys_of_a_new_centre_fit_together_and_lie_where_the_sheet_says(machine: Path) -> None:
    done = init(machine)
    assert done.exit_code == 0, done.output
    etc, offline = machine / "root/etc", machine / "stick/keys"
    authority = certificate(etc / "entrance-centre/ca.pem")
    for folder, name in (("entrance-centre", "centre"), ("entrance-centre", "web"), ("entrance-broker", "broker")):
        found = certificate(etc / folder / f"{name}.pem")
        found.verify_directly_issued_by(authority)
        key = load_pem_private_key((etc / folder / f"{name}.key").read_bytes(), None)
        assert key.public_key() == found.public_key()
    broker = certificate(etc / "entrance-broker/broker.pem")
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"centre.hue.example", "localhost"}
    for private, public in (("root.key", "root.pem"), ("sealing.key", "centre-public.pem")):
        key = load_pem_private_key((offline / private).read_bytes(), PASSWORD.encode())
        assert key.public_key() == load_pem_public_key(
            (machine / "root/var/lib/entrance-centre/for-kiosks" / public).read_bytes()
        )
    identity = unlock((offline / "backup.key").read_bytes(), PASSWORD).decode().strip()
    recipient = (etc / "entrance-centre/backup.pub").read_text(encoding="ascii").strip()
    assert str(pyrage.x25519.Identity.from_str(identity).to_public()) == recipient
    sheet = (offline / "key-sheet.html").read_text(encoding="utf-8")
    for path in ("/etc/entrance-broker/broker.key", "/etc/entrance-centre/centre.key", str(offline / "root.key")):
        assert sheet.count(path) == 2  # once in each language
    assert "PRIVATE" not in sheet


def test_no_private_key_can_be_read_by_others_and_the_offline_keys_are_not_on_the_machine(machine: Path) -> None:
    assert init(machine).exit_code == 0
    paths = [path for folder in ("root", "stick") for path in (machine / folder).rglob("*.key")]
    assert {path.name for path in paths} == {
        "ca.key", "broker.key", "centre.key", "fleet.key", "web.key", "root.key", "sealing.key", "backup.key"
    }  # fmt: skip
    assert [path for path in paths if path.stat().st_mode & 0o007] == []
    on_machine = {path.name for path in (machine / "root").rglob("*.key")}
    assert on_machine == {"ca.key", "broker.key", "centre.key", "fleet.key", "web.key"}


def test_an_authority_can_stay_off_the_machine(machine: Path) -> None:
    assert init(machine, "--authority-offline").exit_code == 0
    assert list((machine / "root").rglob("ca.key")) == []
    assert (machine / "stick/keys/pki/ca.key").exists()


def test_the_configuration_is_read_by_the_centre_and_the_first_account_administers_the_first_area(
    machine: Path,
) -> None:
    done = init(machine, area_code="19753")
    config = machine / "root/etc/entrance-centre/centre.toml"
    settings = tomllib.loads(config.read_text(encoding="utf-8"))
    assert settings["web"]["organisation"] == "Phường Vỹ Dạ"
    listed = CliRunner().invoke(centre, ["--config", str(config), "account", "list"])
    assert "le-van-tam (Lê Văn Tám)" in listed.output
    assert "admin in 19753 Phường Vỹ Dạ" in listed.output
    assert "First account: le-van-tam, password " in done.output
    assert CliRunner().invoke(centre, ["--config", str(config), "audit", "verify"]).exit_code == 0


def test_all_mistakes_are_reported_at_once_and_nothing_is_made(machine: Path) -> None:
    (machine / "password").write_text("short\n", encoding="utf-8")
    done = init(
        machine, organisation="", administrator=" ", host="https://x:1", database="mysql://x", offline="/no/such/keys"
    )
    assert done.exit_code == 1
    for word in ("--organisation", "--administrator", "https://x:1", "mysql://x", "/no/such", "password"):
        assert word in done.output
    assert "6 mistakes" in done.output
    assert files_of(machine / "root") == files_of(machine / "stick") == {}


@pytest.mark.parametrize("host", ["a b", "-x", "x-", "a..b", "1.2.3", "host:8883", "", "x" * 64, "10.0.0.256"])
def test_a_host_that_is_none_is_refused(machine: Path, host: str) -> None:
    assert init(machine, host="", organisation="A").exit_code == 1
    done = init(machine, "--host", host)
    assert done.exit_code == 1
    assert files_of(machine / "root") == {}


@pytest.mark.parametrize("host", ["10.0.0.5", "fd00::1", "centre", "a-b.c-d.example"])
def test_names_and_addresses_are_hosts(machine: Path, host: str) -> None:
    assert init(machine, host=host).exit_code == 0


def test_a_second_run_names_what_exists_and_changes_nothing(machine: Path) -> None:
    assert init(machine).exit_code == 0
    before = files_of(machine)
    done = init(machine, offline=str(machine / "stick/others"))
    assert done.exit_code == 1
    assert "entrance-centre/centre.toml exists." in done.output
    assert "entrance-centre/centre.db exists." in done.output
    assert files_of(machine) == before


def test_a_check_shows_each_file_with_its_owner_and_writes_nothing(machine: Path) -> None:
    done = init(machine, "--check")
    assert done.exit_code == 0
    assert "0640 root:mosquitto /etc/entrance-broker/broker.key" in done.output
    assert "0600 entrance-authority:entrance-centre /var/lib/entrance-authority/pki/ca.key" in done.output
    assert files_of(machine / "root") == files_of(machine / "stick") == {}


def test_a_set_up_that_fails_leaves_nothing_behind(machine: Path) -> None:
    (machine / "root/var").mkdir()
    (machine / "root/var/lib").write_text("a file where a folder should be", encoding="utf-8")
    done = init(machine)
    assert done.exit_code == 1
    assert str(done.exception or done.output)
    assert set(files_of(machine / "root")) == {"var/lib"}
    assert files_of(machine / "stick") == {}


def test_a_file_that_is_no_database_stays_as_it_is(machine: Path) -> None:
    path = machine / "root/var/lib/entrance-centre/centre.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE x (y)")
    before = path.read_bytes()
    assert init(machine).exit_code == 1
    assert path.read_bytes() == before
    assert not (machine / "root/etc/entrance-centre/centre.toml").exists()


def test_any_two_of_three_holders_have_the_sealing_key(machine: Path) -> None:
    assert init(machine, "--holders").exit_code == 0
    folder = machine / "stick/keys"
    assert not (folder / "sealing.key").exists()
    lines = [(folder / f"sealing-share-{number}.txt").read_text(encoding="ascii") for number in (1, 2, 3)]
    public = load_pem_public_key((folder / "centre-public.pem").read_bytes())
    for pair in ((0, 1), (0, 2), (1, 2)):
        key = X25519PrivateKey.from_private_bytes(shares.join([lines[index] for index in pair]))
        assert key.public_key() == public
    for wrong in ([lines[0]], [lines[0], lines[0]], [lines[0], lines[1].replace(lines[1].split()[5], "zero")]):
        with pytest.raises(shares.SharesError):
            shares.join(wrong)
