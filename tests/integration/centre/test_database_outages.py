"""The centre outlives its database: a cut connection, a server that restarts, and a full disk."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.cli.centre.command import centre
from kiosk.core.model import StoredEvent
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.registry.model import RegistryRows
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.questions import Question, QuestionKind
from mqtt.centre.tracing.cases.schema import prepare_tracing
from mqtt.centre.tracing.search.answering import answer_question
from mqtt.centre.tracing.search.context import Answering
from mqtt.centre.tracing.search.sources import LedgerSource, TracedSite
from mqtt.topics import TopicKind
from tests.fakes.centre.traced_events import add_asked_question
from tests.fakes.data.access_events import EPOCH, GATE, START_AT, an_event, event_text
from tests.fakes.parts.connection import FakeBroker, ManualClock
from tests.fakes.processes import postgres
from tests.faults.injection.supervised import no_free_descriptors


class Centre:
    """A collector on a connection in memory."""

    def __init__(self, ledger: Ledger) -> None:
        self.broker = FakeBroker(ManualClock())
        self.collector = Collector("entrance", ledger, self.broker.connect)
        self.settle()

    def settle(self) -> None:
        for _ in range(6):
            self.collector.step()

    def receive(self, seq: int, *, sealed_bytes: int = 110) -> bool:
        """Whether the device gets a receipt for it."""
        self.broker.received.clear()
        text = event_text(StoredEvent(EPOCH, seq, "boot-a", an_event(seq, sealed_bytes=sealed_bytes)), GATE.source)
        self.broker.deliver(GATE.topic(TopicKind.EVENT), text.encode())
        self.settle()
        return bool(self.broker.on("receipt"))


def test_a_centre_whose_postgres_cuts_the_connection_connects_again_and_goes_on() -> None:
    with postgres.server() as address, closing(PostgresLedger(address)) as ledger:
        one = Centre(ledger)
        assert one.receive(1)
        with psycopg.connect(address, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrance centre'"
            )
        assert not one.receive(2), "it is not acknowledged, so the broker delivers it again"
        assert one.collector.ready, "it has connected again"
        assert one.receive(2)
        one.collector.close()


def test_a_centre_without_free_descriptors_goes_on_when_it_has_some_again() -> None:
    with postgres.server() as address, closing(PostgresLedger(address)) as ledger:
        with psycopg.connect(address, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrance centre'"
            )
        with no_free_descriptors():
            for _ in range(2):
                with pytest.raises(LedgerError):
                    ledger.recover()
            with pytest.raises(LedgerError), open_query(address) as query:
                query("SELECT 1")
        ledger.recover()
        one = Centre(ledger)
        assert one.receive(1)
        one.collector.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small file system here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast


def ask_beforehand(database: Path) -> int:
    """An open case with a question about the gate. Returns the number of the question."""
    prepare_tracing(str(database))
    now = datetime.now(UTC)
    asked = Question(QuestionKind.PLACE, START_AT - timedelta(days=1), START_AT + timedelta(days=1), GATE.site)
    with open_query(str(database)) as query:
        return add_asked_question(query, CaseKeys(database.parent / "case-keys"), 1, asked, now)


def answered(database: Path, question: int, key: X25519PrivateKey) -> int:
    """How many passages the answer has, on a disk that may be full."""
    registry, sites = make_registry(RegistryRows()), {GATE.site: TracedSite(GATE.site, GATE.site, "other")}
    source = LedgerSource(str(database), registry, UTC, sites)
    keys = CaseKeys(database.parent / "case-keys")
    found = answer_question(
        Answering(str(database), keys, source, (key,), lambda: datetime.now(UTC), processes=1), question
    )
    return len(found.passages)


def test_on_a_full_disk_the_centre_runs_acknowledges_nothing_and_can_be_read(small_disk: Path, tmp_path: Path) -> None:
    database = small_disk / "centre.db"
    with closing(SqliteLedger(database)) as ledger:
        one = Centre(ledger)
        assert one.receive(1)
        question = ask_beforehand(database)
        ballast = fill(small_disk)
        seq = 2
        while one.receive(seq, sealed_bytes=4000):
            seq += 1
        assert not one.receive(seq, sealed_bytes=4000), "nothing more is acknowledged"
        shown = CliRunner().invoke(centre, ["--database", str(database), "status"])
        assert f"1-{seq - 1}, complete" in shown.output
        assert answered(database, question, X25519PrivateKey.generate()) == seq - 1
        ballast.unlink()
        one.settle()
        assert one.receive(seq)
        one.collector.close()


def test_on_a_full_disk_the_database_of_a_centre_that_was_killed_can_be_read(small_disk: Path, tmp_path: Path) -> None:
    database = small_disk / "centre.db"
    with closing(SqliteLedger(database)) as ledger:
        ledger.count_invalid_message("not-json")
        one = Centre(ledger)
        assert one.receive(1)
        one.collector.close()
    question = ask_beforehand(database)
    fill(small_disk)
    shown = CliRunner().invoke(centre, ["--database", str(database), "status"])
    assert "1-1, complete" in shown.output
    assert answered(database, question, X25519PrivateKey.generate()) == 1
