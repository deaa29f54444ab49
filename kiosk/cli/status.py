"""`kiosk status`: print the status of the running daemon."""

import json
import sys
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import click

from kiosk import config
from kiosk.core.status import EnrolmentStatus, HealthCheck
from kiosk.system.machine_identity import page_url
from kiosk.system.messages import check_message, check_value
from kiosk.system.number_format import format_quantity
from kiosk.system.status_file import STATUS_FILE, is_stale, read_status, status_age_s
from kiosk.system.terminal import has_all_letters
from kiosk.system.translations import Translator, translator

ORDERLY_STATES = frozenset({"ready", "degraded", "starting", "not-enrolled", "enrolling", "enrolment-offline"})
"""A kiosk without a name works as it should: it waits for a code, for an approval or for the centre."""


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--json", "as_json", is_flag=True, help="The whole snapshot as JSON.")
def status(path: Path, *, as_json: bool) -> None:
    """Show state, health checks and backlog of the running kiosk.

    Exit status 1 when it does not run, does not answer or is out of order.
    """
    settings = config.load_settings(path)
    found = read_status(settings.run_dir)
    t = translator(settings.site.language)
    if found is None:
        click.echo(t("status-command.not-running"), err=True)
        sys.exit(1)
    age_s = status_age_s(settings.run_dir, found)
    if is_stale(age_s):
        click.echo(
            t("status-command.stale", age=format_quantity(t, abs(round(age_s)) if isfinite(age_s) else None, "s")),
            err=True,
        )
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=not has_all_letters()))
    else:
        click.echo("\n".join(_status_lines(t, found)))
        web = settings.web
        url = page_url(web.host, web.port, secure=web.certificate is not None)
        click.echo("  " + t("status-command.pages", url=url))
    sys.exit(1 if is_stale(age_s) or found.get("state") not in ORDERLY_STATES else 0)


def _status_lines(t: Translator, found: Mapping[str, Any]) -> Iterator[str]:
    """Ends where the snapshot is damaged."""
    try:
        state = t.code("state", found["state"])
        site, device, started = found["site"], found["device"], found["started_at"]
        yield t("status-command.summary", site=site, device=device, state=state, started=started)
        for values in found["checks"]:
            check = HealthCheck(**values)
            yield f"  {check.status!s:<6} {check_message(t, check)}  {check_value(t, check)}"
        if found.get("enrolment"):
            yield from _enrolment_lines(t, EnrolmentStatus(**found["enrolment"]))
            return
        receipt = found["uplink"]["last_receipt_at"] or t("status-command.never")
        yield "  " + t("status-command.backlog", backlog=found["outbox"]["backlog_size"], receipt=receipt)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        yield f"  {STATUS_FILE}: {error!r}"


def _enrolment_lines(t: Translator, enrolment: EnrolmentStatus) -> Iterator[str]:
    """Name and words of the code that this kiosk has read. A kiosk without a name delivers nothing yet."""
    if enrolment.name:
        yield f"  {t('page.enrolment.name')}: {enrolment.name}"
    for language, words in sorted(enrolment.words.items(), reverse=True):
        yield f"  {t('page.enrolment.words')} ({language}): {words}"
