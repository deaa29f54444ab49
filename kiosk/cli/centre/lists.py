"""`kiosk centre lists`: hand a list that was signed offline to the kiosks, and see who is behind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.credentials.issuing.output_files import write_output
from kiosk.credentials.trust import denylist, files, trust_list
from kiosk.credentials.trust.denylist import Denylist
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.list_delta import make_delta
from mqtt.centre.accounts.audit import CentreAuditEntry
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.remote import lists as store
from mqtt.centre.remote.lists import ListNotTakenError, NewList
from mqtt.centre.remote.schema import prepare_remote
from mqtt.printable_text import printable
from mqtt.remote.lists import MAX_CONTENT_BYTES, list_file_name

MIN_REASON_LENGTH = 10
file_argument = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def lists() -> None:
    """Trust list and denylist of the kiosks."""


@lists.command()
@click.argument("path", metavar="FILE", type=file_argument)
@click.option("--root-key", type=file_argument, required=True, help="Public key that signs the lists: root.pem.")
@click.option("--requested-by", required=True, help="The name of the person who asks.")
@click.option("--reason", required=True, help="Why, for the audit.")
@click.pass_obj
def publish(database: str, *, path: Path, root_key: Path, requested_by: str, reason: str) -> None:
    """Hand a signed list to all kiosks that are connected, and to the others when they connect.

    FILE was signed on the offline machine (`kiosk deny add`, `kiosk trust build`). A running `kiosk centre` sends what changed, or
    the whole list. Each kiosk checks signature and number itself.
    """
    if len(reason.strip()) < MIN_REASON_LENGTH:
        raise click.BadParameter(f"an auditor needs at least {MIN_REASON_LENGTH} characters.", param_hint="--reason")
    with _errors():
        prepare_remote(database)
        data, root = files.read_list_file(path), files.read_list_file(root_key)
        with open_query(database) as query:
            new = _checked(data, root, store.published_contents(query, "deny"))
        with open_query(database) as query:
            who, about = f"cli:{requested_by.strip()}", f"{new.kind} {new.number}"
            entry = CentreAuditEntry(who, "publish-list", about, reason.strip())
            store.publish_list(query, new, entry, datetime.now(UTC))
    click.echo(f"{new.kind} list {new.number}: {len(data)} bytes.")
    for base, delta in new.deltas.items():
        click.echo(f"Kiosks with list {base} get what changed: {len(delta)} bytes.")
    if len(data) > MAX_CONTENT_BYTES:
        click.echo("The whole list is too large for a message: kiosks with another list download it (--list-url).")


@lists.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_obj
def export(database: str, *, folder: Path) -> None:
    """Write the published lists to a folder, as KIND-NUMBER.cose, for any static web server that --list-url names.

    The enrolment service serves them too. The files hold nothing secret, and each kiosk checks their signature.
    """
    with _errors():
        prepare_remote(database)
        with open_query(database) as query:
            for kind, number in store.newest_numbers(query).items():
                path = folder / list_file_name("trust" if kind == "trust" else "deny", number)
                write_output(path, store.read_list(query, kind, number) or b"", mode=0o644)
                click.echo(str(path))


@lists.command()
@click.option(
    "--behind", "only_behind", is_flag=True, help="Only devices with an older list. Exit status 1 if there are any."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each device.")
@click.pass_obj
def status(database: str, *, only_behind: bool, as_json: bool) -> None:
    """Which device has which list, as it said when it connected last."""
    with _errors():
        prepare_remote(database)
        with open_query(database) as query:
            newest, found = store.newest_numbers(query), store.device_lists(query)
    if not as_json:
        click.echo(
            "Published: " + (", ".join(f"{kind} {number}" for kind, number in sorted(newest.items())) or "nothing")
        )
    late = [one for one in found if one.behind(newest)]
    for one in late if only_behind else found:
        kinds = one.behind(newest)
        if as_json:
            click.echo(json.dumps({"device": one.device, "lists": one.numbers, "behind": kinds, "errors": one.errors}))
            continue
        numbers = ", ".join(f"{kind} {number}" for kind, number in sorted(one.numbers.items()))
        errors = ", ".join(f"{kind} {code}" for kind, code in sorted(one.errors.items()))
        behind = f"; behind: {', '.join(kinds)}" if kinds else ""
        click.echo(printable(f"{one.device}: {numbers}{behind}{f' ({errors})' if errors else ''}"))
    if only_behind and late:
        raise SystemExit(1)


def _checked(data: bytes, root: bytes, published: list[bytes]) -> NewList:
    """The list with its kind, number and deltas. Raises ListError where it is neither of the two kinds."""
    try:
        found: Denylist = denylist.parse_denylist(data, root)
    except ListError:
        return NewList("trust", trust_list.parse_trust_list(data, root).number, data)
    deltas = {}
    for each in published:
        try:
            old = denylist.parse_denylist(each, root)
        except ListError:  # signed by an earlier root key
            continue
        delta = make_delta(old, found, data)
        if old.number < found.number and len(delta) <= MAX_CONTENT_BYTES:
            deltas[old.number] = delta
    return NewList("deny", found.number, data, deltas)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (ListError, ListNotTakenError) as error:
        raise click.ClickException(f"nothing was published: {printable(str(error))}") from error
    except LedgerError as error:
        raise click.ClickException(printable(str(error))) from error
