"""A prepared card installs its board once, keeps no key on the boot partition, and tries again after a failure or a power cut."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.maintenance import card
from kiosk.cli.maintenance.boot_partition import CardError
from kiosk.cli.maintenance.card import CardContent, key_fingerprint, list_bundle, write_card
from tests.paths import PROJECT

SECRET = "-----BEGIN PRIVATE KEY-----"
KEY = b"\x98\x06\x04body!rest of the file"
FIRST_BOOT = PROJECT / "kiosk/cli/maintenance/first-boot.sh"
INSTALL = """#!/bin/sh
echo "$@" > "$ENTRANCE_ROOT/arguments"
for one; do [ ! -d "$one" ] || ls "$one" > "$ENTRANCE_ROOT/credentials"; done
echo installed
exit "$(cat "$ENTRANCE_ROOT/status")"
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for suite in ("bookworm", "trixie"):
        for path in (f"dists/{suite}/InRelease", f"dists/{suite}/main/binary-arm64/Packages"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(suite, encoding="ascii")
        (folder / "pool" / suite).mkdir(parents=True)
        for architecture in ("arm64", "amd64"):
            (folder / f"pool/{suite}/program_1_{architecture}.deb").write_bytes(b"x" * 1000)
    (folder / "pool/entrance-kiosk_1_all.deb").write_bytes(b"y")
    (folder / "install.sh").write_text(INSTALL, encoding="ascii")
    (folder / card.KEY_FILE).write_bytes(KEY)
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "kiosk.toml").write_text("[site]\n", encoding="ascii")
    (folder / "dong-ba.gate-1.key").write_text(SECRET, encoding="ascii")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "link.key").symlink_to("/etc/shadow")
    return folder


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    folder = tmp_path / "bootfs"
    folder.mkdir()
    for name in ("config.txt", "kernel8.img", "meta-data", "network-config"):
        (folder / name).write_text(name, encoding="ascii")
    (folder / "user-data").write_text("#cloud-config\n", encoding="ascii")
    (folder / "cmdline.txt").write_text("root=PARTUUID=1-02 rootwait\n", encoding="ascii")
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def prepare(*arguments: Path | str, answer: str = "") -> Result:
    return CliRunner().invoke(card.prepare, [str(one) for one in arguments], input=answer)


def test_a_card_has_what_a_pi_needs_and_nothing_of_other_machines(partition: Path, bundle: Path, gate: Path) -> None:
    write_card(partition, CardContent(bundle, gate, suites=("trixie",)), key_fingerprint(KEY))
    assert names(partition / "entrance-kiosk") == {
        "dists/trixie/InRelease", "dists/trixie/main/binary-arm64/Packages", "pool/trixie/program_1_arm64.deb",
        "pool/entrance-kiosk_1_all.deb", "install.sh", "entrance-kiosk.gpg", "fingerprint", "first-boot.sh",
        "gate/kiosk.toml", "gate/dong-ba.gate-1.key",
    }  # fmt: skip
    assert "first-boot.sh" in (partition / "user-data").read_text(encoding="ascii")
    assert (partition / "meta-data").read_text(encoding="ascii") == "meta-data", "it stays as it was"
    assert (partition / "cmdline.txt").read_text(encoding="ascii") == "root=PARTUUID=1-02 rootwait\n"


def test_a_card_can_be_prepared_again_for_another_gate(partition: Path, bundle: Path, gate: Path) -> None:
    write_card(partition, CardContent(bundle, gate), key_fingerprint(KEY))
    first = (partition / "user-data").read_bytes()
    (gate / "dong-ba.gate-1.key").rename(gate / "dong-ba.gate-2.key")
    write_card(partition, CardContent(bundle, gate), key_fingerprint(KEY))
    assert not (partition / "entrance-kiosk/gate/dong-ba.gate-1.key").exists()
    assert (partition / "user-data").read_bytes() == first


def test_an_older_card_runs_a_script_at_its_first_start(partition: Path, bundle: Path) -> None:
    for name in ("user-data", "meta-data"):
        (partition / name).unlink()
    write_card(partition, CardContent(bundle, name="dong-ba/gate-1"), key_fingerprint(KEY))
    assert "systemd.run=/boot/firmware/firstrun.sh" in (partition / "cmdline.txt").read_text(encoding="ascii")
    assert "first-boot.sh --later" in (partition / "firstrun.sh").read_text(encoding="ascii")
    assert (partition / "entrance-kiosk/names").read_text(encoding="ascii") == "dong-ba/gate-1\n"


def test_a_refused_card_is_not_changed(partition: Path, bundle: Path, gate: Path) -> None:
    (partition / "user-data").write_bytes(b"\x00\x01 not of cloud-init")
    before = {path: path.read_bytes() for path in partition.rglob("*")}
    with pytest.raises(CardError, match="cloud-init does not know"):
        write_card(partition, CardContent(bundle, gate), key_fingerprint(KEY))
    for content, words in (
        (CardContent(bundle, gate, name="Chợ/Cổng 1"), "not like"),
        (CardContent(bundle, gate, suites=("sid",)), "no packages for sid, but for bookworm, trixie"),
        (CardContent(gate, gate), "not a folder of `make bundle`"),
        (CardContent(bundle, bundle / "dists"), "no files of a gate"),
    ):
        with pytest.raises(CardError, match=words):
            write_card(partition, content, key_fingerprint(KEY))
    assert {path: path.read_bytes() for path in partition.rglob("*")} == before


def test_a_bundle_for_other_machines_is_refused(bundle: Path) -> None:
    for path in bundle.rglob("*_arm64.deb"):
        path.unlink()
    with pytest.raises(CardError, match="Make it with --machines aarch64"):
        list_bundle(bundle, ())


def test_the_signing_key_is_trusted_by_its_fingerprint_alone(partition: Path, bundle: Path) -> None:
    options = (partition, "--bundle", bundle)
    found = key_fingerprint(KEY)
    wrong = prepare(*options, "--fingerprint", "0" * 40)
    assert wrong.exit_code == 1
    assert not (partition / "entrance-kiosk").exists()
    assert prepare(*options, answer="0000\n").exit_code == 1
    assert not (partition / "entrance-kiosk").exists()
    done = prepare(*options, answer=f"{found[-4:].lower()}\n")
    assert done.exit_code == 0, done.output
    assert (partition / "entrance-kiosk/fingerprint").read_text(encoding="ascii").strip() == found
    grouped = " ".join(found[at : at + 4] for at in range(0, 40, 4))
    assert prepare(*options, "--fingerprint", grouped).exit_code == 0


def test_the_fingerprint_is_that_of_gpg_and_of_install_sh(tmp_path: Path) -> None:
    key = b"\x98\x06\x04abcde"
    (tmp_path / "key").write_bytes(key + b"\xb4\x03uid")
    functions = (
        (PROJECT / "install.sh").read_text(encoding="utf-8").partition("key_fingerprint() {")[2].partition("\n}")[0]
    )
    script = f"key_fingerprint() {{{functions}\n}}\nkey_fingerprint {tmp_path / 'key'}"
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == key_fingerprint(key + b"\xb4\x03uid")
    for damaged in (b"", b"\x00", b"text"):
        with pytest.raises(CardError, match="no key"):
            key_fingerprint(damaged)


class Board:
    """A board that starts with a prepared card: its root and its boot partition are folders."""

    def __init__(self, folder: Path, partition: Path) -> None:
        self.root, self.partition = folder, partition
        (folder / "run").mkdir(parents=True)
        (folder / "reboots").touch()
        programs = folder / "programs"
        programs.mkdir()
        (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {folder}/reboots\n', encoding="ascii")
        (programs / "systemctl").chmod(0o755)
        script = partition / "entrance-kiosk/first-boot.sh"
        text = script.read_text(encoding="utf-8").replace("PATH=/usr/local/sbin", f"PATH={programs}:/usr/local/sbin")
        script.write_text(text, encoding="utf-8")

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system/multi-user.target.wants/entrance-kiosk-first-boot.service"

    def start(self, status: int, *arguments: str) -> int:
        """`status`: of install.sh."""
        (self.root / "status").write_text(f"{status}\n", encoding="ascii")
        command = ["sh", str(self.partition / "entrance-kiosk/first-boot.sh"), *arguments]
        environment = {**os.environ, "ENTRANCE_ROOT": str(self.root)}
        return subprocess.run(command, check=False, env=environment, capture_output=True).returncode

    def secrets(self) -> list[Path]:
        """Files on the boot partition and in the run folder that hold a key."""
        found = [path for folder in (self.partition, self.root / "run") for path in folder.rglob("*") if path.is_file()]
        return [path for path in found if SECRET.encode() in path.read_bytes()]


@pytest.fixture
def board(tmp_path: Path, partition: Path, bundle: Path, gate: Path) -> Board:
    write_card(partition, CardContent(bundle, gate, name="dong-ba/gate-1"), key_fingerprint(KEY))
    return Board(tmp_path / "root", partition)


@pytest.mark.parametrize("status", [0, 3])
def test_the_first_start_installs_and_leaves_no_key_on_the_boot_partition(board: Board, status: int) -> None:
    assert len(board.secrets()) == 1
    assert board.start(status) == 0
    arguments = (board.root / "arguments").read_text(encoding="ascii").split()
    assert arguments[:3] == ["--yes", "--fingerprint", key_fingerprint(KEY)]
    assert arguments[-4:] == ["--site", "dong-ba", "--gate", "gate-1"]
    assert "dong-ba.gate-1.key" in (board.root / "credentials").read_text(encoding="ascii")
    assert board.secrets() == []
    assert not (board.partition / "entrance-kiosk").exists()
    assert not board.unit.is_symlink()
    log = (board.partition / "entrance-kiosk-first-boot.log").read_text(encoding="ascii")
    assert f"exit status {status}\ninstalled\n" in log


def test_a_failure_is_tried_again_at_the_next_start(board: Board) -> None:
    assert board.start(1) == 1
    assert board.unit.resolve(strict=True).read_text(encoding="ascii").count("ExecStart=/bin/sh ") == 1
    assert len(board.secrets()) == 1, "the copy in memory is gone, the card still has what the next start needs"
    assert "exit status 1" in (board.partition / "entrance-kiosk-first-boot.log").read_text(encoding="ascii")
    assert board.start(0) == 0
    assert board.secrets() == []
    assert not board.unit.is_symlink()


def test_before_the_system_is_there_only_the_next_start_is_arranged(board: Board) -> None:
    assert board.start(0, "--later") == 0
    assert board.unit.exists()
    assert not (board.root / "arguments").exists()


def test_the_copy_of_the_keys_in_memory_is_for_root_alone(board: Board) -> None:
    install = board.partition / "entrance-kiosk/install.sh"
    install.write_text('#!/bin/sh\nstat -c %a "$ENTRANCE_ROOT/run/entrance-kiosk-first-boot" > "$ENTRANCE_ROOT/mode"\n')
    board.start(0)
    assert (board.root / "mode").read_text(encoding="ascii") == "700\n"
    assert stat.S_ISDIR(board.partition.stat().st_mode)


@pytest.mark.parametrize("needed", [True, False])
def test_the_board_restarts_where_the_packages_ask_for_it(board: Board, needed: bool) -> None:
    if needed:
        (board.root / "run/reboot-required").touch()
    board.start(0)
    assert (board.root / "reboots").read_text(encoding="ascii") == ("--no-block reboot\n" if needed else "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(["shellcheck", FIRST_BOOT], check=False, capture_output=True, text=True)
    assert done.stdout == ""
