"""The fault laboratory: device, broker and centre as processes, hit in random order; afterwards everything must be there.

`python -m tests.faults --seeds 5 [--first 1] [--passages 6000] [--per-s 1200]`. Prints a JSON line per seed; any seed replays.
The broker runs at its defaults. Exit status 1 where anything was lost, doubled or left a gap.
"""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mqtt import envelope
from mqtt.centre.ledger import read_counts
from mqtt.link import LinkError, Message
from tests.broker import Broker, publish
from tests.proxy import Mood, Proxy

ROOT = Path(__file__).parents[1]
PATIENCE_S = 90.0
RECEIPT_TOPIC = "entrance/v1/dong-ba/gate-1/receipt"


@dataclass
class Verdict:
    """What one seed came to."""

    seed: int
    promised: int = 0
    """Records of which somebody got a light."""
    recorded: int = 0
    """Rows on the device; may exceed `promised` by what was committed in the moment of a kill."""
    at_centre: int = 0
    lost: int = 0
    doubled: int = 0
    doubled_on_the_wire: int = 0
    missing: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, no gap but what is in quarantine."""
        return self.lost == 0 and self.doubled == 0 and self.missing == self.quarantined and self.promised > 0


class Laboratory:
    """One device, one broker, one centre, and a network between device and broker."""

    def __init__(self, stack: ExitStack, seed: int, per_s: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"faults-{seed}-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.dice = random.Random(seed)
        self.version = self.dice.choice(["5", "3.1.1"])
        self.broker = stack.enter_context(Broker())
        self.proxy = stack.enter_context(Proxy(self.broker.port))
        self.per_s = per_s
        self.pause = threading.Event()
        self.faults: Counter[str] = Counter()
        self.poisoned = 0
        self.centre = self.start_centre()
        self.device = self.start_device()
        stack.callback(self.end)

    def start_centre(self) -> subprocess.Popen[bytes]:
        command = [
            "-m",
            "kiosk",
            "centre",
            "--broker",
            self.broker.address,
            "--database",
            str(self.folder / "centre.db"),
        ]
        with (self.folder / "centre.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=log, stdout=log)

    def start_device(self) -> subprocess.Popen[bytes]:
        command = ["-m", "tests.device", "--database", str(self.folder / "device.db"), "--port", str(self.proxy.port)]
        command += ["--greens", str(self.folder / "greens"), "--per-s", str(self.per_s), "--mqtt", self.version]
        with (self.folder / "device.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *command], cwd=ROOT, stdin=subprocess.PIPE, stderr=log, stdout=log)

    def tell_device(self, *lines: str) -> None:
        """Commands; a device that was killed a moment ago does not hear them."""
        assert self.device.stdin is not None
        try:
            self.device.stdin.write(b"".join(line.encode() + b"\n" for line in lines))
            self.device.stdin.flush()
        except BrokenPipeError:
            self.faults["unheard command"] += 1

    def wait(self, seconds: float) -> None:
        self.pause.wait(seconds)

    def end_process(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        process.send_signal(how)
        process.wait(20)
        if process.stdin is not None:
            process.stdin.close()

    def hit_device(self, how: signal.Signals) -> None:
        self.end_process(self.device, how)
        self.wait(self.dice.uniform(0, 0.5))
        self.device = self.start_device()

    def hit_centre(self, how: signal.Signals) -> None:
        self.end_process(self.centre, how)
        self.wait(self.dice.uniform(0, 1.5))
        self.centre = self.start_centre()

    def hit_broker(self, how: signal.Signals) -> None:
        self.broker.kill() if how is signal.SIGKILL else self.broker.stop()
        self.wait(self.dice.uniform(0, 1.0))
        self.broker.start()

    def hit_network(self, mood: Mood) -> None:
        self.proxy.set(mood)
        self.wait(self.dice.uniform(0.3, 2.5))
        self.proxy.set(Mood.PASS if mood is not Mood.HALF_OPEN else Mood.CUT)
        self.wait(0.2)
        self.proxy.set(Mood.PASS)

    def no_connack(self) -> None:
        self.proxy.set(Mood.CUT)
        self.wait(0.1)
        self.hit_network(Mood.MUTE)

    def disk_full(self) -> None:
        self.tell_device("disk full")
        self.wait(self.dice.uniform(0.2, 1.0))
        self.tell_device("disk ok")

    def clock_jump(self) -> None:
        self.tell_device(f"clock {self.dice.uniform(-90_000, 90_000):.0f}")

    def poison(self) -> None:
        self.tell_device("poison")

    def old_receipts(self) -> None:
        """Receipts that are late, doubled, of another epoch, or nonsense."""
        epoch = self.epoch()
        if epoch is None:
            return
        messages = [envelope.receipt(epoch, self.dice.randint(0, 5)) for _ in range(2)]
        messages += [envelope.receipt("ffffffffffffffff", 10**6), b"\x00nonsense", b'{"epoch":"' + b"a" * 500]
        for payload in self.dice.sample(messages, k=len(messages)):
            try:
                publish(self.broker.endpoint(), Message(RECEIPT_TOPIC, payload), name="mischief")
            except LinkError:
                self.faults["mischief unheard"] += 1

    def epoch(self) -> str | None:
        """Of the device's database, once 5 passages are in it (a receipt for more than there is would be a lie)."""
        try:
            with self.look_into("device.db") as database:
                if database.execute("SELECT count(*) FROM passage").fetchone()[0] < 5:
                    return None
                return str(database.execute("SELECT epoch FROM delivery").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return None

    def look_into(self, name: str) -> closing[sqlite3.Connection]:
        """Read one of the two databases beside its owner."""
        return closing(sqlite3.connect(f"file:{self.folder / name}?mode=ro", uri=True, timeout=5))

    def all_faults(self) -> dict[str, Callable[[], None]]:
        """Everything that can be done to it."""
        kill, term = signal.SIGKILL, signal.SIGTERM
        return {
            "kill device": lambda: self.hit_device(kill),
            "kill centre": lambda: self.hit_centre(kill),
            "kill broker": lambda: self.hit_broker(kill),
            "term device": lambda: self.hit_device(term),
            "term centre": lambda: self.hit_centre(term),
            "term broker": lambda: self.hit_broker(term),
            "cut": lambda: self.hit_network(Mood.CUT),
            "slow": lambda: self.hit_network(Mood.SLOW),
            "half-open": lambda: self.hit_network(Mood.HALF_OPEN),
            "no connack": self.no_connack,
            "disk full": self.disk_full,
            "clock": self.clock_jump,
            "poison": self.poison,
            "receipts": self.old_receipts,
        }

    def promised(self) -> dict[str, int]:
        """Every id that somebody got a light for, with its seq."""
        greens = self.folder / "greens"
        lines = greens.read_text().splitlines() if greens.exists() else []
        return {line.split()[1]: int(line.split()[0]) for line in lines if line.count(" ") == 1 and len(line) > 36}

    def waiting(self) -> int:
        """How many passages the device still has in its outbox."""
        with self.look_into("device.db") as database:
            return int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def end(self) -> None:
        for process in (self.device, self.centre):
            if process.poll() is None:
                self.end_process(process, signal.SIGKILL)


def run(seed: int, passages: int, per_s: int, faults: int) -> Verdict:
    """One seed: `faults` hits while `passages` are committed, then peace until the outbox is empty, then the count."""
    started = time.monotonic()
    with ExitStack() as stack:
        laboratory = Laboratory(stack, seed, per_s)
        names = list(laboratory.all_faults())
        plan = laboratory.dice.sample(names, k=len(names)) + laboratory.dice.choices(
            names, k=max(0, faults - len(names))
        )
        for name in plan[:faults]:
            laboratory.wait(laboratory.dice.uniform(0.1, max(0.2, passages / per_s / faults)))
            laboratory.faults[name] += 1
            laboratory.all_faults()[name]()
        _until(lambda: len(laboratory.promised()) >= passages, laboratory)
        laboratory.tell_device("clock 0", "pause")
        _until(lambda: laboratory.waiting() == 0, laboratory)
        laboratory.end_process(laboratory.device, signal.SIGTERM)
        laboratory.end_process(laboratory.centre, signal.SIGTERM)
        verdict = _count(laboratory, seed)
        verdict.seconds = round(time.monotonic() - started, 1)
        if not verdict.good:
            kept = Path(tempfile.mkdtemp(prefix=f"faults-bad-{seed}-"))
            shutil.copytree(laboratory.folder, kept, dirs_exist_ok=True)
            print(f"seed {seed}: what is left of it is in {kept}", file=sys.stderr)
        return verdict


def _until(done: Callable[[], bool], laboratory: Laboratory) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > ends:
            logs = [(laboratory.folder / name).read_text()[-2000:] for name in ("device.log", "centre.log")]
            raise AssertionError("it does not come to an end:\n" + "\n".join(logs))
        laboratory.wait(0.1)


def _count(laboratory: Laboratory, seed: int) -> Verdict:
    with laboratory.look_into("device.db") as device:
        rows = {bytes(row[0]): int(row[1]) for row in device.execute("SELECT id, seq FROM passage")}
        aside = {bytes(row[0]) for row in device.execute("SELECT id FROM passage JOIN quarantine USING (seq)")}
    with laboratory.look_into("centre.db") as centre:
        there = Counter(bytes(row[0]) for row in centre.execute("SELECT id FROM passage"))
    promised = {bytes.fromhex(id_.replace("-", "")): seq for id_, seq in laboratory.promised().items()}
    kept = {id_ for id_, seq in promised.items() if rows.get(id_) == seq}
    counts = read_counts(laboratory.folder / "centre.db")
    return Verdict(
        seed=seed,
        promised=len(promised),
        recorded=len(rows),
        at_centre=len(there),
        lost=len(set(rows) - set(there) - aside) + len(set(promised) - kept),
        doubled=sum(there.values()) - len(there),
        doubled_on_the_wire=counts.doubled,
        missing=counts.missing,
        quarantined=len(aside),
        faults=dict(laboratory.faults),
    )


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--passages", type=int, default=6000)
    parser.add_argument("--per-s", type=int, default=1200)
    parser.add_argument("--faults", type=int, default=14)
    wanted = parser.parse_args()
    good = True
    for seed in range(wanted.first, wanted.first + wanted.seeds):
        verdict = run(seed, wanted.passages, wanted.per_s, wanted.faults)
        print(json.dumps(asdict(verdict)), flush=True)
        good = good and verdict.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
