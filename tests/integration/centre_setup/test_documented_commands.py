"""The commands of the life of a gate and of backups, as they are printed, on a centre that `kiosk centre init` has made."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.centre.command import centre
from mqtt.broker.certificates import CertificateAuthority
from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import an_event
from tests.fakes.data.arrivals import arrival_of
from tests.paths import PROJECT

pytestmark = pytest.mark.timeout(600)  # each command is a process of its own
PASSWORD = "mot-mat-khau-dai"
PLACES = ("/etc/entrance-centre", "/etc/entrance-broker", "/var/lib/entrance-", "/var/backups/", "/media/usb")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
KIOSK = """\
#!/bin/sh
# As on a server, where the file of the centre is found without an option.
if [ "$1" = centre ]; then shift; set -- centre --config {config} "$@"; fi
exec {python} -m kiosk.cli "$@"
"""


class Machine:
    """A folder that stands for the machine, with a `kiosk` that finds its configuration there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.work = folder / "work"
        self.config = folder / "etc/entrance-centre/centre.toml"
        for name in ("media/usb/backups", "bin", "work"):
            (folder / name).mkdir(parents=True)
        (self.work / "password").write_text(PASSWORD, encoding="utf-8")
        self._program("kiosk", KIOSK.format(config=shlex.quote(str(self.config)), python=sys.executable))
        for name in ("systemctl", "chown"):
            self._program(name, f'#!/bin/sh\necho {name} "$@" >> {folder}/asked\n')
        self._program("sudo", '#!/bin/sh\nexec "$@"\n')

    def _program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    @property
    def asked(self) -> str:
        """What systemctl was asked."""
        path = self.root / "asked"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def here(self, text: str) -> str:
        """The text with the places of a machine in this folder."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text

    def run(self, block: str) -> str:
        """A printed block, as a shell runs it."""
        path = f"{self.root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-e", "-c", self.here(block)],
            cwd=self.work, env={**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A centre with two gates, whose certificates it has issued."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    options = {"root": made.root, "organisation": "Phường Vỹ Dạ", "host": "centre.hue.example", "administrator": "Lê Văn Tám",
               "offline": made.root / "media/usb/keys", "password-file": made.work / "password"}  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = CliRunner().invoke(centre, ["init", "--no-release-key", *words])
    assert done.exit_code == 0, done.output
    made.config.write_text(_moved(made, made.config.read_text(encoding="utf-8")), encoding="utf-8")
    made.run(
        "kiosk pki device dong-ba gate-1 --folder /var/lib/entrance-authority/pki\n"
        "kiosk pki device dong-ba gate-2 --folder /var/lib/entrance-authority/pki\n"
    )
    made.run(
        f"kiosk issue --key issuer.key --root-key /media/usb/keys/root.key --out cards --password-file {made.work}/password\n"
        "kiosk centre enrol set-up --trust-list cards/trust-list.cose --requested-by Tám --reason 'first set-up of the ward'\n"
    )
    registered = (
        "printf 'site,title,area,kind,since\\ndong-ba,Chợ Đông Ba,1,market,2026-01-01\\n' > s.csv\n"
        "printf 'device,site,title,since\\ndong-ba/gate-1,dong-ba,Cổng 1,2026-01-01\\n' > d.csv\n"
        "kiosk centre registry import s.csv d.csv --requested-by Tám --reason 'first sites of the ward'\n"
    )
    made.run(registered)
    with closing(open_ledger(database(made))) as ledger:
        for device in ("gate-1", "gate-2"):
            branch = DeviceTopics("entrance", "dong-ba", device)
            ledger.record([arrival_of([(seq, an_event(seq)) for seq in (1, 2, 5)], datetime.now(UTC), branch=branch)])
    return made


def _moved(machine: Machine, text: str) -> str:
    """`init` writes the places of a machine into the file. A path of this folder is there already."""
    lines = [line if str(machine.root) in line else machine.here(line) for line in text.splitlines()]
    lines.remove('broker = "localhost:8883"')  # no broker runs here that could end a connection
    return "\n".join(lines) + "\n"


def database(machine: Machine) -> str:
    return str(machine.root / "var/lib/entrance-centre/centre.db")


def blocks(name: str) -> list[str]:
    return BLOCK.findall((PROJECT / "docs/supervision" / name).read_text(encoding="utf-8"))


def test_every_command_of_the_life_of_a_gate_does_what_its_page_says(machine: Machine) -> None:
    said = "".join(machine.run(block) for block in blocks("life-of-a-gate.md"))
    revoked = {
        one.name
        for one in CertificateAuthority(machine.root / "var/lib/entrance-authority/pki").issued()
        if one.revoked
    }
    assert revoked == {"dong-ba/gate-2"}  # gate-1 has a new certificate under its name
    assert (machine.root / "etc/entrance-broker/crl.pem").read_bytes() == (
        machine.root / "var/lib/entrance-authority/pki/crl.pem"
    ).read_bytes()
    assert machine.asked.count("systemctl reload entrance-broker") == 3
    assert "acknowledged 3-4" in said
    assert (machine.root / "media/usb/sealing-2027/sealing.key").exists()
    assert "all as they were written" in said
    with open_query(database(machine)) as query:
        acts = {row.entry.what: row.entry for row in read_audit(query)}
        assert acts["revoke-device"].who == "cli:Lê Văn Tám"
        assert {"init", "revoke-device", "invite-kiosk", "acknowledge-gaps", "retire-device", "import-registry"} <= set(
            acts
        )
        assert list(verify_audit(query)) == []
        assert query("SELECT action FROM operator_action ORDER BY number") == [
            {"action": "acknowledge"},
            {"action": "forget"},
        ]
        places = query("SELECT site FROM registered_device WHERE wire_name = 'dong-ba/gate-1' AND until IS NULL")
        assert places == [{"site": "ben-xe"}]


def test_the_vietnamese_guide_of_the_centre_retires_a_gate_as_it_prints_it(machine: Machine) -> None:
    """Without the blocks that need a new machine, a person at the gate, or a key on a stick."""
    page = (PROJECT / "docs/vi/trung-tam.md").read_text(encoding="utf-8")
    left_out = ("install.sh", "--wait", "centre status", "/media/usb/backups")
    set_up, acknowledge, retire = (
        block for block in BLOCK.findall(page) if not any(part in block for part in left_out)
    )
    machine.run(
        "kiosk pki device cho-vy-da cong-1 --folder /var/lib/entrance-authority/pki\ncp cards/trust-list.cose .\n"
    )
    with closing(open_ledger(database(machine))) as ledger:
        branch = DeviceTopics("entrance", "cho-vy-da", "cong-1")
        ledger.record([arrival_of([(seq, an_event(seq)) for seq in (1, 3)], datetime.now(UTC), branch=branch)])
    assert "centre.hue.example:8446" in machine.run(set_up)
    assert "acknowledged 2" in machine.run(acknowledge)
    assert "is retired" in machine.run(retire)


def test_the_commands_of_a_backup_and_of_a_restore_work_as_printed(machine: Machine) -> None:
    made, verified, restored, renewed, _ = blocks("backup.md")
    machine.run(f"{made.rstrip()} --root {machine.root}")
    (path,) = (machine.root / "media/usb/backups").glob("*.age")
    opened = f" --password-file {machine.work}/password"
    name = "centre-20261128T020000Z.age"
    assert "Head of the audit" in machine.run(verified.replace(name, path.name).rstrip() + opened)
    for each in (machine.root / "var/lib/entrance-centre").glob("centre.db*"):
        each.unlink()
    (machine.root / "var/lib/entrance-authority/pki/ca.key").unlink()
    machine.config.unlink()
    first, _, rest = restored.replace(name, path.name).partition("backup.key\n")
    words = first.replace("kiosk centre --database", f"{sys.executable} -m kiosk.cli centre --database")
    said = machine.run(f"{words}backup.key{opened} --root {machine.root}\n{rest}")
    assert "same rows, ranges and audit" in said
    assert "/var/lib/entrance-authority/pki/ca.key: this private key is missing" in said
    assert machine.config.exists()
    machine.run(renewed.replace("/pki/ca.key\n", f"/pki/ca.key{opened}\n"))
    authority = CertificateAuthority(machine.root / "var/lib/entrance-authority/pki")
    assert {"broker", "centre", "web"} <= {one.name for one in authority.issued()}
