"""The printed commands of the guides that need no machine of their own: each block is run as it stands."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.cli import group
from kiosk.credentials.trust.denylist import parse_denylist
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.database import open_query
from tests.fakes.data.certificates import Workshop
from tests.paths import PROJECT

pytestmark = pytest.mark.timeout(300)
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```|^    (?:sudo )?((?:\.venv/bin/)?kiosk [^\n]*)$", re.MULTILINE | re.DOTALL)
SHELL_WORDS = re.compile(r"[|$;&`<]")


class Shell:
    """A folder in which blocks are run. Simple lines run in this process, which is faster, all others in a real shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".venv").symlink_to(Path(sys.prefix))

    def run(self, block: str) -> str:
        """All that it printed. Raises AssertionError where a command fails."""
        lines = block.replace("\\\n", " ").splitlines()
        words = [shlex.split(line, comments=True) for line in lines]
        if SHELL_WORDS.search(block) or not all(_is_ours(each) for each in words if each):
            return self._in_a_shell(block)
        return "".join(self._here(each) for each in words if each)

    def _here(self, words: list[str]) -> str:
        words = words[1:] if words[0] == "sudo" else words
        target = None
        if ">" in words:
            target = self.folder / words[words.index(">") + 1]
            words = words[: words.index(">")]
        with contextlib.chdir(self.folder):
            named = ([str(path) for path in sorted(Path().glob(word))] if "*" in word else [word] for word in words[1:])
            arguments = [each for paths in named for each in paths]
            done = CliRunner().invoke(group, arguments, catch_exceptions=False)
        assert done.exit_code == 0, f"{shlex.join(words)}\n{done.output}"
        if target is not None:
            target.write_bytes(done.stdout_bytes)
        return done.output

    def _in_a_shell(self, block: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", block], cwd=self.folder, env={**os.environ, "LANG": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout


def _is_ours(words: list[str]) -> bool:
    words = words[1:] if words[0] == "sudo" else words
    return words[0] in {"kiosk", ".venv/bin/kiosk"}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def blocks(page: str, without: tuple[str, ...]) -> list[str]:
    """Without those that hold one of the texts: they need a machine, a service or a person."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    found = [fenced or line for fenced, line in BLOCK.findall(text)]
    assert all(any(part in block for block in found) for part in without), "a text that stands in no block"
    return [block for block in found if not any(part in block for part in without)]


def test_the_tutorial_makes_a_pass_reads_it_and_withdraws_it(shell: Shell) -> None:
    made, read, decided, refused = blocks("tutorial.md", ())
    assert "1 pass" in shell.run(made)
    assert '"text"' in shell.run(read)
    assert "The code is valid" in shell.run(decided)
    assert "This code was withdrawn" in shell.run(refused)


def test_the_guide_of_passes_issues_reprints_withdraws_and_checks(shell: Shell) -> None:
    (shell.folder / "people.csv").write_text(
        "name;reference\nNguyễn Thị Ánh;NV-17\nTrần Văn Bình;NV-18\n", encoding="utf-8"
    )
    (shell.folder / "lost.csv").write_text("serial\n96e7772da234016cd6d2\n", encoding="utf-8")
    book = openpyxl.Workbook()
    for row in (("Họ và tên", "Mã nhân viên"), ("Lê Văn Tám", "NV-19")):
        book.active.append(row)
    book.save(shell.folder / "people.xlsx")
    signer = Workshop(shell.folder).make("signer", use=None).certificate
    (shell.folder / "signer.der").write_bytes(signer.public_bytes(Encoding.DER))
    said = "".join(
        shell.run(block) for block in blocks("how-to/issue-passes.md", ("/media/usb", "kiosk verify", "pseudonym.key"))
    )
    assert "Trust list 1 with 2 keys" in said
    root = (shell.folder / "root.pem").read_bytes()
    denied = parse_denylist((shell.folder / "denylist.cose").read_bytes(), root)
    assert denied.number == 5
    assert "poster.pdf" in said


def test_the_guide_of_the_broker_makes_all_certificates(shell: Shell) -> None:
    kept = blocks("how-to/set-up-the-broker.md", ("/etc/mosquitto", "check-config", "/etc/rabbitmq", "revoke"))
    said = "".join(shell.run(block) for block in kept)
    assert "dong-ba/gate-1" in said
    shell.run("kiosk pki device dong-ba gate-2")
    assert "dong-ba/gate-2" in shell.run("kiosk pki revoke pki/dong-ba.gate-2.pem")
    shell.run("kiosk pki rabbitmq > definitions.json")
    assert "gate-2" not in (shell.folder / "definitions.json").read_text(encoding="utf-8")


def test_the_page_of_the_registry_imports_the_sample_and_exports_it(shell: Shell) -> None:
    (shell.folder / "sites.csv").write_text(
        "site,title,area,kind,since\ndong-ba,Chợ Đông Ba,19753,market,2026-01-01\n", encoding="utf-8"
    )
    (shell.folder / "devices.csv").write_text(
        "device,site,title,since\ndong-ba/gate-1,dong-ba,Cổng 1,2026-01-01\n", encoding="utf-8"
    )
    said = "".join(shell.run(block) for block in blocks("supervision/registry.md", ()))
    assert "added" in said
    assert "Chợ Đông Ba" in (shell.folder / "sites.csv").read_text(encoding="utf-8-sig")
    with open_query(str(shell.folder / "centre.db")) as query:
        assert [row.entry.what for row in read_audit(query)] == ["import-registry"]


def test_what_kiosks_get_is_set_as_the_page_of_enrolment_prints_it(shell: Shell) -> None:
    prepare_enrolment(str(shell.folder / "centre.db"))
    shell.run("kiosk pki init")
    shell.run("kiosk trust root\nkiosk issue --key issuer.key --out .\nkiosk centre sealing-key new keys --holders")
    (shell.folder / "centre-public.pem").write_bytes((shell.folder / "keys/centre-public.pem").read_bytes())
    certificate, set_up = blocks(
        "supervision/enrol-a-gate.md", ("enrol serve", "revoke SITE/DEVICE", "kiosk centre enrol set-up --trust")
    )
    assert "broker.pem" in shell.run(certificate)
    assert "Kiosks enrol at https://HOST:8446" in shell.run(set_up)
