"""Faults of the machine and the network around the processes: disk, clocks, connections."""

from collections.abc import Callable, Mapping
from functools import partial
from signal import SIGKILL, SIGTERM

from tests.environments import clocks
from tests.faults.injection.environment import FaultEnvironment
from tests.faults.network_proxy import Mood

TEN_YEARS_S = 315_576_000.0


def machine_faults(environment: FaultEnvironment) -> Mapping[str, Callable[[], None]]:
    """Name of each fault -> function that injects it."""
    one = _MachineFaults(environment)
    found: dict[str, Callable[[], None]] = {
        "network cut": partial(one.change_network, Mood.CUT),
        "slow network": partial(one.change_network, Mood.SLOW),
        "half-open": partial(one.change_network, Mood.HALF_OPEN),
        "no CONNACK": one.no_connack,
        "disk full": one.disk_full,
        "disk read-only": one.disk_read_only,
        "clock of the device by a day": partial(one.step_device_clock, 90_000.0),
        "clock of the device by 10 years": partial(one.step_device_clock, TEN_YEARS_S),
    }
    if clocks.preloaded_variables(environment.centre_clock):
        found["clock of the centre by 10 years"] = one.step_centre_clock
    return found


class _MachineFaults:
    def __init__(self, environment: FaultEnvironment) -> None:
        self._environment = environment
        self._rng = environment.rng

    def change_network(self, mood: Mood) -> None:
        """Of the device or of the centres."""
        proxy = self._rng.choice([self._environment.proxy, self._environment.centre_proxy])
        proxy.set(mood)
        self._environment.wait(self._rng.uniform(0.3, 2.5))
        proxy.set(Mood.PASS if mood is not Mood.HALF_OPEN else Mood.CUT)
        self._environment.wait(0.2)
        proxy.set(Mood.PASS)

    def no_connack(self) -> None:
        for proxy in (self._environment.proxy, self._environment.centre_proxy):
            proxy.set(Mood.CUT)
            self._environment.wait(0.1)
            proxy.set(Mood.PASS)
        self.change_network(Mood.MUTE)

    def disk_full(self) -> None:
        environment = self._environment
        environment.disk.fill(environment.device.pid)
        environment.wait(self._rng.uniform(0.5, 1.5))
        environment.disk.clear(environment.device.pid)

    def disk_read_only(self) -> None:
        """The disk fails under the running processes. Then the machine restarts with a repair of the disk."""
        environment = self._environment
        if not environment.disk.fail(environment.device.pid):
            environment.notes["disk read-only could not be had here"] += 1
            return
        environment.wait(self._rng.uniform(0.5, 2.0))
        for process in (environment.device, environment.page):
            environment.end_process(process, self._rng.choice([SIGKILL, SIGTERM]))
        environment.disk.repair()
        for process in (environment.device, environment.page):
            process.start()

    def step_device_clock(self, most_s: float) -> None:
        """A step of ten years is a whole one, in either direction. The next step begins at the true time again."""
        step_s = self._rng.choice([-most_s, most_s]) if most_s == TEN_YEARS_S else self._rng.uniform(-most_s, most_s)
        self._environment.tell_device(f"clock {step_s:.0f}")

    def step_centre_clock(self) -> None:
        step_s = self._rng.choice([-TEN_YEARS_S, TEN_YEARS_S])
        draft = self._environment.centre_clock.with_suffix(".draft")
        for seconds, offset in ((self._rng.uniform(1.5, 3.0), step_s), (0.0, 0.0)):
            draft.write_text(f"{offset:+.0f}", encoding="ascii")
            draft.replace(self._environment.centre_clock)
            self._environment.wait(seconds)
