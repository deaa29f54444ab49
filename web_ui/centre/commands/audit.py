"""`kiosk centre audit`: show the audit, and find changed or missing rows."""

import re

import click

from mqtt.centre.accounts.audit import AuditHead, read_audit, read_head, verify_audit
from mqtt.printable_text import printable
from web_ui.centre.commands.options import reading


@click.group()
def audit() -> None:
    """Who did what at the centre."""


@audit.command()
@click.option(
    "--expect", metavar="NUMBER:HASH", help="A head that an earlier run printed. Finds rows cut off the end too."
)
@click.pass_obj
def verify(database: str, expect: str | None) -> None:
    """Check the chain of hashes. Exit status 1 where a row was changed or is missing.

    It prints the head of the chain. Keep it on paper or on another machine: a person who can write to the database can make a new
    chain.
    """
    expected = _parse_head(expect) if expect else None
    with reading(database) as query:
        problems = list(verify_audit(query, expected))
        head = read_head(query)
    for problem in problems:
        click.echo(f"row {problem.number}: {problem.text}", err=True)
    if problems:
        raise SystemExit(1)
    click.echo(f"{head.number} rows, all as they were written. Head: {head}")


def _parse_head(text: str) -> AuditHead:
    if not re.fullmatch(r"[0-9]{1,9}:[0-9a-f]{64}", text):
        raise click.BadParameter("it looks like 12:3f9a…", param_hint="--expect")
    number, _, digest = text.partition(":")
    return AuditHead(int(number), digest)


@audit.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.pass_obj
def show(database: str, limit: int) -> None:
    """The newest rows, newest first."""
    with reading(database) as query:
        for row in read_audit(query, limit=limit):
            entry = row.entry
            text = "  ".join(filter(None, (entry.who, entry.what, entry.about, entry.why)))
            click.echo(f"{row.number}  {row.at:%Y-%m-%d %H:%M:%S} UTC  {printable(text)}")
