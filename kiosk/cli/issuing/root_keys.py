"""Command line options for the root key, shared by the commands that sign lists."""

from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials.issuing import key_files, list_builder

private_option = click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    help="Private root key. Default: root.key beside the list, made if missing.",
)
password_option = click.option(
    "--password-file", type=click.Path(path_type=Path), help="File with the root key's password."
)
public_option = click.option(
    "--root", "root_path", type=click.Path(path_type=Path), help="Root public key. Default: root.pem beside the list."
)


def open_root_key(path: Path | None, password_file: Path | None, *, beside: Path) -> Ed25519PrivateKey:
    """The key at `path`. If None: `root.key` in the folder of the list `beside`, made if missing. Raises KeyFileError."""
    password = key_files.read_password(password_file)
    return list_builder.load_or_create_root_key(path or beside.with_name(list_builder.ROOT_PRIVATE_KEY_FILE), password)
