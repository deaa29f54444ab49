"""The boot partition of a Raspberry Pi OS card: recognised, and changed so that the first start installs the kiosk.

Two forms. Cards since Trixie start cloud-init, which reads `user-data`. Older ones run `firstrun.sh`, which `cmdline.txt` names.
Sources: https://www.raspberrypi.com/documentation/computers/configuration.html, https://docs.cloud-init.io (formats, NoCloud).
"""

import contextlib
import email
import gzip
import hashlib
import re
from collections.abc import Iterator
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

from kiosk.core.ports import KioskError

FOLDER = "entrance-kiosk"
ON_THE_BOARD = f"/boot/firmware/{FOLDER}"
PART = "entrance-kiosk-first-boot"
"""Name of our part of the user data."""
SCRIPT = f"#!/bin/sh\nexec sh {ON_THE_BOARD}/first-boot.sh\n"
RUN_COMMAND = f"\n# Written by `kiosk card prepare`.\nruncmd:\n  - [sh, {ON_THE_BOARD}/first-boot.sh]\n"
FIRST_RUN = "firstrun.sh"
FIRST_RUN_LINE = f"sh {ON_THE_BOARD}/first-boot.sh --later"
FIRST_RUN_WORDS = (
    f"systemd.run=/boot/firmware/{FIRST_RUN} systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
)
FIRST_RUN_SCRIPT = f"""\
#!/bin/sh
{FIRST_RUN_LINE}
rm -f /boot/firmware/{FIRST_RUN}
sed -i 's| systemd\\.run[^ ]*||g; s| systemd\\.unit=kernel-command-line\\.target||g' /boot/firmware/cmdline.txt
exit 0
"""
_MARKS = {
    "#cloud-config-archive": "cloud-config-archive",
    "#cloud-config": "cloud-config",
    "#cloud-boothook": "cloud-boothook",
    "#include-once": "x-include-once-url",
    "#include": "x-include-url",
    "#part-handler": "part-handler",
    "## template: jinja": "jinja2",
    "#!": "x-shellscript",
}
"""First line of user data -> its type (cloud-init, user data formats). The first one that fits."""
_FIRMWARE = ("start.elf", "start4.elf", "kernel8.img", "kernel_2712.img", "bcm2710-rpi-3-b.dtb", "bcm2712-rpi-5-b.dtb")


class CardError(KioskError):
    """The folder cannot be prepared. The text says why."""


def require_boot_partition(folder: Path) -> None:
    """Raises CardError if the folder is not the boot partition of a Raspberry Pi card."""
    if not folder.is_dir():
        raise CardError(
            f"{folder} is not a folder. Insert the card, and name the folder of its small partition (bootfs)"
        )
    names = {path.name for path in folder.iterdir()}
    if {"etc", "usr"} <= names:
        raise CardError(f"{folder} is the large partition of a system. Name the folder of the small one (bootfs)")
    missing = [name for name in ("config.txt", "cmdline.txt") if name not in names]
    if not missing and not names & set(_FIRMWARE):
        missing = ["kernel8.img"]
    if missing:
        raise CardError(
            f"{folder} is not the boot partition of a Raspberry Pi: it has no {' and no '.join(missing)}. Write Raspberry Pi OS "
            "(64-bit) to the card first, and name the folder of its small partition (bootfs)"
        )
    if (folder / "kernel7l.img").exists() and not (folder / "kernel8.img").exists():
        raise CardError(f"{folder} has the 32-bit system. Write the 64-bit one to the card")


def uses_cloud_init(folder: Path) -> bool:
    """Whether the system of this card reads `user-data` at its first start."""
    return (folder / "user-data").exists() or (folder / "meta-data").exists()


def merge_user_data(existing: bytes) -> bytes:
    """User data that does what it did before, and installs the kiosk. Given its own result it returns that again.

    Raises CardError for a form that cloud-init does not know.
    """
    content = _decompressed(existing).removeprefix(b"\xef\xbb\xbf")
    if _has_only_comments(content):
        text = content.decode("utf-8", "replace").rstrip()
        return (f"{text or '#cloud-config'}\n{RUN_COMMAND}").encode()
    if content.decode("utf-8", "replace").endswith(RUN_COMMAND):
        return content
    others = [part for part in _parts(content) if part.get_filename() != PART]
    mark = hashlib.sha256(b"".join(part.as_bytes() for part in others)).hexdigest()[:16]
    merged = MIMEMultipart(boundary=f"==entrance-kiosk-{mark}==")
    ours = MIMEText(SCRIPT, "x-shellscript", "us-ascii")
    ours.add_header("Content-Disposition", "attachment", filename=PART)
    for part in (*others, ours):
        merged.attach(part)
    return merged.as_bytes()


def _decompressed(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        with contextlib.suppress(OSError, EOFError, ValueError):
            return gzip.decompress(content)
        raise CardError("user-data is compressed and damaged")
    return content


def _has_only_comments(content: bytes) -> bool:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    marks = lines[:1] in ([b"#cloud-config"], [])
    return marks and all(line.startswith(b"#") for line in lines)


def _parts(content: bytes) -> Iterator[Message]:
    """The parts that the user data has, or itself as one part."""
    first = content.splitlines()[0].strip().decode("utf-8", "replace")
    if re.match(r"(content-type|mime-version):", first, re.IGNORECASE):
        message = email.message_from_bytes(content)
        if not message.is_multipart():
            raise CardError("user-data begins like a mail, and has no parts")
        for part in message.walk():
            if not part.is_multipart():
                yield part
        return
    kind = next((kind for mark, kind in _MARKS.items() if first.startswith(mark)), None)
    if kind is None:
        raise CardError(
            "user-data has a form that cloud-init does not know. Remove it from the card, or write the card again"
        )
    try:
        yield MIMEText(content.decode("utf-8"), kind, "utf-8")
    except UnicodeDecodeError:
        raise CardError("user-data is not UTF-8") from None


def add_first_run(cmdline: str, script: str | None) -> tuple[str, str]:
    """`cmdline.txt` and `firstrun.sh` that install the kiosk. Both keep what they had. Raises CardError.

    `script`: the one that is there, for example of Raspberry Pi Imager. None: there is none.
    """
    found = re.findall(r"(?:^|\s)systemd\.run=(\S+)", cmdline)
    if not found:
        return f"{cmdline.rstrip()} {FIRST_RUN_WORDS}\n", FIRST_RUN_SCRIPT
    if [path.rpartition("/")[2] for path in found] != [FIRST_RUN]:
        raise CardError(f"cmdline.txt runs {found[0]} at the first start. Write the card again")
    if script is None:
        raise CardError(f"cmdline.txt names {FIRST_RUN}, which is not there. Write the card again")
    lines = script.splitlines()
    if FIRST_RUN_LINE in lines:
        return cmdline, script
    at = 1 if lines and lines[0].startswith("#!") else 0
    return cmdline, "\n".join([*lines[:at], FIRST_RUN_LINE, *lines[at:]]) + "\n"
