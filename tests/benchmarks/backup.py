"""Backup, verification and restore of a centre with a million events, into SQLite and PostgreSQL, each in a process of its own."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyrage

from mqtt.centre.backup.tables import prepare_all
from mqtt.centre.ingest.database import open_ledger
from mqtt.topics import DeviceTopics
from tests.benchmarks.table import Row, goal_row
from tests.fakes.data.access_events import START_AT, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

EVENTS, QUICK_EVENTS = 1_000_000, 20_000
DEVICES = 200
MESSAGE_EVENTS, BATCH_MESSAGES = 50, 100


def run(quick: bool) -> list[Row]:
    """Rows of the table."""
    events = QUICK_EVENTS if quick else EVENTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "centre.db", events)
        identity = pyrage.x25519.Identity.generate()
        (folder / "backup.key").write_text(str(identity), encoding="ascii")
        (folder / "backup.pub").write_text(str(identity.to_public()), encoding="ascii")
        root = ["--root", str(folder)]
        rows = measured("backup", folder, "backup", "--recipient", "backup.pub", "--folder", "backups", *root)
        (path,) = (folder / "backups").glob("*.age")
        rows.append(Row("size of the backup", path.stat().st_size / 1e6, "MB"))
        rows += measured("verify", folder, "verify-backup", str(path))
        rows += measured("restore", folder, "restore", str(path), *root, database="restored.db")
        if postgres.programs() is not None:
            with postgres.PostgresServer(durable=True) as server:
                rows += measured(
                    "restore into PostgreSQL", folder, "restore", str(path), *root, database=server.address
                )
    return rows


def fill(path: Path, events: int) -> None:
    """Events of many gates, as they arrive."""
    prepare_all(str(path))
    with closing(open_ledger(str(path))) as ledger:
        batch = []
        for first in range(0, events, MESSAGE_EVENTS):
            round_, device = divmod(first // MESSAGE_EVENTS, DEVICES)
            branch = DeviceTopics("entrance", f"site-{device // 4}", f"gate-{device % 4 + 1}")
            numbered = [(round_ * MESSAGE_EVENTS + at + 1, an_event(first + at)) for at in range(MESSAGE_EVENTS)]
            batch.append(arrival_of(numbered, START_AT + timedelta(seconds=first // 10), branch=branch))
            if len(batch) == BATCH_MESSAGES:
                ledger.record(batch)
                batch = []
        if batch:
            ledger.record(batch)


def measured(name: str, folder: Path, *words: str, database: str = "centre.db") -> list[Row]:
    """Wall time, processor time and memory of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "kiosk.cli", "centre", "--database", database, *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    took_s = time.monotonic() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [
        goal_row(f"{name}, wall time", took_s, "s", "<= 300")
        if name.startswith("restore")
        else Row(f"{name}, wall time", took_s, "s"),
        Row(f"{name}, processor time", cpu_s, "s"),
        Row(f"memory of the largest process up to {name}", after.ru_maxrss / 1000, "MB"),
    ]
