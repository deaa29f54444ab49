"""`kiosk centre alerts`: check the city, keep the alerts, tell people. `kiosk centre report`: send the report of some days."""

import logging
from pathlib import Path

import click

from kiosk.core.ports import KioskError
from kiosk.system.logs import configure_logging
from kiosk.system.wakeup import WakeupPipe
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.remote.schema import prepare_remote
from mqtt.printable_text import printable
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.fleet import FleetReader
from web_ui.centre.notify.notifier import check_city, unknown_areas
from web_ui.centre.notify.receivers import Receiver, ReceiversError, parse_receivers
from web_ui.centre.notify.reports import send_due_reports, send_reports
from web_ui.centre.notify.sender import AppriseSender

INTERVAL_S = 20.0
"""A device is silent after five minutes, and an alert must follow within one."""
RECEIVERS_OPTION = click.option(
    "--receivers",
    "path",
    type=click.Path(path_type=Path),
    help="TOML file with a table [[receiver]] for each: area, url, language.",
)

_log = logging.getLogger(__name__)


@click.command()
@RECEIVERS_OPTION
@click.option("--once", is_flag=True, help="Check once, and end.")
@click.pass_obj
def alerts(database: str, *, path: Path | None, once: bool) -> None:
    """Check every 20 seconds what is wrong, until SIGTERM or Ctrl-C. Tells receivers about new alerts.

    Receivers with `reports` get the report of their area each morning at 7, or each Monday.
    """
    configure_logging()
    receivers, reader = _load_receivers(path), _open(database)
    sender = AppriseSender() if receivers else _NoSender()
    _warn_of_areas(receivers, reader)
    with WakeupPipe() as wakeup:
        while not wakeup.stop_requested:
            try:
                check_city(database, reader, receivers, sender, utc_now())
                send_due_reports(database, reader, receivers, sender, utc_now())
            except LedgerError as error:
                _log.error("the city cannot be checked now: %s", printable(str(error)))
                if once:
                    raise KioskError(printable(str(error))) from error
            if once:
                return
            wakeup.wait(INTERVAL_S)


@click.command()
@RECEIVERS_OPTION
@click.option(
    "--days", type=click.IntRange(1, 31), default=1, show_default=True, help="1 for a daily report, 7 for a weekly one."
)
@click.pass_obj
def report(database: str, *, path: Path | None, days: int) -> None:
    """Send each receiver the report of their area now: passages, silent sites, who does not scan. Of the days before today.

    `kiosk centre alerts` sends those that receivers want by themselves.
    """
    configure_logging()
    receivers = _load_receivers(path)
    if not receivers:
        raise ReceiversError("There is no receiver. Write them into a file, and name it with --receivers.")
    try:
        failed = send_reports(database, _open(database), receivers, AppriseSender(), days)
    except LedgerError as error:
        raise KioskError(printable(str(error))) from error
    if failed:
        raise click.ClickException(f"{failed} of {len(receivers)} reports were not delivered")


class _NoSender:
    """For a centre without receivers: the alerts are on the page only."""

    def send(self, receiver: Receiver, title: str, text: str) -> None:
        """See Sender. Never called."""
        raise AssertionError(f"{receiver.name}: {title} {text}")


def _load_receivers(path: Path | None) -> list[Receiver]:
    if path is None:
        return []
    try:
        return parse_receivers(path.read_bytes())
    except OSError as error:
        raise ReceiversError(f"{path}: cannot be read: {error.strerror}") from error
    except ReceiversError as error:
        raise ReceiversError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def _open(database: str) -> FleetReader:
    try:
        prepare_enrolment(database)
        prepare_remote(database)
    except LedgerError as error:
        raise KioskError(printable(str(error))) from error
    return FleetReader(database, utc_now)


def _warn_of_areas(receivers: list[Receiver], reader: FleetReader) -> None:
    try:
        for code in unknown_areas(receivers, reader.fleet()):
            _log.warning("receivers: there is no area %s today, so nothing is sent there", code)
    except LedgerError:
        return  # the first check says it
