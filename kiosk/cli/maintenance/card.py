"""`kiosk card`: prepare the memory card of a Raspberry Pi, so that its first start installs the kiosk."""

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import click

from kiosk.cli.maintenance import boot_partition
from kiosk.cli.maintenance.boot_partition import FIRST_RUN, FOLDER, CardError, require_boot_partition
from kiosk.system import atomic_files

KEY_FILE = "entrance-kiosk.gpg"
ARCHITECTURES = ("arm64", "all")
SPARE_BYTES = 20 * 1024 * 1024
"""Stays free on the partition: the firmware and its updates need it."""
MAX_GATE_FILE_BYTES = 1_000_000
SITE_AND_GATE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class CardContent:
    """What goes onto a card."""

    bundle: Path
    """Folder of `make bundle`."""
    gate: Path | None = None
    """Folder with the files of the gate."""
    name: str | None = None
    """SITE/GATE, where the folder has no kiosk.toml."""
    suites: tuple[str, ...] = ()
    """Debian of the card. Empty: all that the bundle has."""


@click.group()
def card() -> None:
    """Prepare memory cards."""


@card.command()
@click.argument("partition", type=click.Path(path_type=Path))
@click.option("--bundle", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder of `make bundle`.")  # fmt: skip
@click.option("--gate", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder with kiosk.toml, keys, certificates and lists of this gate.")  # fmt: skip
@click.option("--name", metavar="SITE/GATE", help="Names of place and gate, where the folder has no kiosk.toml.")
@click.option("--suite", "suites", multiple=True,
              help="Debian of the card, to copy less: bookworm or trixie. May be repeated.")  # fmt: skip
@click.option("--fingerprint", help="Of the signing key, from the handover paper. Asked for if it is not given.")
def prepare(partition: Path, fingerprint: str | None, **content: Any) -> None:
    """Write the packages and a first start onto PARTITION, the boot partition (bootfs) of a card with Raspberry Pi OS.

    The board installs itself at its first start, without a network. Then it deletes keys and packages from this partition.
    """
    require_boot_partition(partition)
    wanted = CardContent(**content)
    key = wanted.bundle / KEY_FILE
    found = key_fingerprint(key.read_bytes() if key.is_file() else b"")
    _require_trust(found, fingerprint)
    write_card(partition, wanted, found)
    click.echo(
        f"{partition} is prepared. Eject the card, put it into the board and switch it on. It takes some minutes."
    )
    click.echo(f"If it is not ready then, {FOLDER}-first-boot.log on this partition says why.")


def write_card(partition: Path, content: CardContent, fingerprint: str) -> None:
    """Copy everything, and change what starts it last: an interrupted copy starts nothing. Raises CardError."""
    files = list_bundle(content.bundle, content.suites)
    gate_files = _gate_files(content.gate) if content.gate else []
    if content.name is not None and not SITE_AND_GATE.fullmatch(content.name):
        raise CardError(f"{content.name!r} is not like dong-ba/gate-1")
    _require_space(partition, [*files, *gate_files])
    changes = _first_start(partition)  # may refuse, and then nothing was changed
    target = partition / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    for path in files:
        _copy(path, target / path.relative_to(content.bundle))
    for path in gate_files:
        _copy(path, target / "gate" / path.name)
    (target / "fingerprint").write_text(f"{fingerprint}\n", encoding="ascii")
    if content.name:
        (target / "names").write_text(f"{content.name}\n", encoding="ascii")
    script = resources.files("kiosk.cli.maintenance").joinpath("first-boot.sh").read_bytes()
    (target / "first-boot.sh").write_bytes(script)
    os.sync()
    for file, text in changes.items():
        atomic_files.write_file(partition / file, text)
    os.sync()


def _require_space(partition: Path, files: Sequence[Path]) -> None:
    present = sum(path.stat().st_size for path in (partition / FOLDER).rglob("*") if path.is_file())
    missing = sum(path.stat().st_size for path in files) + SPARE_BYTES - present - shutil.disk_usage(partition).free
    if missing > 0:
        mb = missing // 1_000_000 + 1
        raise CardError(f"{partition} lacks {mb} MB. Name the Debian of the card with --suite, to copy less")


def list_bundle(bundle: Path, suites: Sequence[str]) -> list[Path]:
    """The files of a bundle that a Raspberry Pi needs. Raises CardError."""
    present = sorted(path.name for path in (bundle / "dists").iterdir()) if (bundle / "dists").is_dir() else []
    missing = [name for name in ("install.sh", KEY_FILE) if not (bundle / name).is_file()]
    if missing or not present:
        raise CardError(f"{bundle} is not a folder of `make bundle`")
    if unknown := set(suites) - set(present):
        raise CardError(f"{bundle} has no packages for {', '.join(sorted(unknown))}, but for {', '.join(present)}")
    wanted = tuple(suites) or present
    indexes = [path for suite in wanted for path in (bundle / "dists" / suite).rglob("*") if path.is_file()]
    pool = [
        path
        for path in sorted((bundle / "pool").rglob("*.deb"))
        if path.stem.rpartition("_")[2] in ARCHITECTURES and path.parent.name in (*wanted, "pool")
    ]
    if not any(path.stem.endswith("_arm64") for path in pool):
        raise CardError(f"{bundle} has no packages for a Raspberry Pi (arm64). Make it with --machines aarch64")
    return [bundle / "install.sh", bundle / KEY_FILE, *indexes, *pool]


def key_fingerprint(key: bytes) -> str:
    """Fingerprint of an OpenPGP key of version 4: SHA-1 over 0x99, its length and its first packet (RFC 9580). Raises CardError."""
    header = {152: 2, 153: 3, 198: 2}.get(key[0] if key else 0)
    if header is None or len(key) < header:
        raise CardError(f"the bundle has no key in {KEY_FILE}")
    length = int.from_bytes(key[1:header], "big")
    packet = key[header : header + length]
    return hashlib.sha1(b"\x99" + length.to_bytes(2, "big") + packet, usedforsecurity=False).hexdigest().upper()


def _require_trust(found: str, given: str | None) -> None:
    shown = " ".join(found[at : at + 4] for at in range(0, len(found), 4))
    if given is None:
        click.echo(f"Fingerprint of the signing key:\n    {shown}")
        given = click.prompt("Type the fingerprint of the handover paper, or its last four characters")
        if len(_plain(given)) == 4 and found.endswith(_plain(given)):
            return
    if _plain(given) != found:
        raise CardError(f"the fingerprint of the key is {shown}, not the given one. Nothing was changed")


def _plain(text: str) -> str:
    return "".join(one for one in text.upper() if one in "0123456789ABCDEF")


def _gate_files(gate: Path) -> list[Path]:
    """Plain files of the folder. install.sh chooses among them, and says so."""
    found = [path for path in sorted(gate.iterdir()) if path.is_file() and not path.is_symlink()]
    found = [path for path in found if not path.name.startswith(".") and path.stat().st_size <= MAX_GATE_FILE_BYTES]
    if not found:
        raise CardError(f"{gate} has no files of a gate")
    return found


def _first_start(partition: Path) -> dict[str, bytes]:
    """Files of the partition that must change, with their new content."""
    if boot_partition.uses_cloud_init(partition):
        path = partition / "user-data"
        changes = {"user-data": boot_partition.merge_user_data(path.read_bytes() if path.exists() else b"")}
        return (
            changes
            if (partition / "meta-data").exists()
            else {"meta-data": b"instance-id: entrance-kiosk\n", **changes}
        )
    script = partition / FIRST_RUN
    present = script.read_text(encoding="utf-8") if script.exists() else None
    cmdline, text = boot_partition.add_first_run((partition / "cmdline.txt").read_text(encoding="utf-8"), present)
    return {FIRST_RUN: text.encode(), "cmdline.txt": cmdline.encode()}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
