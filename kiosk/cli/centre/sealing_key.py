"""`kiosk centre sealing-key`: make a new sealing key, and put it together from the words of two holders. Opens its file."""

import sys
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from kiosk.cli.centre.setup import offline_names, shares
from kiosk.cli.centre.setup.answers import MIN_PASSWORD_CHARACTERS
from kiosk.credentials.issuing import key_files
from kiosk.credentials.issuing.key_files import KeyFileError
from kiosk.credentials.issuing.output_files import write_new_file
from mqtt.broker.key_errors import UNREADABLE_KEY

password_option = click.option(
    "--password-file", type=click.Path(path_type=Path), help="File with the password of the key. Default: it is asked."
)


@click.group(name="sealing-key")
def sealing_key() -> None:
    """The key that opens the identities in events. Use these commands on a machine without a network."""


@sealing_key.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--holders", is_flag=True, help="Three shares of which two are needed, in place of a file with a password."
)
@password_option
def new(folder: Path, password_file: Path | None, *, holders: bool) -> None:
    """Make a sealing key in FOLDER. Its public half, centre-public.pem, goes to the kiosks. Nothing is overwritten."""
    from kiosk.cli.centre.setup.keys import make_sealing_files  # noqa: PLC0415  the other commands need none of its libraries

    password = b"" if holders else _new_password(password_file)
    made = make_sealing_files(password, has_holders=holders)
    _write_all(folder, made.files)
    click.echo(f"{folder}: {', '.join(sorted(made.files))}")
    click.echo(f"Fingerprint: {made.sealing_fingerprint}. Write it on the sheet of the keys.")


@sealing_key.command()
@click.argument("share_paths", metavar="SHARE SHARE", type=click.Path(path_type=Path), nargs=2, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(offline_names.SEALING_PRIVATE_KEY), show_default=True
)
@password_option
def join(share_paths: tuple[Path, Path], out: Path, password_file: Path | None) -> None:
    """Put the private key together from the words of two holders, and write it with a new password."""
    try:
        lines = [path.read_text(encoding="utf-8") for path in share_paths]
        key = X25519PrivateKey.from_private_bytes(shares.join(lines))
    except OSError as error:
        raise KeyFileError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise KeyFileError(f"{error}.") from error
    lock = BestAvailableEncryption(_new_password(password_file))
    _write_all(out.parent, {out.name: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)})
    click.echo(
        f"{out}. Fingerprint: {shares.fingerprint(key.public_key())}. Compare it with the sheet, and delete the file after use."
    )


@sealing_key.command()
@click.argument("path", type=click.Path(path_type=Path))
@password_option
def show(path: Path, password_file: Path | None) -> None:
    """Print the fingerprint of a private key, to compare it with the sheet of the keys."""
    click.echo(shares.fingerprint(load_sealing_key(path, password_file).public_key()))


def load_sealing_key(path: Path, password_file: Path | None) -> X25519PrivateKey:
    """The private key of a file. Asks for its password, where it has one and a person is there. Raises KeyFileError, OSError."""
    content = path.read_bytes()
    password = key_files.read_password(password_file)
    try:
        if password is None and b"ENCRYPTED" in content and sys.stdin.isatty():
            password = click.prompt("Password of the sealing key", hide_input=True).encode()
        key = load_pem_private_key(content, password)
    except TypeError as error:
        wanted = "has no password" if password else "is locked with a password. Give --password-file"
        raise KeyFileError(f"{path} {wanted}") from error
    except UNREADABLE_KEY as error:
        wanted = (
            "cannot be opened: wrong password, or not a private key" if password else "is not a private key in PEM form"
        )
        raise KeyFileError(f"{path} {wanted}") from error
    if isinstance(key, X25519PrivateKey):
        return key
    raise KeyFileError(f"{path} is not an X25519 key")


def _new_password(path: Path | None) -> bytes:
    password = key_files.read_password(path)
    if password is None and sys.stdin.isatty():
        password = click.prompt("Password for the key", hide_input=True, confirmation_prompt=True).encode()
    if password is None or len(password.decode("utf-8", "replace")) < MIN_PASSWORD_CHARACTERS:
        raise KeyFileError(f"a password of {MIN_PASSWORD_CHARACTERS} characters or more is needed: --password-file.")
    return password


def _write_all(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{folder} cannot be made: {error.strerror}.") from error
    there = [name for name in sorted(files) if (folder / name).exists()]
    if there:
        raise KeyFileError(f"{folder} has {', '.join(there)} already. Nothing was written: name another folder.")
    for name, content in files.items():
        write_new_file(folder / name, content)
