"""The options of `kiosk centre web` for a sign-in provider."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kiosk.core.ports import KioskError
from web_ui.centre.oidc.settings import CLAIMS, SUBJECT, OidcSettings, is_secure_address

Command = TypeVar("Command", bound=Callable[..., Any])


def with_provider(command: Command) -> Command:
    """The options, for `read_provider`."""
    options = (
        click.option(
            "--oidc-issuer", default="", help="Address of an OpenID Connect provider: people may sign in there."
        ),
        click.option("--oidc-client-id", default="", help="What the provider calls this centre."),
        click.option(
            "--oidc-client-secret-file",
            type=click.Path(path_type=Path, exists=True),
            help="File with the client's secret.",
        ),
        click.option(
            "--oidc-claim", type=click.Choice(CLAIMS), default=SUBJECT, show_default=True, help="What names a person."
        ),
        click.option("--oidc-name", default="", help="What the sign-in page calls the provider."),
        click.option("--public-url", default="", help="Address of the pages as browsers see it, behind a proxy."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_provider(
    *,
    oidc_issuer: str,
    oidc_client_id: str,
    oidc_client_secret_file: Path | None,
    oidc_claim: str,
    oidc_name: str,
    public_url: str,
) -> OidcSettings | None:
    """None without an issuer. Raises KioskError."""
    if not oidc_issuer:
        return None
    if not oidc_client_id or oidc_client_secret_file is None:
        raise KioskError("a provider needs --oidc-client-id and --oidc-client-secret-file")
    for name, address in (("--oidc-issuer", oidc_issuer), ("--public-url", public_url)):
        if address and not is_secure_address(address):
            raise KioskError(f"{name}: {address} must begin with https://")
    try:
        secret = oidc_client_secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KioskError(f"{oidc_client_secret_file}: cannot be read: {error}") from error
    if not secret:
        raise KioskError(f"{oidc_client_secret_file}: is empty")
    return OidcSettings(oidc_issuer, oidc_client_id, secret, oidc_claim, oidc_name, public_url)
