"""Options that the commands of the centre share: who asks, and why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.alerts.store import prepare_alerts
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable

MIN_REASON_LENGTH = 10
"""In characters."""
Command = TypeVar("Command", bound=Callable[..., Any])


def with_reason(command: Command) -> Command:
    """The options of a command that changes something."""
    reason = click.option("--reason", required=True, callback=_check_reason, help="Why, for the audit.")
    requested_by = click.option(
        "--requested-by", required=True, callback=_check_name, help="The name of the person who asks."
    )
    return requested_by(reason(command))


def _check_reason(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if len(value.strip()) < MIN_REASON_LENGTH:
        raise click.BadParameter(f"an auditor needs at least {MIN_REASON_LENGTH} characters.")
    return value.strip()


def _check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("the name of a person is needed.")
    return value.strip()


@contextmanager
def audited(database: str, requested_by: str, what: str, about: str, reason: str) -> Iterator[Query]:
    """One transaction. The audit row is its first statement, so an act without a row is never committed. Raises ClickException."""
    with reading(database) as query:
        append_audit(query, CentreAuditEntry(f"cli:{requested_by}", what, about, reason), datetime.now(UTC))
        yield query


@contextmanager
def reading(database: str) -> Iterator[Query]:
    """One transaction on the centre's database, whose tables are made where they are missing. Raises ClickException."""
    try:
        prepare_alerts(database)
        with open_query(database) as query:
            yield query
    except LedgerError as error:
        raise click.ClickException(printable(str(error))) from error
