"""Faults of processes: killed, ended, stopped and continued, out of memory, out of file descriptors."""

import math
import resource
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from signal import SIGKILL, SIGTERM, Signals

from tests.faults.injection.environment import FaultEnvironment
from tests.faults.injection.supervised import (
    Supervised,
    address_space_bytes,
    limit_while,
    lowest_free_descriptor,
    stop_while,
)
from tests.faults.network_proxy import Mood

OUT_OF_MEMORY_S = 5.0
"""How long a process may live without any free memory."""


def process_faults(environment: FaultEnvironment) -> Mapping[str, Callable[[], None]]:
    """Name of each fault -> function that injects it."""
    one = _ProcessFaults(environment)
    found: dict[str, Callable[[], None]] = {}
    for name, processes in one.targets().items():
        found[f"kill {name}"] = partial(one.end, processes, SIGKILL)
        found[f"term {name}"] = partial(one.end, processes, SIGTERM)
        found[f"stop {name}"] = partial(one.stop_processes, processes)
        found[f"out of descriptors {name}"] = partial(one.out_of_descriptors, processes)
    for name in ("device", "centre"):
        found[f"out of memory {name}"] = partial(one.out_of_memory, one.targets()[name])
        found[f"memory refused {name}"] = partial(one.memory_refused, one.targets()[name])
    return found | {
        "kill broker": partial(one.end_broker, SIGKILL),
        "term broker": partial(one.end_broker, SIGTERM),
        "stop broker": partial(one.stop, lambda: [environment.broker.pid]),
        "out of descriptors broker": one.out_of_descriptors_broker,
    }


class _ProcessFaults:
    def __init__(self, environment: FaultEnvironment) -> None:
        self._environment = environment
        self._rng = environment.rng

    def targets(self) -> dict[str, Callable[[], Sequence[Supervised]]]:
        """The processes of each name, chosen when the fault is injected."""
        environment = self._environment
        return {
            "device": lambda: [environment.device],
            "centre": environment.some_centres,
            "page": lambda: [environment.page],
        }

    def end(self, processes: Callable[[], Sequence[Supervised]], how: Signals) -> None:
        chosen = processes()
        for process in chosen:
            self._environment.end_process(process, how)
        self._environment.pause.wait(self._rng.uniform(0, 1.0))
        for process in chosen:
            process.start()

    def end_broker(self, how: Signals) -> None:
        if how is SIGKILL:
            self._environment.broker.kill()
        else:
            self._environment.broker.stop()
        self._environment.wait(self._rng.uniform(0, 1.0))
        self._environment.broker.start()

    def stop_processes(self, processes: Callable[[], Sequence[Supervised]]) -> None:
        self.stop(lambda: [each.pid for each in processes()])

    def stop(self, pids: Callable[[], Sequence[int]]) -> None:
        """SIGSTOP for 1 s up to the limit of the run. Short ones are as likely as long ones."""
        seconds = math.exp(self._rng.uniform(0, math.log(self._environment.options.max_stop_s)))
        stop_while(pids(), lambda: self._environment.wait(seconds))

    def out_of_memory(self, processes: Callable[[], Sequence[Supervised]]) -> None:
        """The control group has no memory left, and the kernel kills the process (OOM). It may live on if it needs none."""
        for process in processes():
            if process.memory is None:
                self._environment.notes["no control group for memory here"] += 1
                return
            process.memory.use_up()
            if not process.wait_for_end(OUT_OF_MEMORY_S):
                self._environment.notes[f"{process.name} lived on without free memory"] += 1
            process.memory.release()

    def memory_refused(self, processes: Callable[[], Sequence[Supervised]]) -> None:
        """RLIMIT_AS: an allocation returns an error. No kernel kills the process, so its own code meets the error."""
        for process in processes():
            limit = address_space_bytes(process.pid) + self._rng.randrange(0, 2_000_000)
            seconds = self._rng.uniform(0.5, 3.0)
            limit_while(process.pid, resource.RLIMIT_AS, limit, partial(self._wait_as_it_is, seconds))

    def _wait_as_it_is(self, seconds: float) -> None:
        """What ends meanwhile is started again only when the limit is gone."""
        self._environment.pause.wait(seconds)

    def out_of_descriptors(self, processes: Callable[[], Sequence[Supervised]]) -> None:
        """The process can open nothing, and loses its connections meanwhile."""
        for process in processes():
            limit = lowest_free_descriptor(process.pid) + self._rng.randrange(0, 4)
            limit_while(process.pid, resource.RLIMIT_NOFILE, limit, self._lose_connections)

    def out_of_descriptors_broker(self) -> None:
        pid = self._environment.broker.pid
        limit_while(pid, resource.RLIMIT_NOFILE, lowest_free_descriptor(pid), self._lose_connections)

    def _lose_connections(self) -> None:
        proxies = [self._environment.proxy, self._environment.centre_proxy]
        for proxy in proxies:
            proxy.set(Mood.CUT)
        self._environment.pause.wait(0.2)
        for proxy in proxies:
            proxy.set(Mood.PASS)
        self._environment.is_page_up()
        self._environment.pause.wait(self._rng.uniform(0.5, 3.0))
