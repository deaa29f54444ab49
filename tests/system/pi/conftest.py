"""One card, one broker and one centre for all power-ons of the emulated Pi."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT
from tests.system.arm import root as arm_root
from tests.system.container import requirements
from tests.system.emulator import gate as gates
from tests.system.emulator import qemu
from tests.system.emulator.gate import Gate
from tests.system.pi import board

RESULTS = PROJECT / "build/system-tests/pi"
UNITS = "systemd-analyze blame --no-pager; systemd-analyze critical-chain kiosk.service --no-pager; true"
"""Which unit took how long at power-on, and what the daemon waited for. Says so where the system is still starting."""


@dataclass(frozen=True, slots=True)
class Site:
    """What stands around the board. Ports are this machine's."""

    page_port: int
    shell_port: int
    kernel_words: str
    """What install.sh added to the kernel's command line."""
    centre_database: Path


PowerOn = Callable[[str, str], AbstractContextManager[Gate]]


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The card is made, broker and centre run."""
    requirements.skip_if(arm_root.missing(board.TOOLS))
    database = tmp_path_factory.mktemp("centre") / "centre.db"
    with Broker(log_type="error") as broker:
        found = Site(free_port(), free_port(), board.make_card(broker.port), database)
        collect = [sys.executable, "-m", "kiosk.cli", "centre", "--broker", broker.address, "--database", str(database)]
        with subprocess.Popen(collect, cwd=PROJECT, stderr=subprocess.DEVNULL) as centre:
            yield found
            centre.terminate()


@pytest.fixture(scope="package")
def power_on(site: Site) -> PowerOn:
    """`with power_on(KERNEL_WORDS, NAME) as gate`: the board from power-on to power-off. Traces go to RESULTS/NAME."""

    @contextmanager
    def run(kernel_words: str, name: str) -> Iterator[Gate]:
        words = f"{site.kernel_words} {kernel_words}"
        command = board.command(words, site.page_port, site.shell_port)
        with qemu.machine(command, site.shell_port) as machine:
            machine.pins.watch(machine.path_of("bcm2835_gpio"))
            machine.go()
            yield Gate(machine, board.PINS)
            gates.save_traces(machine, RESULTS / name)
            (RESULTS / name / "time-line").write_text(machine.shell.run(UNITS, 120.0), encoding="utf-8")

    return run
