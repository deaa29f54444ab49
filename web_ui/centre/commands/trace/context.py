"""What the commands of `kiosk trace` share: the database, the officer who proves who they are, errors in words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from mqtt.centre.accounts.accounts import is_password
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit, take_turn
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.registry.model import Area
from mqtt.centre.registry.store import read_rows
from mqtt.centre.registry.tree import Registry, make_registry
from mqtt.centre.tracing.cases.case_keys import CaseKeyError, CaseKeys
from mqtt.centre.tracing.cases.cases import CaseError, Officer, TraceCase, find_case, find_officer
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.core.site_choice import UnknownSiteError
from mqtt.centre.tracing.keys.private_keys import PrivateKeyError
from mqtt.centre.tracing.search.sources import LedgerSource, source_of_area
from mqtt.centre.tracing.search.unsealing_pool import UnsealingError
from mqtt.printable_text import printable
from web_ui.centre.data.calendar import CITY_ZONE, local_day, utc_now

Command = TypeVar("Command", bound=Callable[..., Any])
TIME_FORMATS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%d", "%d/%m/%Y"]
"""Times of the city."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Options of `kiosk trace`."""

    database: str
    case_keys: CaseKeys


def with_account(command: Command) -> Command:
    """The options of a step that an officer takes."""
    account = click.option("--account", required=True, help="The name of your account of the centre's pages.")
    password = click.option(
        "--password-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file with your password. Without it you are asked.",
    )
    return account(password(command))


def as_utc(at: datetime) -> datetime:
    """A time of the city, as UTC."""
    return at.replace(tzinfo=CITY_ZONE).astimezone(utc_now().tzinfo)


@contextmanager
def in_words() -> Iterator[None]:
    """Errors as one sentence and exit status 1."""
    try:
        yield
    except (CaseError, CaseKeyError, LedgerError, PrivateKeyError, UnknownSiteError, UnsealingError) as error:
        raise click.ClickException(printable(str(error))) from error


@dataclass(frozen=True)
class SignedIn:
    """An officer whose password was right, in one transaction."""

    query: Query
    officer: Officer
    registry: Registry
    now: datetime

    def area_of(self, case: TraceCase) -> Area:
        """The area of a case, as it is today. Raises CaseError where it has ended."""
        return area_numbered(self.registry, case.area)


@contextmanager
def signed_in(settings: TraceSettings, account: str, password_file: Path | None) -> Iterator[SignedIn]:
    """Asks for the password, and opens one transaction. A wrong password is an audit row. Raises ClickException."""
    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").removesuffix("\n")
    else:
        password = click.prompt(f"Password of {printable(account)}", hide_input=True, err=True)
    with in_words():
        prepare_tracing(settings.database)
        with open_query(settings.database) as query:
            take_turn(query)
            now = utc_now()
            if not is_password(query, account, password):
                append_audit(query, CentreAuditEntry(account, "sign-in-failed", "kiosk trace"), now)
                officer = None
            else:
                registry = make_registry(read_rows(query))
                officer = find_officer(query, account, registry, now, local_day(now))
            if officer is not None:
                yield SignedIn(query, officer, registry, now)
                return
    raise click.ClickException("the account or the password is wrong")


def area_numbered(registry: Registry, number: int) -> Area:
    """The area with this number today. Raises CaseError where it has ended."""
    day = local_day(utc_now())
    found = next((area for area in registry.rows.areas if area.number == number), None)
    if found is None or registry.area(found.code, day) != found:
        raise CaseError("area-ended", "the area of the case has ended: open a case for the area that took it over")
    return found


def ledger_source(settings: TraceSettings, case: int) -> LedgerSource:
    """The passages of the centre that the case covers. Raises CaseError and LedgerError."""
    with open_query(settings.database) as query:
        registry = make_registry(read_rows(query))
        found = find_case(query, case)
    area = area_numbered(registry, found.area)
    return source_of_area(settings.database, registry, area, local_day(utc_now()), CITY_ZONE)
