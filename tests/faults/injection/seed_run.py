"""One seed: start everything, inject the faults of its plan while events are committed, wait until all works, count."""

import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from tests.faults.injection.database_faults import database_faults
from tests.faults.injection.environment import FaultEnvironment, Options
from tests.faults.injection.machine_faults import machine_faults
from tests.faults.injection.message_faults import message_faults
from tests.faults.injection.process_faults import process_faults
from tests.faults.injection.verdict import Verdict, count

PATIENCE_S = 300.0
"""Without any progress. Generous, because a busy machine may need a minute to start a process."""
BACKLOG_PER_S = 2500.0
"""About how fast a backlog is delivered: the faults of the seed are spread over this time."""


def run(options: Options) -> Verdict:
    """The verdict of a seed. A seed without one has its `error`."""
    started_s = time.monotonic()
    faults: Counter[str] = Counter()
    with ExitStack() as stack:
        environment = FaultEnvironment(stack, options)
        try:
            environment.start()
            _inject(environment, faults)
            down = _wait_for_recovery(environment)
            _deliver_all(environment)
            environment.stop()
            verdict = count(environment)
            verdict.down = down
        except Exception as error:  # noqa: BLE001 - a seed without a verdict is a bad one, and the others go on
            verdict = Verdict(options.seed, error="".join(traceback.format_exception(error)[-3:]))
        verdict.faults, verdict.notes = dict(faults), dict(+environment.notes)
        verdict.ends = environment.ends
        verdict.seconds = round(time.monotonic() - started_s, 1)
        if not verdict.good:
            print(f"seed {options.seed}: its files are in {environment.keep()}", file=sys.stderr)
            print(environment.last_words(), file=sys.stderr)
        return verdict


def plan(options: Options, common: list[str], own: list[str]) -> list[str]:
    """The faults of a seed in their order. Three neighbouring seeds have all common kinds, and each seed its own ones."""
    block, part = divmod(options.seed - 1, 3)
    deck = list(common)
    random.Random(block).shuffle(deck)
    chosen = [*own, *deck[part::3]]
    rng = random.Random(options.seed)
    chosen += rng.choices([*common, *own], k=max(0, options.faults - len(chosen)))
    rng.shuffle(chosen)
    return chosen[: options.faults]


def _inject(environment: FaultEnvironment, faults: Counter[str]) -> None:
    options = environment.options
    common = {**process_faults(environment), **machine_faults(environment), **message_faults(environment)}
    own = database_faults(environment)
    injections: Mapping[str, Callable[[], None]] = {**common, **own}
    promised = environment.commits.promised
    _until(lambda: len(promised()) > options.backlog, environment, lambda: len(promised()))
    busy_s = (options.event_count / options.per_s + options.backlog / BACKLOG_PER_S) / options.faults
    for name in plan(options, sorted(common), sorted(own)):
        environment.wait(environment.rng.uniform(0.1, max(0.2, 2 * busy_s)))
        faults[name] += 1
        environment.injected_fault = name
        injections[name]()
    environment.tell_device("refused", "cutting")  # earlier ones may be lost with a killed device
    enough = max(options.event_count, len(promised()) + options.per_s)
    _until(lambda: len(promised()) >= enough, environment, lambda: len(promised()))


def _wait_for_recovery(environment: FaultEnvironment) -> list[str]:
    """What is down when nothing has come back for long. Empty where all processes do their work again."""
    environment.injected_fault = "the last fault"
    environment.tell_device("clock 0")
    environment.show_empty_gate()
    ends_s = time.monotonic() + PATIENCE_S
    while (down := environment.down()) and time.monotonic() < ends_s:
        environment.wait(0.5)
    return down


def _deliver_all(environment: FaultEnvironment) -> None:
    environment.tell_device("pause")
    poll_s = 0.1 if environment.options.backlog < 100_000 else 2.0
    _until(lambda: environment.waiting() == 0, environment, environment.waiting, poll_s)


def _until(
    done: Callable[[], bool], environment: FaultEnvironment, progress: Callable[[], int], poll_s: float = 0.1
) -> None:
    """Wait. Raises AssertionError when `progress` has not changed for long."""
    ends_s, last = time.monotonic() + PATIENCE_S, progress()
    while not done():
        now = progress()
        if now != last:
            ends_s, last = time.monotonic() + PATIENCE_S, now
        if time.monotonic() > ends_s:
            raise AssertionError(f"no progress for {PATIENCE_S:.0f} s; down: {environment.down()}")
        environment.wait(poll_s)
