"""A temporary PostgreSQL server on a free port. It refuses to run as root, so it runs as user postgres in this case."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest

from tests.fakes.processes.broker import free_port

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
NEEDED_MEMORY_BYTES = 4 * 2**30


def programs() -> Path | None:
    """Debian's folder of initdb and pg_ctl. None if PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def need_postgres() -> Path:
    """The folder of the programs. Skips the test if PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: sudo apt-get install postgresql")
    return found


def _memory() -> Path | None:
    """Where a database lies in memory. None if there is too little of it: each database of a test takes 8 MB."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED_MEMORY_BYTES:
        return MEMORY
    return None


class PostgresServer:
    """`with PostgresServer() as server:` starts it. `kill`, `restart` and `standby` may be used inside the block."""

    def __init__(self, parent: Path | None = None, *, durable: bool = False) -> None:
        """`parent`: where its private folder is made. Not `durable`: it never waits for a disk, and lies in memory if it can.

        What is committed survives the death of its processes in both cases, because the kernel has it.
        """
        self._programs = need_postgres()
        self._durable = durable
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=parent or (None if durable else _memory())))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._data = self._folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """postgresql://..."""
        return f"postgresql://centre@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        if not self._data.exists():
            self._run("initdb", "-D", str(self._data), "-U", "centre", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it accepts connections: after a kill it recovers first."""
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}", f"port={self.port}"]
        options.append(
            "dynamic_shared_memory_type=mmap"
        )  # in its own folder: a killed server leaves nothing in /dev/shm
        if not self._durable:
            options += ["fsync=off", "full_page_writes=off"]
        command = [str(self._programs / "postgres"), "-D", str(self._data)]
        for _ in range(60):
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, *(part for option in options for part in ("-c", option))],
                    user=self._user, cwd=self._folder, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            if self.wait_until_ready():
                return
            threading.Event().wait(0.5)  # processes of the killed server hold its shared memory a moment longer
        raise AssertionError((self._folder / "log").read_text(errors="replace")[-2000:])

    def wait_until_ready(self) -> bool:
        """Wait while it starts or recovers. False if it has ended."""
        assert self._process is not None
        while self._process.poll() is None:
            with suppress(psycopg.Error):
                psycopg.connect(self.address, connect_timeout=2).close()
                return True
            threading.Event().wait(0.05)
        return False

    def pids(self) -> list[int]:
        """The server and its processes."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return [self._process.pid, *map(int, children.split())]

    def kill(self) -> None:
        """End all its processes as a power cut does."""
        pids = self.pids()
        os.kill(pids[0], signal.SIGSTOP)  # it starts no other process meanwhile
        for pid in {*pids, *self.pids()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a system administrator does: transactions are rolled back, connections are closed."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(60)
        self._process = None

    def standby(self) -> "PostgresServer":
        """A synchronous standby, which is not started yet: from its start on, a commit waits until it has it too."""
        self.wait_until_ready()
        made = PostgresServer(self._folder.parent, durable=self._durable)
        made._run("pg_basebackup", "-h", "127.0.0.1", "-p", str(self.port), "-U", "centre", "-D", str(made._data), "-R",
                  "--checkpoint=fast")  # fmt: skip
        return made

    def make_synchronous(self) -> None:
        """Wait for the standby, and let no commit return before the standby has it."""
        with closing(psycopg.connect(self.address, autocommit=True)) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            for _ in range(600):
                found = connection.execute(
                    "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
                ).fetchone()
                if found and found[0]:
                    return
                connection.execute("SELECT pg_sleep(0.05)")
        raise AssertionError("the standby does not connect")

    def promote(self) -> None:
        """A standby becomes the server."""
        with closing(psycopg.connect(self.address, autocommit=True)) as connection:
            connection.execute("SELECT pg_promote(true)")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(
            command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """Run the server. Yields its address, postgresql://... See PostgresServer."""
    with PostgresServer(durable=durable) as running:
        yield running.address


def fresh_database(address: str, name: str) -> str:
    """Create an empty database and return its address."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return address.rsplit("/", 1)[0] + f"/{name}"
