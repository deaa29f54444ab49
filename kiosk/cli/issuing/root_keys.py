"""Command line options for the root key, shared by the commands that sign lists."""

import sys
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials.issuing import key_files, list_builder
from kiosk.credentials.issuing.key_files import KeyFileError, LockedKeyError
from kiosk.credentials.issuing.output_files import write_output
from kiosk.credentials.trust.trust_list import ROOT_PUBLIC_KEY_FILE

private_option = click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    help="Private root key. Default: root.key beside the list or in the current folder. It is made if there is none.",
)
password_option = click.option(
    "--password-file", type=click.Path(path_type=Path), help="File with the root key's password."
)
public_option = click.option(
    "--root", "root_path", type=click.Path(path_type=Path), help="Root public key. Default: root.pem beside the list."
)


def open_root_key(path: Path | None, password_file: Path | None, *, beside: Path) -> Ed25519PrivateKey:
    """The root key for the list `beside`: the key at `path`, else the one that `find_root_key` finds, else a new one.

    Raises KeyFileError. A root key that is made is announced, because no kiosk trusts it yet.
    """
    password = key_files.read_password(password_file)
    return open_or_make_root_key(path or find_root_key(beside), password, beside=beside)


def find_root_key(beside: Path, *other_folders: Path) -> Path:
    """`root.key` beside the list, in the current folder or in another folder. Without any: the path beside the list."""
    paths = [folder / list_builder.ROOT_PRIVATE_KEY_FILE for folder in (beside.parent, Path(), *other_folders)]
    return next((path for path in paths if path.exists()), paths[0])


def open_or_make_root_key(path: Path, password: bytes | None, *, beside: Path) -> Ed25519PrivateKey:
    """Open the key, or make it and say so. Its public half is put beside the list too. Raises KeyFileError, OutputError.

    A key that is locked is opened with what a person types, if they sit at a terminal and gave no password.
    """
    is_new = not path.exists()
    try:
        key = list_builder.load_or_create_root_key(path, password)
    except LockedKeyError:
        if not sys.stdin.isatty():
            raise
        typed = str(click.prompt(f"Password of {path}", hide_input=True))
        key = list_builder.load_or_create_root_key(path, typed.encode())
    public = beside.with_name(ROOT_PUBLIC_KEY_FILE)
    pem = key_files.public_key_pem(key)
    if public.exists() and public.read_bytes() != pem:
        raise KeyFileError(f"{public} belongs to another root key than {path}. Use that key, or another folder.")
    if not public.exists():
        write_output(public, pem)
    if is_new:
        click.echo(f"New root key: {path}. Kiosks believe its lists only when they have {public}.", err=True)
    return key
