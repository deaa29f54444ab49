"""The machine of `make test-power`, its broker on this host, and its dice."""

import logging
import random
from collections.abc import Iterator

import pytest

from tests.fakes.processes.broker import Broker
from tests.system.arm import root as arm_root
from tests.system.container import requirements
from tests.system.power import disk, machine
from tests.system.power.machine import Parts


@pytest.fixture(scope="module")
def chance(seed: int) -> random.Random:
    """Begins anew in each module, so that a module can be repeated alone."""
    return random.Random(seed)


@pytest.fixture(scope="package")
def broker() -> Iterator[Broker]:
    """Runs as long as the power tests."""
    requirements.skip_if(arm_root.missing(machine.TOOLS) or disk.cannot_mount())
    logging.getLogger("kiosk").addHandler(logging.NullHandler())  # what the store logs of corruption is judged here
    with Broker(log_type="error") as found:
        yield found


@pytest.fixture(scope="package")
def parts(broker: Broker) -> Parts:
    """The machine, without its data disk."""
    return machine.prepared(broker.port)
