"""The enrolment on disk: a pending one, the one in force, and generations beside each other. Every change is one rename.

pending.key, pending.txt    key and invitation of an enrolment that is not finished
1/, 2/ ...                  generations: certificate, key, lists, settings
current                     link to the generation in force
reset                       a person asked for a reset; the next start does it
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.core import file_names
from kiosk.system import atomic_files

PENDING_KEY, PENDING_CODE, PENDING_CERTIFICATE = "pending.key", "pending.txt", "pending.pem"
PRIVATE_NAMES = frozenset({file_names.ENROLLED_KEY, file_names.PSEUDONYM_KEY})
"""Files that only the daemon can read."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An enrolment that is not finished."""

    code: bytes = field(repr=False)
    """Text of the QR code."""
    key_pem: bytes = field(repr=False)


class EnrolmentFolder:
    """The folder of one device. One process writes it. All methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def current(self) -> Path:
        """The link to the generation in force. Its files are read through it."""
        return self.path / file_names.ENROLMENT_CURRENT

    @property
    def is_enrolled(self) -> bool:
        """Whether a generation is in force."""
        return (self.current / file_names.ENROLMENT_SETTINGS).exists()

    @property
    def is_reset_requested(self) -> bool:
        """Whether the next start makes this device forget its enrolment."""
        return (self.path / file_names.ENROLMENT_RESET).exists()

    def begin(self, code: bytes, key_pem: bytes) -> None:
        """Keep invitation and key before the first request. The key is on disk before the invitation is."""
        self._make_folder()
        self.discard_pending()
        atomic_files.write_file(self.path / PENDING_KEY, key_pem, mode=0o600)
        atomic_files.write_file(self.path / PENDING_CODE, code, mode=0o600)

    def pending(self) -> Pending | None:
        """What a power cut interrupted. None: nothing, or only a key without its invitation."""
        try:
            code = (self.path / PENDING_CODE).read_bytes()
            return Pending(code, (self.path / PENDING_KEY).read_bytes())
        except FileNotFoundError:
            return None

    def write_pending_certificate(self, pem: bytes) -> tuple[Path, Path]:
        """Keep the certificate of the pending enrolment. Returns its file and that of its key, for TLS."""
        atomic_files.write_file(self.path / PENDING_CERTIFICATE, pem, mode=0o640)
        return self.path / PENDING_CERTIFICATE, self.path / PENDING_KEY

    def discard_pending(self) -> None:
        """Forget the pending enrolment, the invitation first."""
        for name in (PENDING_CODE, PENDING_KEY, PENDING_CERTIFICATE):
            atomic_files.remove_file(self.path / name)

    def write_generation(self, files: Mapping[str, bytes]) -> Path:
        """Write a new generation beside the others. It is complete, or not there. Returns its folder."""
        self._make_folder()
        number = 1 + max((int(each.name) for each in self._generations()), default=0)
        draft, folder = self.path / f".{number}.new", self.path / str(number)
        atomic_files.remove_tree(draft)
        draft.mkdir(mode=0o750)
        for name, content in files.items():
            atomic_files.write_file(draft / name, content, mode=0o600 if name in PRIVATE_NAMES else 0o640)
        draft.rename(folder)
        atomic_files.sync_folder(self.path)
        return folder

    def switch(self, generation: Path) -> None:
        """Put a generation in force, and delete all others."""
        atomic_files.write_link(self.current, generation.name)
        self.remove_unused()

    def remove_unused(self) -> None:
        """Delete drafts and generations that are not in force."""
        in_force = os.readlink(self.current) if self.current.is_symlink() else ""  # noqa: PTH115  a name, not a path
        for each in (*self._generations(), *self.path.glob(".*.new")):
            if each.name != in_force and each.is_dir():
                atomic_files.remove_tree(each)
        atomic_files.sync_folder(self.path)

    def read_current(self) -> dict[str, bytes]:
        """The files of the generation in force."""
        return {each.name: each.read_bytes() for each in sorted(self.current.iterdir()) if each.is_file()}

    def request_reset(self) -> None:
        """Ask for a reset. The daemon ends and does it at its next start."""
        self._make_folder()
        atomic_files.write_file(self.path / file_names.ENROLMENT_RESET, b"", mode=0o644)

    def forget(self) -> None:
        """Delete the enrolment, the link first: after a power cut this device is not enrolled, and the next start goes on."""
        atomic_files.remove_file(self.current)
        self.discard_pending()
        if self.path.exists():
            self.remove_unused()
        atomic_files.remove_file(self.path / file_names.ENROLMENT_RESET)

    def _make_folder(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o750)

    def _generations(self) -> list[Path]:
        return [each for each in self.path.glob("[0-9]*") if each.name.isdecimal()]
