"""Tracing: unsealing against the bare HPKE of the library, a place question over many rows, and contacts against a known truth."""

import os
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core.model import Identifier, Subject
from kiosk.core.subject_sealing import Seal
from mqtt import sealing
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.registry.model import RegistryRows
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.tracing.core.contacts import find_contacts
from mqtt.centre.tracing.core.model import Grade, SealedPassage
from mqtt.centre.tracing.core.stays import group_people, pair_people
from mqtt.centre.tracing.search.sources import LedgerSource, TracedSite
from mqtt.centre.tracing.search.unsealing_pool import UnsealingPool
from tests.benchmarks.table import Row, goal_row
from tests.fakes.centre.traced_city import make_traced_city, person_number
from tests.fakes.processes import postgres

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
KEY = X25519PrivateKey.generate()
PASSAGES_PER_DAY, DAYS = 250_000, 14
GATES, ROW_DAYS = 400, 20
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
MIN_OVERLAP = timedelta(minutes=15)
ROUNDS = 5
_INSERT = (
    "INSERT INTO {} (device, id, day, stream, seq, occurred_at, monotonic_s, boot_id, clock_quality, outcome, reason, "
    "direction, kind, assurance, pseudonym, sealed, code_bytes, received_at) "
    "SELECT device.number, gen_random_uuid(), ?::date, stream.number, ? + n, ?::timestamptz + n * ? * interval '1 second', "
    "n, 'boot', 'synchronised', 'pass', 'ok', CASE mod(n, 2) WHEN 0 THEN 'in' ELSE 'out' END, 'id-card', 'recognised', "
    "repeat('ab', 16), decode(repeat('ab', 200), 'hex'), 178, ?::timestamptz "
    "FROM device JOIN stream ON stream.device = device.number, generate_series(0, ?) AS n"
)
"""The passages of all gates of one day."""


def run(quick: bool) -> list[Row]:
    """All rows. `quick` measures fewer passages, rows and people."""
    return [
        *_unsealing(15_000 if quick else 60_000),
        *_place(200_000 if quick else 5_000_000),
        *_city(*((1_000, 40, 7) if quick else (10_000, 200, 14))),
    ]


def _sealed(count: int) -> list[SealedPassage]:
    seal = Seal(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    found = []
    for number in range(count):
        subject = Subject((Identifier("document", f"046{number:09}"),), name="NGUYỄN VĂN A", born="1990-01-01")
        id_ = UUID(int=number)
        sealed = seal.seal(subject, id_)
        found.append(
            SealedPassage(id_, "s", "s/g", FIRST_DAY, FIRST_DAY, "in", "pass", "ok", False, True, None, sealed)
        )
    return found


def _unsealing(count: int) -> list[Row]:
    """Processor time of both in turns, so that other work on the machine counts less. The processes run already."""
    passages = _sealed(count)
    key_id = sealing.key_id(KEY.public_key())
    references, rates = [], []
    with UnsealingPool([KEY], wanted=[("document", "046000000001")]) as pool:
        pids = _warm_up(pool, passages)
        for round_ in range(ROUNDS):
            some = passages[round_::ROUNDS]
            before = _cpu_s()
            for one in some:
                sealing.SUITE.decrypt(one.sealed[4:], KEY, info=sealing.hpke_info(key_id, one.id))
            references.append(1e6 * (_cpu_s() - before) / len(some))
            before = _cpu_s(pids)
            assert sum(result.searched for result in pool.unseal(iter([some]))) == len(some)
            rates.append(1e6 * (_cpu_s(pids) - before) / len(some))
        memory = max(_peak_mb(pid) for pid in pids)
    reference, ours = statistics.median(references), statistics.median(rates)
    minutes = ours * PASSAGES_PER_DAY * DAYS / 1e6 / 60
    return [
        Row(f"bare HPKE open of the library, {ROUNDS} rounds of {count // ROUNDS}", reference, "us of a core"),
        goal_row(
            f"unsealing and comparing, {len(pids)} processes",
            ours,
            "us of a core",
            ">= 0.9",
            reference=reference,
            ratio=reference / ours,
        ),
        goal_row("person search, 14 days of 250,000, on 2 cores (computed)", minutes / 2, "min", "<= 8"),
        goal_row("memory of a process that unseals", memory, "MB", "<= 200"),
    ]


def _warm_up(pool: UnsealingPool, passages: list[SealedPassage]) -> list[int]:
    """Each process has answered. Returns their ids."""
    for _ in range(3):
        assert sum(result.searched for result in pool.unseal(iter([passages[:6_000]])))
    return [process.pid for process in pool._processes]


def _cpu_s(pids: Sequence[int] = ()) -> float:
    """Of this process, and of these."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _place(count: int) -> list[Row]:
    """A question about one site and two hours in PostgreSQL, until its sealed passages are here."""
    with postgres.server(durable=True) as address:
        with closing(open_ledger(address)):
            _fill(address, count)
        sites = {"site-7": TracedSite("site-7", "Chợ", "market")}
        source = LedgerSource(address, make_registry(RegistryRows()), ZONE, sites)
        at = FIRST_DAY + timedelta(days=ROW_DAYS // 2, hours=9)
        took, found = [], 0
        for _ in range(15):
            begun_s = time.perf_counter()
            found = sum(map(len, source.read(frozenset(sites), at, at + timedelta(hours=2))))
            took.append(1000 * (time.perf_counter() - begun_s))
    return [
        Row(f"rows of PostgreSQL, {ROW_DAYS} days, {GATES} gates", count, "rows"),
        Row("passages found", found, "rows"),
        goal_row("place question before unsealing, median", statistics.median(took), "ms", "<= 500"),
        Row("place question before unsealing, slowest of 15", max(took), "ms"),
    ]


def _fill(address: str, count: int) -> None:
    """Rows made by SQL: each day a partition, each gate the same number of passages over the day."""
    with open_query(address) as query:
        query(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) "
            "SELECT 'entrance', 'site-' || n / 2, 'gate-' || mod(n, 2) + 1, now() FROM generate_series(0, ?) AS n",
            [GATES - 1],
        )
        query("INSERT INTO stream (device, epoch) SELECT number, '0123456789abcdef' FROM device")
        per_gate = count // GATES // ROW_DAYS
        for number in range(ROW_DAYS):
            day = FIRST_DAY + timedelta(days=number)
            name = f"event_{day:%Y%m%d}"
            query(
                f"CREATE TABLE {name} PARTITION OF event "
                f"FOR VALUES FROM ('{day:%F}') TO ('{day + timedelta(days=1):%F}')"
            )
            query(_INSERT.format(name), [day, number * per_gate + 1, day, 86_400 / per_gate, day, per_gate - 1])
        query("ANALYZE")


def _city(people: int, sites: int, days: int) -> list[Row]:
    """Everyone is paired, 200 people are asked for, and compared with the truth."""
    city, asked = make_traced_city(people=people, sites=sites, days=days), range(200)
    begun_s = time.process_time()
    grouped = group_people(city.unsealed)
    stays = pair_people(grouped, city.rules)
    paired_s = time.process_time() - begun_s
    numbers = {key: person_number(found[0]) for key, found in grouped.items()}
    contacts = find_contacts([key for key, number in numbers.items() if number in asked], stays, MIN_OVERLAP)
    shown = {
        (numbers[one.person], numbers[one.other], one.site, one.since_at, one.until_at): one.grade for one in contacts
    }
    by_pair: dict[tuple[int, int, str], list[tuple[datetime, datetime, Grade]]] = {}
    for (person, other, site, since, until), grade in shown.items():
        by_pair.setdefault((person, other, site), []).append((since, until, grade))
    truths = hits = 0
    true_pairs: dict[tuple[int, int, str], list[tuple[datetime, datetime]]] = {}
    for person in asked:
        for one in city.true_overlaps(person, MIN_OVERLAP):
            pair = (person, one.person, one.site)
            true_pairs.setdefault(pair, []).append((one.since_at, one.until_at))
            truths += 1
            hits += any(since < one.until_at and until > one.since_at for since, until, _ in by_pair.get(pair, ()))
    paired = [
        (pair, since, until) for pair, rows in by_pair.items() for since, until, grade in rows if grade is Grade.PAIRED
    ]
    right = sum(any(a < until and b > since for a, b in true_pairs.get(pair, ())) for pair, since, until in paired)
    return [
        Row(f"city of {people} people, {sites} sites, {days} days", len(city.unsealed), "passages"),
        Row("grouping and pairing all of it", paired_s, "s of a core"),
        goal_row(f"recall of {truths} true contacts of 200 people", hits / truths, "", ">= 1"),
        goal_row(f"precision of {len(paired)} paired contacts", right / len(paired), "", ">= 0.95"),
        Row("contacts that are only assumed", len(contacts) - len(paired), "contacts"),
    ]
