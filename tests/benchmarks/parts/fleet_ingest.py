"""Rows of the fleet benchmark without a network: a centre stores the live events of many devices in PostgreSQL."""

import json
import os
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from kiosk.delivery.event_encoder import EventEncoder
from mqtt.events import make_payload
from mqtt.topics import TopicKind
from tests.benchmarks.table import Row, goal_row
from tests.fakes.processes import postgres
from tests.fleet.kiosk.outbox import FleetOutbox
from tests.fleet.kiosk.people import encounters
from tests.fleet.kiosk.simulated_kiosk import device_topics
from tests.fleet.parts import Parts
from tests.paths import PROJECT

INGEST = PROJECT / "tests/fleet/ingest.py"


def write_messages(file: Path, devices: int, events_each: int, batch: int, run: int) -> int:
    """Messages of `batch` events each, one device after the other, again and again. Returns the number of events."""
    people = encounters(200, random.Random(1))
    now_ms = int(time.time() * 1000)
    messages: list[tuple[str, bytes]] = []
    kiosks = []
    for index in range(devices):
        topics, outbox = device_topics("entrance", index), FleetOutbox(run, index, people, now_ms / 1000 - 3600)
        for number in range(events_each):
            outbox.record(now_ms - events_each + number)
        encoder = EventEncoder(topics.source, outbox.epoch, outbox.boot_ids)
        texts = [text for _, text in encoder.encode(outbox.pending_rows(0, events_each))]
        assert len(texts) == events_each
        kiosks.append((topics.topic(TopicKind.EVENT), texts))
    for first in range(0, events_each, batch):
        messages += [(topic, make_payload(texts[first : first + batch])) for topic, texts in kiosks]
    file.write_bytes(pickle.dumps((messages, devices * events_each)))
    return devices * events_each


def ingest(file: Path, count: int, database: str, checkout: Path = PROJECT) -> dict[str, float]:
    """`rows_per_s` and `cpu_us_per_row` of the centre of a checkout, which must store `count` events.

    `database_cpu_us_per_row`: of PostgreSQL meanwhile.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, str(INGEST), str(file), database]
    server = Parts(None, database, [], ())
    before_s = server.usage()["postgresql"].cpu_s
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    found["database_cpu_us_per_row"] = (server.usage()["postgresql"].cpu_s - before_s) / count * 1e6
    with psycopg.connect(database) as connection:
        stored = connection.execute("SELECT count(*) FROM event").fetchone()
    assert stored == (count,), f"{stored} rows instead of {count}"
    return found


def rows(folder: Path, *, quick: bool, baseline: Path | None) -> list[Row]:
    """One event a message over 10,000 devices. `baseline`: the checkout of another release, measured in turn with this one."""
    devices, rounds = (2_000, 2) if quick else (10_000, 3)
    ours: list[dict[str, float]] = []
    before: list[dict[str, float]] = []
    with postgres.server(durable=True) as address:
        for number in range(rounds):
            file = folder / f"messages-{number}"
            count = write_messages(file, devices, 4, 1, run=number)
            for name, found, checkout in (("now", ours, PROJECT), ("before", before, baseline)):
                if checkout is not None:
                    found.append(ingest(file, count, postgres.fresh_database(address, f"{name}_{number}"), checkout))
    speed, cpu_us = _best(ours)
    database_us = min(one["database_cpu_us_per_row"] for one in ours)
    result = [
        goal_row(f"one event a message, {devices} devices", round(speed), "rows/s", ">= 6000"),
        goal_row("the same: processor time of the centre", round(cpu_us, 1), "us a row", "<= 100"),
        Row("the same: processor time of PostgreSQL", round(database_us, 1), "us a row"),
        Row("load average of the machine", ", ".join(f"{one:.1f}" for one in os.getloadavg()), "1, 5, 15 min"),
    ]
    if before:
        speed, cpu_us = _best(before)
        result += [
            Row("the same at the baseline", round(speed), "rows/s"),
            Row("the same at the baseline: processor time", round(cpu_us, 1), "us a row"),
        ]
    return result


def _best(found: list[dict[str, float]]) -> tuple[float, float]:
    """Most rows per second and least processor time: other load of the machine only makes a round worse."""
    return max(one["rows_per_s"] for one in found), min(one["cpu_us_per_row"] for one in found)
