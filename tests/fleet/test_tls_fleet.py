"""The fleet simulator over TLS, with certificates and the access control that the project ships."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from tests.fakes.processes.broker import Broker
from tests.fleet.kiosk.simulated_kiosk import device_topics
from tests.fleet.simulation import FleetOptions, Simulation
from tests.fleet.traffic import FixedRate

TLS = """\
cafile {0}/ca.pem
certfile {0}/broker.pem
keyfile {0}/broker.key
require_certificate true
use_identity_as_username true
"""


def issue(folder: Path, kiosks: int) -> None:
    now = datetime.now(UTC)
    authority = CertificateAuthority.create(folder, "fleet", now)
    authority.issue("broker", CertificateUse.SERVER, now, 30, ["127.0.0.1"])
    for index in range(kiosks):
        topics = device_topics("entrance", index)
        authority.issue(f"{topics.site}/{topics.device}", CertificateUse.CLIENT, now, 30)


def test_kiosks_with_certificates_connect_and_one_without_does_not(tmp_path: Path) -> None:
    issue(tmp_path, 5)
    options = FleetOptions(6, FixedRate(1), 0.0, connects_per_s=100, certificates=str(tmp_path))
    other = tmp_path / "other"
    issue(other, 6)
    stranger = device_topics("entrance", 5)
    for suffix in ("pem", "key"):
        name = f"{stranger.site}.{stranger.device}.{suffix}"
        (tmp_path / name).write_bytes((other / name).read_bytes())
    with (
        Broker(TLS.format(tmp_path), log_type="error") as broker,
        closing(Simulation(options, (("127.0.0.1", broker.port),))) as simulation,
    ):
        waits_s = iter(range(3, 60, 3))
        while simulation.counts.connected < 5:
            assert not simulation.connect(timeout_s=next(waits_s))
        assert simulation.counts.connected == 5
        assert not simulation.kiosks[5].is_ready
