"""One transaction of a command that changes enrolments, with its audit row."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from kiosk.enrolment.invitation_code import InvitationCodeError
from mqtt.broker.pki_error import PkiError
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.enrolment.invitations import InvitationError
from mqtt.centre.enrolment.schema import prepare_enrolment, wait_for_writers
from mqtt.centre.enrolment.settings import NotSetUpError
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable


@contextmanager
def enrolment_query(database: str) -> Iterator[Query]:
    """One transaction, with the tables of enrolment. Expected errors become ClickException."""
    try:
        prepare_enrolment(database)
        with open_query(database) as query:
            wait_for_writers(query)
            yield query
    except (LedgerError, InvitationError, InvitationCodeError, NotSetUpError, PkiError) as error:
        raise click.ClickException(printable(f"nothing was changed: {error}")) from error


def write_entry(query: Query, requested_by: str, what: str, about: str, reason: str) -> None:
    """The audit row, before the act and in its transaction."""
    append_audit(query, CentreAuditEntry(f"cli:{requested_by}", what, about, reason), datetime.now(UTC))
