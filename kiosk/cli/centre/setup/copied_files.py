"""The files of a centre in its backups: configuration, lists and certificates. Private keys only by place and fingerprint."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from kiosk.cli.centre.setup.places import AUTHORITY_USER, CENTRE_GROUP, PlannedFile
from kiosk.cli.centre.setup.writing import write_files
from mqtt.broker.key_errors import UNREADABLE_KEY
from mqtt.centre.backup.copying import CopiedFile

MAX_FILE_BYTES = 16 * 1024 * 1024
ENDINGS = (".toml", ".pem", ".pub", ".cose", ".json", ".csv")
"""Files of a centre. Its database is not one of them."""
OWNERS = {
    "etc/entrance-centre": "root",
    "var/lib/entrance-centre": CENTRE_GROUP,
    "var/lib/entrance-authority": AUTHORITY_USER,
}
"""Folder -> owner of its files."""
_PRIVATE_MARK = b"PRIVATE KEY-----"


def collect(folders: Sequence[Path], root: Path) -> tuple[list[CopiedFile], dict[str, str]]:
    """The files of the folders, and the private keys that were left out: path -> SHA-256 of the public half.

    A file that cannot be read is left out: the centre may not read every key. Raises OSError.
    """
    files: list[CopiedFile] = []
    keys: dict[str, str] = {}
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*")):
        shown = f"/{path.relative_to(root)}"
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            continue
        if path.suffix == ".key":
            keys[shown] = _fingerprint(path)
        elif path.suffix in ENDINGS:
            content = path.read_bytes()
            if _PRIVATE_MARK in content:
                keys[shown] = _fingerprint(path)
            else:
                files.append(CopiedFile(shown, content, path.stat().st_mode & 0o777))
    return files, keys


def _fingerprint(path: Path) -> str:
    try:
        public = load_pem_private_key(path.read_bytes(), None).public_key()
    except (OSError, *UNREADABLE_KEY):
        return ""
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def put_back(files: Iterable[CopiedFile], root: Path) -> Iterator[str]:
    """Write the files that are missing. Yields a sentence for each that differs, and one for all. Raises WritingError."""
    missing = []
    for file in files:
        path = _inside(file.path, root)
        if path is None:
            yield f"{file.path}: is not a path of a centre, and was left out."
        elif not path.exists():
            owner = next(user for folder, user in OWNERS.items() if path.is_relative_to(root / folder))
            missing.append(PlannedFile(path, file.content, file.mode, owner, CENTRE_GROUP))
        elif path.read_bytes() != file.content:
            yield f"{file.path}: differs from the backup, and stays as it is."
    write_files(missing)
    yield f"{len(missing)} files were put back."


def _inside(text: str, root: Path) -> Path | None:
    """A copy could name any path of the machine: only those of a centre are written."""
    path = Path(text)
    allowed = any(path.is_relative_to(f"/{folder}") for folder in OWNERS)
    if ".." in path.parts or not allowed or path.suffix not in ENDINGS:
        return None
    return root / path.relative_to("/")


def missing_keys(keys: Mapping[str, str], root: Path) -> Iterator[str]:
    """A sentence for each private key that the machine of the backup had, and this one has not."""
    for text in sorted(keys):
        if not (root / text.lstrip("/")).exists():
            yield f"{text}: this private key is missing. It is not in a backup: see the sheet of the keys."
