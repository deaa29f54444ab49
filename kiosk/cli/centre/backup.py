"""`kiosk centre backup`, `verify-backup`, `restore` and `migrate`: copies of a centre, encrypted to the administrator's key."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import pyrage

from kiosk.cli.centre.setup import copied_files, offline_names
from kiosk.credentials.issuing import key_files
from mqtt.centre.backup import copying
from mqtt.centre.backup.copying import Copy
from mqtt.centre.backup.encrypted_file import is_locked, open_identity, parse_recipient, read_encrypted, write_encrypted
from mqtt.centre.backup.records import CopyError, CopyHeader, TableSum
from mqtt.centre.backup.tables import TableWriter, open_reader, open_writer
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.schema_parts import is_postgres
from mqtt.printable_text import printable

NAME = re.compile(r"centre-\d{8}T\d{6}Z\.age")

key_option = click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path),
    default=Path(offline_names.BACKUP_PRIVATE_KEY),
    show_default=True,
    help="The private key of the backups, from the offline keys.",
)
password_option = click.option("--password-file", type=click.Path(path_type=Path), help="File with its password.")
root_option = click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)


@click.command()
@click.option(
    "--recipient", type=click.Path(path_type=Path), required=True, help="File with the public key, backup.pub."
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), show_default=True, help="Where backups go.")
@click.option("--keep", type=click.IntRange(1, 10_000), help="Delete older backups in the folder, but keep this many.")
@root_option
@click.pass_obj
def backup(database: str, *, recipient: Path, folder: Path, keep: int | None, root: Path) -> None:
    """Write an encrypted backup beside the running centre: tables, configuration, lists and certificates.

    Private keys are not in it, only their places and fingerprints.
    """
    now = datetime.now(UTC)
    path = folder / f"centre-{now:%Y%m%dT%H%M%SZ}.age"
    with _one_sentence():
        public = parse_recipient(_read(recipient).decode("utf-8", "replace"))
        folder.mkdir(parents=True, exist_ok=True)
        files, keys = copied_files.collect([root / each for each in copied_files.OWNERS], root)
        with open_reader(database) as reader:
            header = copying.header_of(reader, now)
            with _progress("Copying", sum(header.counts.values())) as progress:
                write_encrypted(copying.copy_lines(reader, header, files, keys, progress), path, public)
    click.echo(f"{path}: {header.counts['event']} events, {path.stat().st_size / 1e6:.1f} MB")
    old = sorted(each for each in folder.iterdir() if NAME.fullmatch(each.name))[: -keep if keep else 0]
    for each in old:
        each.unlink()


@click.command(name="verify-backup")
@click.argument("path", type=click.Path(path_type=Path))
@key_option
@password_option
def verify_backup(path: Path, key_path: Path, password_file: Path | None) -> None:
    """Open a backup, compare every row with its sums, and print what it has. Needs no database."""
    with _one_sentence(), read_encrypted(path, _identity(key_path, password_file)) as lines:
        found, _ = _read_copy(lines, lambda _header: None, "Verifying")
    _show(found)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@key_option
@password_option
@root_option
@click.pass_obj
def restore(database: str, path: Path, *, key_path: Path, password_file: Path | None, root: Path) -> None:
    """Restore a backup into an empty database, and put its files back. Then compare everything with the backup.

    Nothing is overwritten: files that exist and differ are named, and stay.
    """
    with _one_sentence():
        with read_encrypted(path, _identity(key_path, password_file)) as lines:
            found, written = _restore_tables(database, lines)
        with open_reader(database) as reader:
            copying.require_same(reader, written, found.trailer)
    _show(found)
    click.echo("The database has the same rows, ranges and audit.")
    for text in copied_files.put_back(found.files, root):
        click.echo(text)
    for text in copied_files.missing_keys(found.trailer.keys, root):
        click.echo(text)


@click.command()
@click.option("--to", "target", required=True, help="postgresql://USER@HOST/NAME, an empty database.")
@click.pass_obj
def migrate(database: str, *, target: str) -> None:
    """Move a centre from its SQLite file to PostgreSQL. Stop the centre first. The file stays as it is."""
    if is_postgres(database):
        raise click.ClickException("the centre is in PostgreSQL already.")
    from mqtt.centre.backup.sqlite_tables import locked_sqlite  # noqa: PLC0415

    with _one_sentence(), locked_sqlite(database) as source:
        header = copying.header_of(source, datetime.now(UTC))
        with _progress("Copying", sum(header.counts.values())) as progress:
            lines = copying.copy_lines(source, header, (), {}, progress)
            found, written = _restore_tables(target, lines, quiet=True)
        with open_reader(target) as reader:
            copying.require_same(reader, written, found.trailer)
    _show(found)
    click.echo(
        "PostgreSQL has the same rows, ranges and audit. Now write it into centre.toml as `database`, and start the centre."
    )


def _restore_tables(database: str, lines: Iterator[bytes], *, quiet: bool = False) -> tuple[Copy, dict[str, TableSum]]:
    with open_writer(database) as writer:

        def start(header: CopyHeader) -> TableWriter:
            copying.require_same_schema(header, writer)
            return writer

        return _read_copy(lines, start, "" if quiet else "Restoring")


def _read_copy(
    lines: Iterator[bytes], start: Callable[[CopyHeader], TableWriter | None], label: str
) -> tuple[Copy, dict[str, TableSum]]:
    """With a bar once the header has said how many rows there are."""
    with _progress(label, None) as progress:

        def begin(header: CopyHeader) -> TableWriter | None:
            progress.length = sum(header.counts.values())
            return start(header)

        return copying.read_copy(lines, begin, progress)


class _Bar:
    """Rows with the time that is left, on stderr."""

    def __init__(self, label: str, length: int | None) -> None:
        self.length = length
        self._label = label
        self._bar: click._termui_impl.ProgressBar[int] | None = None

    def __call__(self, count: int) -> None:
        if self._bar is None and self.length and self._label:
            self._bar = click.progressbar(length=self.length, label=self._label, file=sys.stderr, show_eta=True)
            self._bar.__enter__()
        if self._bar is not None:
            self._bar.update(count)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


@contextmanager
def _progress(label: str, length: int | None) -> Iterator[_Bar]:
    bar = _Bar(label, length)
    try:
        yield bar
    finally:
        bar.close()


def _identity(key_path: Path, password_file: Path | None) -> pyrage.x25519.Identity:
    content = _read(key_path)
    password = key_files.read_password(password_file)
    if password is None and is_locked(content):
        text = click.prompt("Password of the key", hide_input=True) if sys.stdin.isatty() else ""
        password = text.encode()
    return open_identity(content, (password or b"").decode("utf-8", "replace"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CopyError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except (CopyError, LedgerError) as error:
        raise click.ClickException(printable(str(error))) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from error


def _show(found: Copy) -> None:
    counts = found.header.counts
    click.echo(f"Backup of {found.header.made_at}, release {found.header.release}, {found.header.kind}")
    click.echo(f"{counts['event']} events in {counts['stream']} streams, {found.trailer.ranges} in ranges of numbers")
    click.echo(
        f"{counts['area']} areas, {counts['account']} accounts, {counts['audit']} rows of audit, {len(found.files)} files"
    )
    click.echo(f"Head of the audit: {found.trailer.audit_head}")
