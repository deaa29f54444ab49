"""A centre with something in every table, in SQLite or PostgreSQL, and the keys of its backups."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from kiosk.core.model import ClockQuality
from kiosk.core.rules import OpeningHours
from mqtt import device_messages
from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.backup.tables import prepare_all
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.registry.store import import_files, read_rows
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import GATE, START_AT, an_event, an_undo_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

AREAS = "code,kind,name_vi,since\n1,ward,Phường Vỹ Dạ,2000-01-01\n"
SITES = 'site,title,area,kind,since\ndong-ba,"Chợ ""Đông Ba""; \\n",1,market,2024-01-01\n'
Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture
def fresh(server: str, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """An empty PostgreSQL database of this name."""
    return lambda name: postgres.fresh_database(server, f"{name}-{abs(hash(request.node.nodeid)) % 10**9}")


@pytest.fixture(params=["sqlite", "postgres"])
def source(request: pytest.FixtureRequest, tmp_path: Path, fresh: Callable[[str], str]) -> str:
    """The database of a centre that has worked for a while."""
    database = str(tmp_path / "centre.db") if request.param == "sqlite" else fresh("source")
    fill(database)
    return database


def fill(database: str, events: int = 300) -> None:
    """Events with gaps, duplicates and reversals of two gates, refused ones, an account, areas, and an audit."""
    prepare_all(database)
    second = DeviceTopics("entrance", "dong-ba", "gate-2")
    undated = [
        (
            seq,
            replace(
                an_event(5000 + seq), clock_quality=ClockQuality.UNSET, occurred_at=datetime(1970, 1, 2, tzinfo=UTC)
            ),
        )
        for seq in range(1, 5)
    ]
    with closing(open_ledger(database)) as ledger:
        seqs = [seq for seq in range(1, events + 1) if not 100 <= seq < 120]
        for start in range(0, len(seqs), 50):
            ledger.record([arrival_of(((seq, an_event(seq)) for seq in seqs[start : start + 50]), START_AT)])
        ledger.record([arrival_of([(5, an_event(5))], START_AT + timedelta(seconds=1))])
        undo = an_undo_event(9000, an_event(7))
        ledger.record([arrival_of([(events + 1, undo)], START_AT + timedelta(seconds=2))])
        ledger.record([arrival_of(undated, START_AT, branch=second, epoch="fedcba9876543210")])
        ledger.save_state(GATE, device_messages.StateMessage(state="ready", software_version="0.1.0"), START_AT)
    with open_query(database) as query:
        import_files(query, [("a.csv", AREAS.encode()), ("s.csv", SITES.encode())], OpeningHours.parse)
        accounts.add_account(query, "tam", "Lê Văn Tám", "mat-khau-rat-dai", START_AT)
        accounts.set_roles(query, "tam", [Grant(OfficerRole.ADMIN, read_rows(query).areas[0].number)])
        accounts.begin_session(query, "tam", "10.0.0.1", START_AT)
        for number in range(5):
            append_audit(query, CentreAuditEntry("cli:Tám", "look", f"tab\t{number} \\N", "line\nbreak"), START_AT)


@pytest.fixture
def backup_keys(tmp_path: Path) -> Path:
    """A folder with backup.key, as age-keygen writes it, and backup.pub. A key with a password takes a second to open."""
    folder = tmp_path / "keys"
    folder.mkdir()
    identity = pyrage.x25519.Identity.generate()
    (folder / "backup.pub").write_text(str(identity.to_public()), encoding="ascii")
    (folder / "backup.key").write_text(f"# public key: {identity.to_public()}\n{identity}\n", encoding="ascii")
    return folder


@pytest.fixture
def ask(backup_keys: Path, tmp_path: Path) -> Ask:
    """Run a command of `kiosk centre` on a database."""
    opened = ["--key", str(backup_keys / "backup.key")]
    options = {
        "backup": ["--recipient", str(backup_keys / "backup.pub"), "--folder", str(tmp_path / "backups")],
        "verify-backup": opened,
        "restore": opened,
    }
    (tmp_path / "machine").mkdir()

    def run(database: str, command: str, *words: str) -> Result:
        root = ["--root", str(tmp_path / "machine")] if command in {"backup", "restore"} else []
        return CliRunner().invoke(centre, ["--database", database, command, *options.get(command, []), *root, *words])

    return run
