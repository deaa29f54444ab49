"""`kiosk trust`: make and show trust lists."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.cli.issuing import root_keys
from kiosk.core import file_names
from kiosk.credentials.issuing import key_files, list_builder
from kiosk.credentials.trust import trust_list as trust_lists
from kiosk.system.terminal import has_all_letters


@click.group("trust")
def trust() -> None:
    """Make and show trust lists: which keys the kiosks believe, from when until when."""


@trust.command("root")
@click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path),
    default=Path(file_names.ROOT_PRIVATE_KEY),
    show_default=True,
    help="Where the private root key goes.",
)
@click.option("--password-file", type=click.Path(path_type=Path), help="File with a password to lock it.")
def make_root(key_path: Path, password_file: Path | None) -> None:
    """Make a root key. Keep it offline. Its public half, root.pem beside it, goes to every kiosk."""
    password = key_files.read_password(password_file)
    list_builder.load_or_create_root_key(key_path, password)
    click.echo(
        f"Root key: {key_path} (keep it offline). For the kiosks: {key_path.with_name(trust_lists.ROOT_PUBLIC_KEY_FILE)}"
    )


@trust.command("build")
@click.argument("sources", metavar="CERT...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path(file_names.TRUST_LIST),
    show_default=True,
    help="The trust list to write.",
)
@root_keys.private_option
@root_keys.password_option
def build(sources: tuple[Path, ...], out: Path, root_key: Path | None, password_file: Path | None) -> None:
    """Sign a trust list of certificates (DER or PEM) and issuers' public files. An issuer that is left out is withdrawn."""
    root = root_keys.open_root_key(root_key, password_file, beside=out)
    built = list_builder.build_trust_list(sources, out, root, datetime.now(UTC).replace(microsecond=0))
    click.echo(f"Trust list {built.number} with {len(list(built))} keys: {out}")


@trust.command("show")
@click.argument("path", type=click.Path(path_type=Path))
@root_keys.public_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(path: Path, root_path: Path | None, *, as_json: bool) -> None:
    """Check a trust list and print what is in it."""
    found = trust_lists.load_trust_list(path, root_path)
    rows = [
        {
            "kind": str(key.kind),
            "kid": key.kid.hex(),
            "not_before": key.not_before_at.isoformat(),
            "not_after": key.not_after_at.isoformat(),
            "uses": sorted(key.uses) or "all",
            "label": key.label,
        }
        for key in found
    ]
    if as_json:
        click.echo(
            json.dumps(
                {"number": found.number, "issued_at": found.issued_at.isoformat(), "keys": rows},
                ensure_ascii=not has_all_letters(),
            )
        )
        return
    click.echo(f"Trust list {found.number} of {found.issued_at:%Y-%m-%d %H:%M} UTC, {len(rows)} keys, signature good")
    for row in rows:
        uses = row["uses"] if row["uses"] == "all" else ",".join(row["uses"])
        click.echo(
            f"  {row['kind']:6} {row['kid']:16} {row['not_before'][:10]} to {row['not_after'][:10]}  {uses:8} {row['label']}"
        )
