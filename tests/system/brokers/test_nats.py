"""A NATS cluster, as a broker that speaks MQTT 3.1.1 only: the node of the centre dies while events flow."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.system.brokers import root
from tests.system.brokers.delivering import Centre, Fleet, device_names
from tests.system.brokers.nats import NatsCluster
from tests.system.conftest import Measured
from tests.system.container import requirements

pytestmark = [pytest.mark.system, pytest.mark.brokers, pytest.mark.timeout(1800)]
DEVICES = device_names(10)
RECORDS, SHORT_RECORDS = 20_000, 2_000
PER_S = 400.0


def test_nothing_is_lost_or_doubled_while_the_node_of_the_centre_dies(
    tmp_path: Path, measured: Measured, request: pytest.FixtureRequest
) -> None:
    requirements.skip_if(root.missing())
    records = SHORT_RECORDS if request.config.getoption("--short") else RECORDS
    with (
        NatsCluster(tmp_path) as cluster,
        Centre(tmp_path, cluster.endpoints("centre")) as centre,
        Fleet(tmp_path, DEVICES, cluster.endpoints) as fleet,
    ):
        fleet.record(records // 2, PER_S)
        fleet.wait_until_flowing([0] * len(DEVICES))
        newest = fleet.newest()
        cluster.nodes[0].kill()  # the first address of the centre
        recording = threading.Thread(target=fleet.record, args=(records // 2, PER_S))
        recording.start()
        first_s, last_s = fleet.wait_until_flowing(newest)
        recording.join()
        fleet.drain()
        recorded = fleet.recorded()
        stored = Counter(centre.stored())
        assert "no connection to the broker" in centre.log()
    measured(
        f"{len(recorded)} events, the centre's node killed: seconds until the first and the last of {len(DEVICES)} devices had "
        f"receipts {first_s:.1f} and {last_s:.1f}; lost {len(recorded - stored.keys())}, "
        f"doubled {stored.total() - len(stored)}"
    )
    assert recorded == set(stored)
    assert stored.total() == len(stored)
