"""What a fleet connects to: mosquitto with the shipped limits, a database, and `kiosk centre`, each a process of its own."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg

from tests.fakes.processes import postgres
from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT

SHIPPED = PROJECT / "mqtt/broker/mosquitto.conf"
LIMITS = (
    "max_queued_messages", "max_queued_bytes", "max_inflight_messages", "max_packet_size", "set_tcp_nodelay",
    "persistent_client_expiration", "autosave_interval",
)  # fmt: skip
"""Settings that the fleet's broker takes over. TLS is left out: handshakes of ten thousand clients would be measured."""
START_TIMEOUT_S = 60.0
Subscriber = Literal["centre", "acknowledging"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process and its children so far."""

    cpu_s: float
    memory_mb: float
    """Resident. Pages that processes share are counted once for each."""


@dataclass
class Parts:
    """The running processes. `addresses`: host and port for the kiosks."""

    broker: Broker | None
    """None: it was not started here."""
    database: str
    """A file, or postgresql://... Empty: it is not known."""
    centres: list[subprocess.Popen[bytes]]
    addresses: tuple[tuple[str, int], ...]
    logs: list[Path] = field(default_factory=list)
    broker_pid: int = 0

    def usage(self) -> dict[str, Usage]:
        """Processor time and memory by the name of the part."""
        found = {"broker": _usage([self.broker_pid])} if self.broker is not None else {}
        if self.centres:
            found["centre"] = _usage([centre.pid for centre in self.centres])
        if self.database.startswith("postgresql:"):
            found["postgresql"] = _usage(_postgres_pids(self.database))
        return found

    def last_words(self) -> str:
        """The ends of the centres' logs."""
        return "\n".join(log.read_text(errors="replace")[-1500:] for log in self.logs)

    def kill_broker(self, away_s: float) -> threading.Thread:
        """Kill it as a power cut does, and start it again after this time. Returns the thread that does."""
        broker = self.broker
        assert broker is not None, "only a broker that was started here can be killed"
        broker.kill()

        def restart() -> None:
            threading.Event().wait(away_s)
            broker.start()
            self.broker_pid = _pid_of(broker)

        thread = threading.Thread(target=restart)
        thread.start()
        return thread


@contextmanager
def running(
    database: str = "sqlite",
    *,
    subscriber: Subscriber = "centre",
    centres: int = 1,
    checkout: Path = PROJECT,
    centre_options: Sequence[str] = (),
) -> Iterator[Parts]:
    """Start all parts, and end them afterwards.

    `database`: `sqlite`, `postgresql` (a temporary server), or the address of a database. `subscriber`: the product's centre,
    or one that stores nothing and only answers. `checkout`: the release whose centre is measured.
    """  # fmt: skip
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True)))
        place = database
        if database == "sqlite":
            place = str(folder / "centre.db")
        elif database == "postgresql":
            place = postgres.fresh_database(stack.enter_context(postgres.server(durable=True)), "fleet")
        centre_port = free_port()
        broker = stack.enter_context(Broker(configuration(centre_port), persistence=True, log_type="error"))
        parts = Parts(broker, place, [], (("127.0.0.1", broker.port),), broker_pid=_pid_of(broker))
        for number in range(1, centres + 1):
            share = ("--share-group", "centres") if centres > 1 else ()
            command = ["--broker", f"127.0.0.1:{centre_port}", "--database", place, "--name", f"centre-{number}"]
            log = folder / f"centre-{number}.log"
            if subscriber == "centre":
                command = ["kiosk.cli", "centre", *command, *share, *centre_options]
            else:
                command = ["tests.fleet.acknowledging", f"127.0.0.1:{centre_port}"]
            parts.centres.append(stack.enter_context(_process(command, checkout, log)))
            parts.logs.append(log)
        for centre, log in zip(parts.centres, parts.logs, strict=True):
            _wait_until_subscribed(centre, log)
        yield parts


def configuration(centre_port: int) -> str:
    """The shipped limits, no authentication, and a listener of the centre's own."""
    shipped = [
        line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if line.partition(" ")[0] in LIMITS
    ]  # fmt: skip
    return "\n".join(["allow_anonymous true", *shipped, f"listener {centre_port} 127.0.0.1"])


@contextmanager
def _process(module: Sequence[str], checkout: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A centre. It may not have subscribed yet."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=checkout, env=environment, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait_until_subscribed(process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(int(START_TIMEOUT_S / 0.05)):
        if b"subscribed" in log.read_bytes():
            return
        if process.poll() is not None:
            break
        threading.Event().wait(0.05)
    raise RuntimeError(f"the centre does not start: {log.read_text(errors='replace')[-500:]}")


def _pid_of(broker: Broker) -> int:
    assert broker._process is not None, "mosquitto does not run"
    return broker._process.pid


def _usage(pids: Sequence[int]) -> Usage:
    ticks_per_s, page_mb = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") / 2**20
    cpu_s = memory_mb = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        cpu_s += sum(map(int, fields[11:15])) / ticks_per_s  # with those of its children that have ended
        memory_mb += int(fields[21]) * page_mb
    return Usage(cpu_s, memory_mb)


def _postgres_pids(database: str) -> list[int]:
    """The server and all its processes. One that ended between two calls is missing in the second."""
    with psycopg.connect(database) as connection:
        backend = connection.info.backend_pid  # it ends with the connection
        server = int(Path(f"/proc/{backend}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="utf-8").split()
    return [server, *map(int, children)]
