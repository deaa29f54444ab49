"""Commands and lists over the network: what an attacker reaches, and what a large denylist and a large fleet cost."""

import ctypes
import gc
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.credentials.issuing.key_files import public_key_pem
from kiosk.credentials.trust.denylist import ENTRY_BYTES, make_denylist, parse_denylist, sign_denylist
from kiosk.credentials.trust.list_delta import apply_delta, make_delta
from mqtt.centre.accounts.audit import CentreAuditEntry
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.lists import NewList, publish_list, take_lists
from mqtt.centre.remote.sending import save_hello, take_commands
from mqtt.centre.remote.store import NewCommand, add_command
from mqtt.remote.command_guard import AcceptedCommand
from mqtt.remote.commands import CommandName, HelloMessage
from tests.benchmarks.table import Row, goal_row
from tests.fakes.centre.city import add_device
from tests.fakes.parts.commands import AT, FLEET_KEY, a_command, signed
from tests.unit.mqtt.remote.test_command_guard import Attacker, a_guard

CHANGES = 1_000
PASSES, QUICK_PASSES = 1_000_000, 100_000
DEVICES, QUICK_DEVICES = 10_000, 1_000
ATTACKS = 10_000


def run(quick: bool) -> list[Row]:
    """All rows. `quick` takes a tenth of the passes and devices."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *_attacks(),
            *_large_list(folder, QUICK_PASSES if quick else PASSES),
            *_fleet(folder, QUICK_DEVICES if quick else DEVICES),
        ]


def _attacks() -> list[Row]:
    guard, first = a_guard(), signed(a_command())
    attacker = Attacker(random.Random(19), [first])
    assert isinstance(guard.check("pause", first, AT), AcceptedCommand)
    messages = [attacker.message() for _ in range(ATTACKS)]
    begun_s = time.process_time()
    obeyed = sum(isinstance(guard.check("pause", message, AT), AcceptedCommand) for message in messages)
    took_us = (time.process_time() - begun_s) / ATTACKS * 1e6
    return [
        goal_row(f"obeyed, of {ATTACKS:,} forged, replayed, expired, foreign commands", obeyed, "", "<= 0"),
        Row("processor time to refuse one", round(took_us, 1), "us"),
    ]


def _large_list(folder: Path, passes: int) -> list[Row]:
    chance, root = random.Random(1), Ed25519PrivateKey.generate()
    entries = [chance.randbytes(ENTRY_BYTES) for _ in range(passes)]
    changed = set(entries[CHANGES // 2 :]) | {chance.randbytes(ENTRY_BYTES) for _ in range(CHANGES // 2)}
    old = make_denylist(entries, number=1, issued_at=AT)
    new = make_denylist(changed, number=2, issued_at=AT)
    data, pem = sign_denylist(root, new), public_key_pem(root)
    delta = make_delta(old, new, data)
    begun_s = time.process_time()
    assert apply_delta(old, 2, delta) == data
    applied_s = time.process_time() - begun_s
    loaded = parse_denylist(data, pem)
    asked = [chance.randbytes(ENTRY_BYTES) for _ in range(50_000)] + sorted(changed)[:: max(1, passes // 50_000)]
    begun_s = time.process_time()
    found = sum(entry in loaded.entries for entry in asked)
    lookup_us = (time.process_time() - begun_s) / len(asked) * 1e6
    assert found >= len(asked) - 50_000
    (folder / "deny").write_bytes(data)
    (folder / "pem").write_bytes(pem)
    command = [sys.executable, "-m", "tests.benchmarks.remote", str(folder / "deny"), str(folder / "pem")]
    memory_mb = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    of = f"of {passes:,} passes"
    return [
        goal_row(f"{CHANGES:,} changes {of} on the wire", len(delta), "bytes", "<= 16000"),
        goal_row(f"search, {of}", round(lookup_us, 2), "us", "<= 2"),
        goal_row(f"memory {of}", round(memory_mb, 1), "MB", "<= 15"),
        Row(f"processor time to apply {CHANGES:,} changes, {of}", round(applied_s, 2), "s"),
    ]


def _fleet(folder: Path, devices: int) -> list[Row]:
    """What the centre does for a list and for a command to each device of a fleet. The broker is not in it."""
    database, now = str(folder / "centre.db"), datetime.now(UTC)
    prepare_configuration(database)
    names = [f"site-{number // 10}/gate-{number % 10}" for number in range(devices)]
    with open_query(database) as query:
        for name in names:
            add_device(query, name, now)
            save_hello(query, name, HelloMessage(session="5" * 32, at=now, lists={"deny": 1}), now)
        query("UPDATE device SET state = 'ready'")
    begun_s = time.process_time()
    with open_query(database) as query:
        publish_list(query, NewList("deny", 2, b"x" * 10_000, {1: b"y" * 100}), CentreAuditEntry("an", "publish"), now)
    sent = 0
    while True:
        with open_query(database) as query:
            messages = take_lists(query, "entrance")
        if not messages:
            break
        sent += len(messages)
    list_s = time.process_time() - begun_s
    assert sent == devices
    begun_s = time.process_time()
    some = names[: devices // 10]
    with open_query(database) as query:
        for name in some:
            add_command(query, NewCommand(name, CommandName.RESUME, {}, "an", "a benchmark", timedelta(minutes=5)), now)
    commands = 0
    while True:
        with open_query(database) as query:
            taken = take_commands(query, FLEET_KEY, "entrance", now)
        if not taken:
            break
        commands += len(taken)
    assert commands == len(some)
    command_ms = (time.process_time() - begun_s) / len(some) * 1000
    return [
        goal_row(f"processor time of the centre for a list to {devices:,} kiosks", round(list_s, 1), "s", "<= 60"),
        Row("processor time of the centre for one command, with audit and signature", round(command_ms, 2), "ms"),
    ]


def _resident_mb() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # as the daemon does every 15 s
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def main(list_path: Path, pem_path: Path) -> None:
    """Print how much memory the list takes, in a process that does nothing else."""
    pem = pem_path.read_bytes()
    parse_denylist(sign_denylist(FLEET_KEY, make_denylist([], number=1, issued_at=AT)), public_key_pem(FLEET_KEY))
    before_mb = _resident_mb()
    loaded = parse_denylist(list_path.read_bytes(), pem)
    print(_resident_mb() - before_mb, flush=True)
    assert loaded.number


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
