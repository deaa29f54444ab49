"""The machines that install.sh is run on, booted once for all tests of the module."""

from collections.abc import Iterator

import pytest

from tests.system.container import requirements
from tests.system.install import machines
from tests.system.install.device import Options
from tests.system.install.machines import Devices

CUTS = 2
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def devices(request: pytest.FixtureRequest, seed: int) -> Iterator[Devices]:
    """One for each suite of `--suites`. Consoles and results are kept in build/system-tests/install."""
    requirements.skip_if(machines.skip_reason())
    asked = request.config.getoption
    cuts = asked("--cuts")
    options = Options(
        suites=tuple(asked("--suites") or machines.SUITES),
        cuts=CUTS if cuts is None else cuts,
        patience_s=asked("--patience") or PATIENCE_S,
    )
    with machines.running(options, seed) as found:
        yield found
