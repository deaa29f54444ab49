"""A file of lines, compressed and encrypted to a public key in the format of age. Nothing of it is whole in memory."""

import gzip
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyrage

from mqtt.centre.backup.records import CopyError

Decrypt = Callable[[bytes, str], bytes]
UNLOCK_ATTEMPTS = 5
_TOO_SLOW = "work parameter"
"""Of the error "Excessive work parameter for passphrase"."""
_CHUNK_BYTES = 256 * 1024
_LOCKED = b"age-encryption.org/v1"
_MAX_LINE_BYTES = 64 * 1024 * 1024


def parse_recipient(text: str) -> pyrage.x25519.Recipient:
    """A public key such as `age1...`. Raises CopyError."""
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise CopyError("this is not a public key for backups: it begins with age1.") from error


def open_identity(content: bytes, password: str) -> pyrage.x25519.Identity:
    """The private key of a file that is locked with a password, or that `age-keygen` made. Raises CopyError."""
    try:
        if not is_locked(content):
            return pyrage.x25519.Identity.from_str(_key_line(content.decode("ascii")))
        return pyrage.x25519.Identity.from_str(unlock(content, password).decode("ascii").strip())
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError) as error:
        raise CopyError("the private key cannot be opened: wrong password, or another file.") from error


def unlock(content: bytes, password: str, decrypt: Decrypt = pyrage.passphrase.decrypt) -> bytes:
    """The content of a file that a password locks. Raises pyrage.DecryptError, and CopyError on a machine that is too slow.

    age measures this machine, and refuses what would take it 16 times as long as the machine that locked the file. A machine that
    is busy at that moment seems slow.
    """
    for _ in range(UNLOCK_ATTEMPTS):
        try:
            return decrypt(content, password)
        except pyrage.DecryptError as error:
            if _TOO_SLOW not in str(error):
                raise
    raise CopyError("this machine is too busy or too slow to check the password. Try again on a quiet or a faster one.")


def is_locked(content: bytes) -> bool:
    """Whether the file of a private key needs a password."""
    return content.startswith(_LOCKED)


def _key_line(text: str) -> str:
    """Without the comments that `age-keygen` writes."""
    return next((line.strip() for line in text.splitlines() if line and not line.startswith("#")), "")


def write_encrypted(lines: Iterable[bytes], path: Path, recipient: pyrage.x25519.Recipient) -> None:
    """Write all lines. The file appears under its name when it is whole, readable by its owner. Raises CopyError."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _encrypt(lines, out, recipient)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError as error:
        raise CopyError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _encrypt(lines: Iterable[bytes], out: IO[bytes], recipient: pyrage.x25519.Recipient) -> None:
    read_end, write_end = os.pipe()
    failures: list[BaseException] = []

    def work() -> None:
        with os.fdopen(read_end, "rb", buffering=_CHUNK_BYTES) as source:
            try:
                pyrage.encrypt_io(source, out, [recipient])
            except Exception as error:  # noqa: BLE001  raised again by the thread that waits
                failures.append(error)

    thread = threading.Thread(target=work, name="encrypt")
    thread.start()
    try:
        with (
            os.fdopen(write_end, "wb", buffering=_CHUNK_BYTES) as sink,
            gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1, filename="", mtime=0) as packed,
        ):
            _write_in_chunks(lines, packed)
    except BrokenPipeError:
        """The other thread has failed, and says why."""
    finally:
        thread.join()
    if failures:
        raise CopyError(f"the copy cannot be written: {failures[0]}.") from failures[0]


def _write_in_chunks(lines: Iterable[bytes], packed: gzip.GzipFile) -> None:
    waiting: list[bytes] = []
    size_bytes = 0
    for line in lines:
        waiting.append(line)
        size_bytes += len(line)
        if size_bytes >= _CHUNK_BYTES:
            packed.write(b"".join(waiting))
            waiting.clear()
            size_bytes = 0
    packed.write(b"".join(waiting))


@contextmanager
def read_encrypted(path: Path, identity: pyrage.x25519.Identity) -> Iterator[Iterator[bytes]]:
    """The lines of a file. Raises CopyError, also while they are read."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise CopyError(f"{path} cannot be read: {error.strerror}.") from error
    read_end, write_end = os.pipe()
    failures: list[BaseException] = []

    def work() -> None:
        with suppress(BrokenPipeError), os.fdopen(write_end, "wb", buffering=_CHUNK_BYTES) as sink:
            try:
                pyrage.decrypt_io(source, sink, [identity])
            except Exception as error:  # noqa: BLE001  the reader says it
                failures.append(error)

    thread = threading.Thread(target=work, name="decrypt")
    thread.start()
    try:
        with source, os.fdopen(read_end, "rb", buffering=_CHUNK_BYTES) as packed:
            try:
                yield _lines(packed, path, failures)
            finally:
                packed.close()  # the other thread ends, even if not everything was read
                thread.join()
    finally:
        thread.join()


def _lines(packed: IO[bytes], path: Path, failures: list[BaseException]) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=packed, mode="rb") as plain:
            while line := plain.readline(_MAX_LINE_BYTES):
                yield line
    except (EOFError, OSError, zlib.error) as error:
        reason = "it is damaged, or for another key" if failures else "it is damaged"
        raise CopyError(f"{path} cannot be opened: {reason}.") from error
    if failures:
        raise CopyError(f"{path} cannot be opened: it is damaged, or for another key.")
