"""Faults of the centre's PostgreSQL: restarted, killed in mid-transaction, stopped, cut off, failed over to a standby."""

import contextlib
import os
from collections.abc import Callable, Mapping
from signal import SIGKILL

import psycopg

from tests.faults.injection.environment import FaultEnvironment
from tests.faults.injection.supervised import stop_while
from tests.faults.network_proxy import Mood


def database_faults(environment: FaultEnvironment) -> Mapping[str, Callable[[], None]]:
    """Name of each fault -> function that injects it. None where the centre's database is a file."""
    if environment.database.server is None:
        return {}
    one = _DatabaseFaults(environment)
    return {
        "database restarted": one.restart,
        "database killed in mid-transaction": one.kill,
        "backend killed in mid-transaction": one.kill_backend,
        "database fails over in mid-transaction": one.fail_over,
        "stop database": one.stop,
        "database connection cut": one.cut,
    }


class _DatabaseFaults:
    def __init__(self, environment: FaultEnvironment) -> None:
        self._environment = environment
        self._rng = environment.rng
        self._database = environment.database

    def restart(self) -> None:
        assert self._database.server is not None
        self._database.server.stop()
        self._environment.wait(self._rng.uniform(0, 2.0))
        self._database.server.start()

    def kill(self) -> None:
        """While a centre waits within its transaction, or at any other moment."""
        assert self._database.server is not None
        if self._rng.random() < 0.5:
            self._block()
            self._database.server.kill()
            self._database.release()
        else:
            self._database.server.kill()
        self._environment.wait(self._rng.uniform(0, 2.0))
        self._database.server.start()

    def kill_backend(self) -> None:
        """One process of the server ends: the server ends all its connections and recovers."""
        self._block()
        for pid in self._database.waiting_backends():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self._database.release()
        self._environment.wait(0.2)

    def fail_over(self) -> None:
        self._database.fail_over(on_idle=self._note_idle)

    def stop(self) -> None:
        assert self._database.server is not None
        stop_while(self._database.server.pids(), lambda: self._environment.wait(self._rng.uniform(0.5, 3.0)))

    def cut(self) -> None:
        self._database.proxy.set(Mood.CUT)
        self._environment.wait(self._rng.uniform(0.1, 2.0))
        self._database.proxy.set(Mood.PASS)

    def _block(self) -> None:
        assert self._database.server is not None
        self._database.server.wait_until_ready()
        with contextlib.suppress(psycopg.Error):
            if self._database.block_transaction():
                return
        self._note_idle()

    def _note_idle(self) -> None:
        self._environment.notes["no transaction to interrupt"] += 1
