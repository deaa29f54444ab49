"""`kiosk web`: serve the pages. `kiosk web setup`: a set-up code for the administrator. `kiosk web certificate`: TLS."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from kiosk import config
from kiosk.system.logs import LogBuffer, configure_logging
from web_ui.auth.accounts import AccountError, Accounts
from web_ui.server.serve import run_server
from web_ui.settings import WebSettings


@click.group(invoke_without_command=True)
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration file.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="The daemon's run directory, instead of the file's.")
@click.option("--database", type=click.Path(path_type=Path), help="The database of events, instead of the file's.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Accounts and audit log, instead of the file's.")
@click.option("--host", help="Address to listen on, instead of web.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of web.port. 0 takes a free one."
)
@click.pass_context
def web(context: click.Context, /, path: Path | None, **instead: Path | str | int | None) -> None:
    """Serve the pages until SIGTERM or Ctrl-C, and print their address."""
    wishes = {name: value for name, value in instead.items() if value is not None}
    context.obj = partial(
        _load_settings, path, wishes
    )  # later, because `--help` of a subcommand needs no configuration
    if context.invoked_subcommand is None:
        configure_logging()
        log_buffer = LogBuffer()
        logging.getLogger().addHandler(log_buffer)
        run_server(context.obj(), click.echo, log_buffer)


def _load_settings(path: Path | None, wishes: Mapping[str, Path | str | int]) -> WebSettings:
    """The settings of the file, and the options instead of them. Raises ConfigError."""
    run_dir = wishes.get("run_dir")
    if path is None and isinstance(run_dir, Path):
        found = WebSettings(run_dir)  # without a configuration, for any daemon
    else:
        path = path or config.DEFAULT_PATH
        found = WebSettings.from_config(config.load_settings(path), path)
    return replace(found, **wishes)  # type: ignore[arg-type]  # the options have the fields' names and types


@web.command()
@click.pass_obj
def setup(load_settings: Callable[[], WebSettings]) -> None:
    """Make a one-time set-up code. With it, the administrator sets the password on the page /setup."""
    folder = load_settings().state_dir
    if folder is None or not folder.is_dir():
        raise AccountError(f"There is no folder {folder} for accounts. Create it, or correct web.state_dir.")
    click.echo(f"set-up code: {Accounts(folder).make_setup_code()}  (one use, within the hour, on the page /setup)")


@web.command()
@click.option("--name", "names", multiple=True, help="A further name or address of this machine. May be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write. Default: web.pem beside the accounts.")
@click.pass_obj
def certificate(load_settings: Callable[[], WebSettings], names: tuple[str, ...], out: Path | None) -> None:
    """Make a self-signed certificate, so that passwords cannot be read on the LAN."""
    settings = load_settings()
    from web_ui.server import tls  # noqa: PLC0415  # the server needs this memory only here

    path = out or (settings.state_dir / "web.pem" if settings.state_dir else Path("web.pem"))
    fingerprint = tls.make_self_signed_certificate(path, (*settings.allowed_hosts, *names))
    click.echo(f'{path} is written. Put into the configuration:  [web] certificate = "{path}"')
    click.echo(f"Browsers ask once whether to trust it; its SHA-256 fingerprint is {fingerprint}")


@web.command()
@click.argument("name", type=click.Choice(["why", "privacy"]))
@click.option(
    "--language", default="vi", show_default=True, type=click.Choice(["vi", "en"]), help="Language of the sheet."
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write. Default: NAME-LANGUAGE.html.")
@click.pass_obj
def notice(load_settings: Callable[[], WebSettings], name: str, language: str, out: Path | None) -> None:
    """Write a sheet to print and hang up: why a person was not let through, or how personal data is handled."""
    settings = load_settings()
    from web_ui.kiosk.app import create_app  # noqa: PLC0415  # the pages need this memory only here
    from web_ui.kiosk.pages.notices import notice_file  # noqa: PLC0415

    path = out or Path(f"{name}-{language}.html")
    app, _ = create_app(settings)
    path.write_text(notice_file(app, settings, name, language), encoding="utf-8")
    click.echo(f"{path} is written. Open it in a browser and print it on A4. Write on the dotted lines.")
